//! The bytes to describe: an open file or a slice, with its name and its first bytes at hand.
use std::borrow::Cow;
use std::path::Path;

use thon_formats::text;
use thon_images::ByteSource;

use crate::error::InspectError;

/// First bytes kept to recognise the kind.
pub(crate) const HEAD_BYTES: usize = 64 << 10;
/// Largest file that is read whole.
pub(crate) const LARGEST_WHOLE: u64 = 1 << 30;

/// One file, or one slice under a name.
pub(crate) struct Input<'a> {
    name: String,
    path: Option<&'a Path>,
    source: ByteSource<'a>,
    head: Vec<u8>,
}

impl<'a> Input<'a> {
    pub(crate) fn open(path: &'a Path) -> Result<Self, InspectError> {
        let name = path.display().to_string();
        if path.is_dir() {
            let what = "is a folder; name the files in it".to_owned();
            return Err(InspectError::Damaged { file: name, what });
        }
        let failed = |source| InspectError::Image {
            file: name.clone(),
            source,
        };
        let source = ByteSource::open(path).map_err(failed)?;
        let head = source.read_start(HEAD_BYTES);
        let head = head.map_err(|source| InspectError::System {
            file: name.clone(),
            action: "read",
            source,
        })?;
        Ok(Self {
            name,
            path: Some(path),
            source,
            head,
        })
    }

    pub(crate) fn in_memory(bytes: &'a [u8], name: &str) -> Self {
        let head = bytes[..bytes.len().min(HEAD_BYTES)].to_vec();
        Self {
            name: name.to_owned(),
            path: None,
            source: ByteSource::Borrowed(bytes),
            head,
        }
    }

    /// Name for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Extension in lower case, without the one of a compression.
    pub(crate) fn extension(&self) -> String {
        let lower = self.name.to_ascii_lowercase();
        let bare = [".gz", ".bz2"]
            .iter()
            .find_map(|end| lower.strip_suffix(end))
            .unwrap_or(&lower);
        let file = bare.rsplit(['/', '\\']).next().unwrap_or(bare);
        file.rsplit_once('.')
            .map_or_else(String::new, |(_, extension)| extension.to_owned())
    }

    /// File name without folders.
    pub(crate) fn file_name(&self) -> &str {
        self.name.rsplit(['/', '\\']).next().unwrap_or(&self.name)
    }

    pub(crate) fn len(&self) -> u64 {
        self.source.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// The first bytes, at most 64 KiB.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The same bytes again, for a reader that wants to own its source.
    pub(crate) fn source(&self) -> Result<ByteSource<'_>, InspectError> {
        match (self.path, self.source.as_slice()) {
            (_, Some(slice)) => Ok(ByteSource::Borrowed(slice)),
            (Some(path), None) => ByteSource::open(path).map_err(|source| self.image_error(source)),
            (None, None) => Ok(ByteSource::Borrowed(&[])),
        }
    }

    /// All bytes.
    ///
    /// # Errors
    /// When there are more than [`LARGEST_WHOLE`].
    pub(crate) fn bytes(&self) -> Result<Cow<'_, [u8]>, InspectError> {
        if let Some(slice) = self.source.as_slice() {
            return Ok(Cow::Borrowed(slice));
        }
        if self.len() > LARGEST_WHOLE {
            return Err(self.damaged(format!(
                "holds {} bytes; files of this kind are read whole up to {LARGEST_WHOLE}",
                self.len()
            )));
        }
        let failed = |source| InspectError::System {
            file: self.name.clone(),
            action: "read",
            source,
        };
        self.source
            .read_vec(0, self.len() as usize)
            .map(Cow::Owned)
            .map_err(failed)
    }

    /// All bytes as text: UTF-8, UTF-16 with its mark, else Latin-1.
    pub(crate) fn text(&self) -> Result<String, InspectError> {
        Ok(decode(self.bytes()?.into_owned()))
    }

    pub(crate) fn image_error(&self, source: thon_images::ImageError) -> InspectError {
        InspectError::Image {
            file: self.name.clone(),
            source,
        }
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> InspectError {
        InspectError::Damaged {
            file: self.name.clone(),
            what: what.into(),
        }
    }
}

/// Text of bytes in whatever encoding they show.
pub(crate) fn decode(bytes: Vec<u8>) -> String {
    let units = |pair: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .as_chunks::<2>()
            .0
            .iter()
            .map(|two| pair(*two))
            .collect();
        String::from_utf16_lossy(&units)
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => units(u16::from_le_bytes),
        Some([0xfe, 0xff]) => units(u16::from_be_bytes),
        _ => text::decode(bytes),
    }
}

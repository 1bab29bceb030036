//! `.npz` archives: zip files of npy arrays, read and written.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

use npyz::zip::result::ZipError;
use npyz::zip::write::FileOptions;
use npyz::zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{NpyArray, write_npy};
use crate::compressed::DEFAULT_DECOMPRESSED_LIMIT;
use crate::{ByteSource, ImageError, Samples};

const FORMAT: &str = "npz";
/// Deflate cannot expand a byte to more than this.
const LARGEST_RATIO: u64 = 1040;

/// An open npz archive.
pub struct NpzFile<R> {
    archive: ZipArchive<R>,
    /// The file itself, where it is one.
    file: Option<File>,
}

impl NpzFile<BufReader<File>> {
    /// Opens an archive.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| ImageError::file(path, "open", e))?;
        let twin = file.try_clone();
        let twin = twin.map_err(|e| ImageError::file(path, "open again", e))?;
        let archive = Self::from_reader(BufReader::new(file))?;
        Ok(Self {
            file: Some(twin),
            ..archive
        })
    }

    /// One array, to be read piece by piece: a stored one stays in the file, a compressed one is decompressed.
    pub fn array_in_place(&mut self, name: &str) -> Result<NpyArray<'static>, ImageError> {
        let entry = self.archive.by_name(&format!("{name}.npy")).ok();
        let stored = entry.filter(|entry| {
            entry.compression() == CompressionMethod::Stored
                && entry.compressed_size() == entry.size()
        });
        let place = stored.map(|entry| (entry.data_start(), entry.size()));
        let (Some((start, len)), Some(file)) = (place, &self.file) else {
            return self.array(name);
        };
        let file = file
            .try_clone()
            .map_err(ImageError::stream(FORMAT, "open an array"))?;
        NpyArray::from_source(ByteSource::Part { file, start, len })
    }
}

impl<'a> NpzFile<Cursor<&'a [u8]>> {
    /// An archive in memory.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::from_reader(Cursor::new(bytes))
    }
}

impl<R: Read + Seek> NpzFile<R> {
    /// An archive from any reader.
    pub fn from_reader(reader: R) -> Result<Self, ImageError> {
        let archive = ZipArchive::new(reader).map_err(|e| match e {
            ZipError::Io(source) => ImageError::stream(FORMAT, "read the directory")(source),
            other => ImageError::NotThisFormat {
                article_format: "an npz archive",
                reason: other.to_string(),
            },
        })?;
        Ok(Self {
            archive,
            file: None,
        })
    }

    /// Names of the arrays (without `.npy`), sorted.
    pub fn names(&self) -> Vec<String> {
        let arrays = self
            .archive
            .file_names()
            .filter_map(|name| name.strip_suffix(".npy"));
        let mut names: Vec<String> = arrays.map(str::to_owned).collect();
        names.sort();
        names
    }

    /// One array, decompressed into memory (8 GiB at most).
    pub fn array(&mut self, name: &str) -> Result<NpyArray<'static>, ImageError> {
        let available = self.names().join(", ");
        let entry = self
            .archive
            .by_name(&format!("{name}.npy"))
            .map_err(|e| match e {
                ZipError::FileNotFound => {
                    ImageError::out_of_range(FORMAT, "array", name, available)
                }
                ZipError::Io(source) => ImageError::stream(FORMAT, "open an array")(source),
                other => ImageError::damaged(FORMAT, format!("array '{name}': {other}")),
            })?;
        let possible = entry.compressed_size().saturating_mul(LARGEST_RATIO);
        let limit = entry.size().min(possible).min(DEFAULT_DECOMPRESSED_LIMIT);
        if entry.size() > limit {
            return Err(ImageError::TooLarge {
                format: FORMAT,
                what: "an array",
                needed: entry.size(),
                limit,
            });
        }
        let mut bytes = Vec::new();
        entry
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(ImageError::stream(FORMAT, "decompress an array"))?;
        NpyArray::from_source(ByteSource::Owned(bytes))
    }
}

/// Writes named arrays with their shapes, in the order given; the bytes carry no date.
pub fn write_npz<W: Write + Seek>(
    out: W,
    arrays: &[(&str, &[usize], &Samples)],
    compressed: bool,
) -> Result<W, ImageError> {
    let failed = |e: ZipError| match e {
        ZipError::Io(source) => ImageError::stream(FORMAT, "write")(source),
        other => ImageError::damaged(FORMAT, other),
    };
    let method = if compressed {
        CompressionMethod::Deflated
    } else {
        CompressionMethod::Stored
    };
    let mut zip = ZipWriter::new(out);
    for (name, shape, samples) in arrays {
        let options = FileOptions::default()
            .compression_method(method)
            .last_modified_time(DateTime::default())
            .large_file(samples.len() > 1 << 28);
        zip.start_file(format!("{name}.npy"), options)
            .map_err(failed)?;
        write_npy(&mut zip, shape, samples)?;
    }
    zip.finish().map_err(failed)
}

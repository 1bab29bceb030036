//! Where the bytes of a container come from: an open file (positional reads), a memory map, a decompressed
//! buffer or a borrowed slice. All can be read from many threads at once.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::ImageError;

/// A random-access source of bytes of known length.
#[derive(Debug)]
pub enum ByteSource<'a> {
    /// An open file, read by position.
    File {
        /// The handle.
        file: File,
        /// Length in bytes when it was opened.
        len: u64,
    },
    /// A stretch of an open file, read by position.
    Part {
        /// The handle.
        file: File,
        /// Where it begins.
        start: u64,
        /// Its length in bytes.
        len: u64,
    },
    /// A read-only memory map.
    Mapped(memmap2::Mmap),
    /// Bytes owned by the reader (for example decompressed ones).
    Owned(Vec<u8>),
    /// Bytes lent by the caller.
    Borrowed(&'a [u8]),
}

impl ByteSource<'_> {
    /// Opens a file for positional reading.
    pub fn open(path: &Path) -> Result<ByteSource<'static>, ImageError> {
        let (file, len) = open_file(path)?;
        Ok(ByteSource::File { file, len })
    }

    /// Maps a file into memory. The file must not be shortened by anybody while the map lives.
    #[expect(unsafe_code, reason = "memmap2 offers no safe constructor")]
    pub fn map(path: &Path) -> Result<ByteSource<'static>, ImageError> {
        let (file, len) = open_file(path)?;
        if len == 0 {
            return Ok(ByteSource::Borrowed(&[]));
        }
        // SAFETY: the map is read-only and only ever handed out as `&[u8]`. Image files of a project are never
        // changed after they are published; `open` is the reader for files that somebody may still be writing.
        let map = unsafe { memmap2::Mmap::map(&file) };
        Ok(ByteSource::Mapped(
            map.map_err(|e| ImageError::file(path, "map", e))?,
        ))
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } | Self::Part { len, .. } => *len,
            Self::Mapped(map) => map.len() as u64,
            Self::Owned(bytes) => bytes.len() as u64,
            Self::Borrowed(bytes) => bytes.len() as u64,
        }
    }

    /// Whether there is no byte at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes when they are in memory already.
    pub fn as_slice(&self) -> Option<&[u8]> {
        match self {
            Self::File { .. } | Self::Part { .. } => None,
            Self::Mapped(map) => Some(map),
            Self::Owned(bytes) => Some(bytes),
            Self::Borrowed(bytes) => Some(bytes),
        }
    }

    /// Fills `buffer` from byte `offset` on; an error of kind `UnexpectedEof` if the source ends before.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File { file, .. } => return read_file_at(file, offset, buffer),
            Self::Part { file, start, len } => {
                let end = offset.checked_add(buffer.len() as u64);
                return match end.filter(|end| end <= len) {
                    Some(_) => read_file_at(file, start + offset, buffer),
                    None => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
            _ => {}
        }
        let bytes = self.as_slice().unwrap_or(&[]);
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| bytes.get(start..))
            .and_then(|rest| rest.get(..buffer.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    /// Tells the system that these bytes of a file will be read in pieces, so that it fetches them in one go.
    pub fn will_need(&self, offset: u64, len: u64) {
        #[cfg(target_os = "linux")]
        if let Self::File { file, .. } = self {
            // Advice: what it does not follow is only slower.
            let len = std::num::NonZeroU64::new(len);
            let _ = rustix::fs::fadvise(file, offset, len, rustix::fs::Advice::WillNeed);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (self, offset, len);
    }

    /// `len` bytes from `offset` on, checked against the length of the source before anything is allocated.
    pub fn read_vec(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut buffer = vec![0; len];
        self.read_at(offset, &mut buffer)?;
        Ok(buffer)
    }

    /// Up to `len` bytes from the start: fewer when the source is shorter.
    pub fn read_start(&self, len: usize) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len()).unwrap_or(usize::MAX).min(len);
        self.read_vec(0, len)
    }
}

fn open_file(path: &Path) -> Result<(File, u64), ImageError> {
    let file = File::open(path).map_err(|e| ImageError::file(path, "open", e))?;
    let metadata = file
        .metadata()
        .map_err(|e| ImageError::file(path, "read the length of", e))?;
    if !metadata.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(ImageError::file(path, "open", source));
    }
    Ok((file, metadata.len()))
}

#[cfg(unix)]
fn read_file_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

//! Transparent gzip and bzip2: whole-file compression around a container (`.mrc.gz`, `.map.bz2`).
//!
//! Nothing is decompressed beyond what the caller asks for: a header first, then exactly the number of bytes
//! that this header promises (plus one, to notice a longer file), never above a limit.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::ImageError;

/// Default ceiling for the decompressed size of one file: 8 GiB.
pub const DEFAULT_DECOMPRESSED_LIMIT: u64 = 8 << 30;

/// Whole-file compression, recognised by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
}

impl Compression {
    /// Recognises a compressed file by its first bytes.
    pub fn detect(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// The decompressing reader around `inner` (all members of a concatenated file, one after the other).
    pub fn reader<'a>(self, inner: impl Read + 'a) -> Box<dyn Read + 'a> {
        let inner = BufReader::with_capacity(1 << 16, inner);
        match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(inner)),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(inner)),
        }
    }
}

/// Whether the file at `path` is compressed.
pub fn detect_file(path: &Path) -> Result<Option<Compression>, ImageError> {
    let file = File::open(path).map_err(|e| ImageError::file(path, "open", e))?;
    let mut start = Vec::with_capacity(8);
    file.take(8)
        .read_to_end(&mut start)
        .map_err(|e| ImageError::file(path, "read", e))?;
    Ok(Compression::detect(&start))
}

/// The first `len` decompressed bytes of the file at `path`; fewer if it holds fewer.
pub fn read_start(path: &Path, compression: Compression, len: u64) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    read_more(&mut open(path, compression)?, len, &mut bytes)
        .map_err(|e| ImageError::file(path, "decompress", e))?;
    Ok(bytes)
}

/// The decompressing reader of the file at `path`.
pub fn open(path: &Path, compression: Compression) -> Result<Box<dyn Read>, ImageError> {
    let file = File::open(path).map_err(|e| ImageError::file(path, "open", e))?;
    Ok(compression.reader(file))
}

/// Appends at most `len` bytes. Memory grows with the bytes that really arrive, not with `len`. A stream that
/// breaks off gives what came before the break.
pub fn read_more(reader: &mut dyn Read, len: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    match reader.take(len).read_to_end(bytes) {
        Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => Err(e),
        _ => Ok(()),
    }
}

//! Which pixel container a file is, from its first bytes and, where those leave a choice, its name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::compressed::Compression;
use crate::em::EmHeader;
use crate::mrc::{HEADER_BYTES, MrcHeader};
use crate::{ByteOrder, ImageError};

/// Kinds of pixel containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// MRC and CCP4 maps.
    Mrc,
    /// The same inside gzip or bzip2.
    CompressedMrc,
    /// TIFF or BigTIFF, also `.gain`.
    Tiff,
    /// EER movie.
    Eer,
    /// EM file.
    Em,
    /// Digital Micrograph 3.
    Dm3,
    /// Digital Micrograph 4.
    Dm4,
    /// NumPy array, also cryoSPARC `.cs`.
    Npy,
    /// NumPy archive.
    Npz,
    /// HDF5 (EMAN2 `.hdf` …): recognised, not read here.
    Hdf5,
}

/// Recognises a file by its first bytes (1024 or more, if it has that many) and its name.
pub fn detect(start: &[u8], file_name: &str) -> Option<ImageKind> {
    let name = file_name.to_ascii_lowercase();
    let stem = name.trim_end_matches(".gz").trim_end_matches(".bz2");
    let named = |list: &[&str]| list.iter().any(|ending| stem.ends_with(ending));
    if start.starts_with(b"\x93NUMPY") {
        return Some(ImageKind::Npy);
    }
    if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Some(ImageKind::Hdf5);
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return named(&[".npz"]).then_some(ImageKind::Npz);
    }
    if Compression::detect(start).is_some() {
        let mrc_names = [
            ".mrc", ".mrcs", ".map", ".st", ".ali", ".preali", ".rec", ".ccp4",
        ];
        return named(&mrc_names).then_some(ImageKind::CompressedMrc);
    }
    if let Some(kind) = tiff(start) {
        let eer = named(&[".eer", ".ecc"]) || kind == ImageKind::Eer;
        return Some(if eer { ImageKind::Eer } else { ImageKind::Tiff });
    }
    if let Some(kind) = digital_micrograph(start) {
        return Some(kind);
    }
    let mrc = MrcHeader::parse(start).ok();
    if mrc.as_ref().is_some_and(|header| header.has_map_stamp) {
        return Some(ImageKind::Mrc);
    }
    // An EM file can pass for an MRC file without stamp, and the reverse: the name decides then.
    let em = EmHeader::parse(start).is_ok();
    match (mrc.is_some() && start.len() >= HEADER_BYTES, em) {
        (true, true) if named(&[".em", ".emf"]) => Some(ImageKind::Em),
        (true, _) => Some(ImageKind::Mrc),
        (false, true) => Some(ImageKind::Em),
        (false, false) => None,
    }
}

/// Recognises the file at `path`.
pub fn detect_file(path: impl AsRef<Path>) -> Result<Option<ImageKind>, ImageError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|e| ImageError::file(path, "open", e))?;
    let mut start = Vec::new();
    file.take(4096)
        .read_to_end(&mut start)
        .map_err(|e| ImageError::file(path, "read", e))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(detect(&start, &name))
}

/// TIFF, or EER when the first directory is near and names an electron-event compression.
fn tiff(start: &[u8]) -> Option<ImageKind> {
    let order = match start.get(..2)? {
        b"II" => ByteOrder::Little,
        b"MM" => ByteOrder::Big,
        _ => return None,
    };
    let (at, count_bytes, entry_bytes, value_at) = match order.u16_at(start, 2)? {
        42 => (order.u32_at(start, 4).map(|n| n as usize), 2, 12, 8),
        43 => (
            order.u64_at(start, 8).and_then(|n| usize::try_from(n).ok()),
            8,
            20,
            12,
        ),
        _ => return None,
    };
    let entries = at
        .and_then(|at| start.get(at..)?.get(count_bytes..))
        .unwrap_or(&[]);
    let compression = entries
        .chunks_exact(entry_bytes)
        .take(32)
        .find(|entry| order.u16_at(entry, 0) == Some(259))
        .and_then(|entry| order.u16_at(entry, value_at));
    Some(match compression {
        Some(65000..=65002) => ImageKind::Eer,
        _ => ImageKind::Tiff,
    })
}

fn digital_micrograph(start: &[u8]) -> Option<ImageKind> {
    let big = |at| ByteOrder::Big.u32_at(start, at);
    match (big(0)?, big(8)?, big(12)?) {
        (3, 0 | 1, _) => Some(ImageKind::Dm3),
        (4, _, 0 | 1) => Some(ImageKind::Dm4),
        _ => None,
    }
}

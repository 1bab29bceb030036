//! What the directory of one TIFF page says, and how large its decoded image may be.

use serde::Serialize;

use crate::tiff_directory::{Directories, Directory};
use crate::{ByteSource, SampleKind};

/// Tags of TIFF 6.0.
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const DESCRIPTION: u16 = 270;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES: u16 = 277;
const STRIP_BYTES: u16 = 279;
const X_RESOLUTION: u16 = 282;
const RESOLUTION_UNIT: u16 = 296;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTES: u16 = 325;
const SAMPLE_FORMAT: u16 = 339;

/// One image of a TIFF file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TiffPage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Stored bits of a sample.
    pub bits: u32,
    /// Sample type (of 4-bit samples: after unpacking).
    pub sample_kind: SampleKind,
    /// Compression number: 1 none, 5 LZW, 8 and 32946 deflate, 32773 PackBits, 50000 Zstandard.
    pub compression: u16,
    /// Pixel size in Å when the resolution tags give one below 1 µm.
    pub pixel_size: Option<f64>,
    /// Text of the description tag.
    pub description: Option<String>,
    /// Bytes of the strips or tiles on disk.
    pub compressed_bytes: u64,
}

impl TiffPage {
    /// Reads one directory; an error text when it is no grey image of a known kind or its data leave the file.
    pub(super) fn read(
        source: &ByteSource<'_>,
        directories: &Directories,
        directory: &Directory,
    ) -> Result<Self, String> {
        if let Some(oddity) = &directory.oddity {
            return Err(format!("its directory is damaged: {oddity}"));
        }
        // The decoder would set memory aside for the values of every tag.
        if let Some((tag, _)) = directory
            .entries
            .iter()
            .find(|(_, entry)| !entry.is_inside(source))
        {
            return Err(format!("the values of tag {tag} are not inside the file"));
        }
        let number = |tag| directories.integer(source, directory, tag);
        let size = number(WIDTH)
            .zip(number(HEIGHT))
            .ok_or("it has no width and height")?;
        let edges = 1..=1 << 24;
        if !edges.contains(&size.0) || !edges.contains(&size.1) {
            return Err(format!("its size is {} × {}", size.0, size.1));
        }
        let samples = number(SAMPLES).unwrap_or(1);
        if samples != 1 {
            return Err(format!(
                "it has {samples} samples per pixel, only grey images are read"
            ));
        }
        let bits = number(BITS).unwrap_or(1);
        let format = number(SAMPLE_FORMAT).unwrap_or(1);
        let sample_kind = kind(bits, format)
            .ok_or_else(|| format!("{bits}-bit samples of format {format} are not supported"))?;
        let page = Self {
            width: size.0 as usize,
            height: size.1 as usize,
            bits: bits as u32,
            sample_kind,
            compression: number(COMPRESSION).unwrap_or(1) as u16,
            pixel_size: pixel_size(source, directories, directory),
            description: Directories::text(source, directory, DESCRIPTION),
            compressed_bytes: chunk_bytes(source, directories, directory)?,
        };
        if page.image_bytes() > page.largest_decoded() {
            return Err(format!(
                "its {} bytes of compression {} cannot hold {} × {} pixels",
                page.compressed_bytes, page.compression, page.width, page.height
            ));
        }
        Ok(page)
    }

    /// Decoded size in bytes.
    pub(super) fn image_bytes(&self) -> u64 {
        (self.width as u64) * (self.height as u64) * self.sample_kind.bytes() as u64
    }

    /// The most that this many stored bytes can decode to: the best ratio of each method (dictionary strings of
    /// LZW, 258-byte copies of deflate, repeat blocks of Zstandard), twice that for 4-bit samples.
    fn largest_decoded(&self) -> u64 {
        let ratio = match self.compression {
            1 => 1,
            32773 => 64,
            5 => 2560,
            8 | 32946 => 1040,
            _ => 43_000,
        };
        let unpacked = if self.bits == 4 { 2 } else { 1 };
        self.compressed_bytes
            .saturating_mul(ratio * unpacked)
            .saturating_add(4096)
    }
}

fn kind(bits: u64, format: u64) -> Option<SampleKind> {
    Some(match (format, bits) {
        (1 | 4, 4 | 8) => SampleKind::U8,
        (1 | 4, 16) => SampleKind::U16,
        (1 | 4, 32) => SampleKind::U32,
        (1 | 4, 64) => SampleKind::U64,
        (2, 8) => SampleKind::I8,
        (2, 16) => SampleKind::I16,
        (2, 32) => SampleKind::I32,
        (2, 64) => SampleKind::I64,
        (3, 16) => SampleKind::F16,
        (3, 32) => SampleKind::F32,
        (3, 64) => SampleKind::F64,
        _ => return None,
    })
}

/// Sum of the chunk sizes, each chunk checked to lie inside the file.
fn chunk_bytes(
    source: &ByteSource<'_>,
    directories: &Directories,
    directory: &Directory,
) -> Result<u64, String> {
    let list = |tag| directories.integers(source, directory, tag, 1 << 24);
    let lists = list(STRIP_OFFSETS)
        .zip(list(STRIP_BYTES))
        .or_else(|| list(TILE_OFFSETS).zip(list(TILE_BYTES)));
    let (offsets, sizes) =
        lists.ok_or("its strip or tile tables are missing or outside the file")?;
    let mut sum = 0u64;
    for (offset, bytes) in offsets.into_iter().zip(sizes) {
        if offset
            .checked_add(bytes)
            .is_none_or(|end| end > source.len())
        {
            return Err("its data end beyond the end of the file (truncated)".into());
        }
        sum = sum.saturating_add(bytes);
    }
    Ok(sum.min(source.len()))
}

/// Å per pixel from pixels per centimetre or inch. Values of screen size (1 µm and more) are no pixel sizes.
fn pixel_size(
    source: &ByteSource<'_>,
    directories: &Directories,
    directory: &Directory,
) -> Option<f64> {
    let unit = match directories.integer(source, directory, RESOLUTION_UNIT)? {
        2 => 2.54e8,
        3 => 1e8,
        _ => return None,
    };
    let size = unit / directories.rational(source, directory, X_RESOLUTION)?;
    (1e-3..1e4).contains(&size).then_some(size)
}

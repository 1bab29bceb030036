//! The kind of a file by its first bytes; by its name only where bytes leave it open.
use thon_images::detect::{ImageKind, detect};
use thon_images::mrc::MrcHeader;

use crate::input::{Input, decode};
use crate::kind::Kind;
use crate::recognise_text::{kind_of_text, looks_like_text};

/// First bytes that settle the kind.
const MAGIC: [(&[u8], Kind); 22] = [
    (b"\x1f\x8b\x08", Kind::Compressed),
    (b"BZh", Kind::Compressed),
    (b"\xfd7zXZ\0", Kind::Compressed),
    (b"\x28\xb5\x2f\xfd", Kind::Compressed),
    (b"PK\x03\x04", Kind::ZipArchive),
    (b"PK\x05\x06", Kind::ZipArchive),
    (b"II*\0", Kind::Tiff),
    (b"MM\0*", Kind::Tiff),
    (b"II+\0", Kind::Tiff),
    (b"MM\0+", Kind::Tiff),
    (b"\0\0\0\x03", Kind::DigitalMicrograph),
    (b"\0\0\0\x04", Kind::DigitalMicrograph),
    (b"\x93NUMPY", Kind::Npy),
    (b"IMODV1.", Kind::ImodModel),
    (b"\x89HDF\r\n\x1a\n", Kind::Hdf5),
    (b"\x89PNG\r\n\x1a\n", Kind::Png),
    (b"\xff\xd8\xff", Kind::Jpeg),
    (b"%PDF-", Kind::Pdf),
    (b"SQLite format 3\0", Kind::Sqlite),
    (b"\x7fELF", Kind::Executable),
    (b"MZ\x90\0", Kind::Executable),
    (b"\xca\xfe\xba\xbe", Kind::Executable),
];

/// Extensions that say which reader to ask when the bytes do not.
const EXTENSIONS: [(&str, Kind); 22] = [
    ("mrc", Kind::Mrc),
    ("mrcs", Kind::Mrc),
    ("st", Kind::Mrc),
    ("ali", Kind::Mrc),
    ("preali", Kind::Mrc),
    ("rec", Kind::Mrc),
    ("map", Kind::Mrc),
    ("ccp4", Kind::Mrc),
    ("tif", Kind::Tiff),
    ("tiff", Kind::Tiff),
    ("gain", Kind::Tiff),
    ("eer", Kind::Eer),
    ("em", Kind::Em),
    ("dm3", Kind::DigitalMicrograph),
    ("dm4", Kind::DigitalMicrograph),
    ("npy", Kind::Npy),
    ("cs", Kind::CryosparcTable),
    ("mod", Kind::ImodModel),
    ("fid", Kind::ImodModel),
    ("h5", Kind::Hdf5),
    ("hdf", Kind::Hdf5),
    ("hdf5", Kind::Hdf5),
];

/// The kind of a file.
pub(crate) fn kind_of(input: &Input<'_>) -> Kind {
    let head = input.head();
    let extension = input.extension();
    if let Some(kind) = magic(head) {
        return refined(kind, input, &extension);
    }
    let header = MrcHeader::parse(head).ok();
    if header.as_ref().is_some_and(|header| header.has_map_stamp) {
        return Kind::Mrc;
    }
    if head.get(257..262) == Some(b"ustar") {
        return Kind::TarArchive;
    }
    if looks_like_text(head) {
        return kind_of_text(&decode(head.to_vec()), input);
    }
    let named = EXTENSIONS
        .iter()
        .find(|(known, _)| *known == extension)
        .map(|(_, kind)| *kind);
    if is_em(head, input.len()) && !matches!(named, Some(Kind::Mrc)) {
        return Kind::Em;
    }
    if header.is_some_and(|header| header.file_bytes() == Some(input.len())) {
        return Kind::Mrc;
    }
    if spider_header(head).is_some() {
        return Kind::Spider;
    }
    named.unwrap_or(Kind::Binary)
}

fn magic(head: &[u8]) -> Option<Kind> {
    MAGIC
        .iter()
        .find(|(start, _)| head.starts_with(start))
        .map(|(_, kind)| *kind)
}

/// Kinds that share their first bytes.
fn refined(kind: Kind, input: &Input<'_>, extension: &str) -> Kind {
    match kind {
        Kind::Tiff if detect(input.head(), input.file_name()) == Some(ImageKind::Eer) => Kind::Eer,
        Kind::Npy if extension == "cs" => Kind::CryosparcTable,
        Kind::DigitalMicrograph if is_em(input.head(), input.len()) => Kind::Em,
        other => other,
    }
}

/// EM: machine 0 to 6, type code, three dimensions that give the length of the file.
fn is_em(head: &[u8], len: u64) -> bool {
    let Some(head) = head.get(..16) else {
        return false;
    };
    let bytes: u64 = match head[3] {
        1 => 1,
        2 => 2,
        4 | 5 => 4,
        8 | 9 => 8,
        _ => return false,
    };
    if head[0] > 6 {
        return false;
    }
    let number = |at: usize| {
        let four = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        u64::from(if matches!(head[0], 6) {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        })
    };
    let product = |order: [u64; 3]| {
        order
            .iter()
            .try_fold(bytes, |all, side| all.checked_mul(*side))
    };
    product([number(4), number(8), number(12)]).and_then(|data| data.checked_add(512)) == Some(len)
}

/// What a SPIDER header says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SpiderHeader {
    /// Columns, rows, sections.
    pub(crate) sides: [u64; 3],
    /// Bytes before the first sample.
    pub(crate) bytes: u64,
    /// Whether its numbers are little-endian.
    pub(crate) little: bool,
}

impl SpiderHeader {
    /// Length of the file it promises; `None` on overflow.
    pub(crate) fn file_bytes(&self) -> Option<u64> {
        let data = self
            .sides
            .iter()
            .try_fold(4_u64, |all, side| all.checked_mul(*side))?;
        data.checked_add(self.bytes)
    }
}

/// The SPIDER header at the start of a file, when its numbers agree with each other: records of 4 nx
/// bytes, header records times their length.
pub(crate) fn spider_header(head: &[u8]) -> Option<SpiderHeader> {
    let number = |word: usize, little: bool| {
        let four: [u8; 4] = head.get(4 * word - 4..4 * word)?.try_into().ok()?;
        let value = if little {
            f32::from_le_bytes(four)
        } else {
            f32::from_be_bytes(four)
        };
        (value.fract() == 0.0 && (0.0..1e8).contains(&value)).then_some(value as u64)
    };
    [true, false].into_iter().find_map(|little| {
        let sides = [number(12, little)?, number(2, little)?, number(1, little)?];
        let (records, bytes, record) = (
            number(13, little)?,
            number(22, little)?,
            number(23, little)?,
        );
        let agree = record == 4 * sides[0]
            && records * record == bytes
            && bytes >= 1024
            && bytes < 1024 + record;
        (agree && !sides.contains(&0)).then_some(SpiderHeader {
            sides,
            bytes,
            little,
        })
    })
}

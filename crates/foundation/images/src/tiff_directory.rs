//! The chain of directories of a TIFF or BigTIFF file, walked without trusting it.
//!
//! TIFF 6.0 and the BigTIFF layout. Values are read on request and only when they lie inside the file; a chain
//! that leaves the file, runs in a circle or has absurd counts ends there, with a note.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ByteOrder, ByteSource, ImageError};

/// No real directory has more entries.
const MOST_ENTRIES: u64 = 4096;

/// One entry of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Field type number.
    kind: u16,
    /// Number of values.
    count: u64,
    /// Where the values start in the file.
    offset: u64,
}

/// One directory.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Entries by tag; of a tag that occurs twice the last.
    pub(crate) entries: BTreeMap<u16, Entry>,
    /// What another reader could understand differently: a tag that occurs twice, a type that does not exist.
    pub(crate) oddity: Option<String>,
}

/// A TIFF file's directories.
#[derive(Debug)]
pub(crate) struct Directories {
    pub(crate) list: Vec<Directory>,
    /// Why the chain ended early, if it did.
    pub(crate) note: Option<String>,
    /// Where each directory starts.
    pub(crate) offsets: Vec<u64>,
    /// 8-byte offsets (BigTIFF).
    pub(crate) big: bool,
    pub(crate) order: ByteOrder,
}

struct Layout {
    order: ByteOrder,
    big: bool,
}

impl Directories {
    /// Walks the chain from the header on.
    pub(crate) fn walk(
        source: &ByteSource<'_>,
        format: &'static str,
        article_format: &'static str,
    ) -> Result<Self, ImageError> {
        let start = source
            .read_start(16)
            .map_err(ImageError::stream(format, "read the header"))?;
        let not_tiff = || ImageError::NotThisFormat {
            article_format,
            reason: "it does not start like a TIFF or BigTIFF file".into(),
        };
        let order = match start.get(..2) {
            Some(b"II") => ByteOrder::Little,
            Some(b"MM") => ByteOrder::Big,
            _ => return Err(not_tiff()),
        };
        let (big, first) = match order.u16_at(&start, 2) {
            Some(42) => (false, order.u32_at(&start, 4).map(u64::from)),
            Some(43) if order.u16_at(&start, 4) == Some(8) => (true, order.u64_at(&start, 8)),
            _ => return Err(not_tiff()),
        };
        let layout = Layout { order, big };
        let (mut list, mut offsets) = (Vec::new(), Vec::new());
        let (mut note, mut seen) = (None, BTreeSet::new());
        let mut next = first.ok_or_else(not_tiff)?;
        while next != 0 {
            if !seen.insert(next) {
                note = Some(format!(
                    "directory {} points back to an earlier one",
                    list.len()
                ));
                break;
            }
            let Some((directory, after)) = layout.directory(source, next) else {
                note = Some(format!(
                    "directory {} at byte {next} is not inside the file of {} bytes",
                    list.len(),
                    source.len()
                ));
                break;
            };
            list.push(directory);
            offsets.push(next);
            next = after;
        }
        Ok(Self {
            list,
            note,
            offsets,
            big,
            order,
        })
    }

    /// An entry's unsigned integers, at most `most` of them; `None` when absent, too many or outside the file.
    pub(crate) fn integers(
        &self,
        source: &ByteSource<'_>,
        directory: &Directory,
        tag: u16,
        most: u64,
    ) -> Option<Vec<u64>> {
        let entry = directory
            .entries
            .get(&tag)
            .filter(|entry| entry.count <= most)?;
        let size = match entry.kind {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        let bytes = source
            .read_vec(entry.offset, usize::try_from(entry.count).ok()? * size)
            .ok()?;
        let value = |chunk: &[u8]| match size {
            1 => Some(u64::from(chunk[0])),
            2 => self.order.u16_at(chunk, 0).map(u64::from),
            4 => self.order.u32_at(chunk, 0).map(u64::from),
            _ => self.order.u64_at(chunk, 0),
        };
        bytes.chunks_exact(size).map(value).collect()
    }

    /// An entry's first unsigned integer.
    pub(crate) fn integer(
        &self,
        source: &ByteSource<'_>,
        directory: &Directory,
        tag: u16,
    ) -> Option<u64> {
        self.integers(source, directory, tag, 1 << 16)?
            .first()
            .copied()
    }

    /// Where the photometric interpretation (tag 262) of a directory stands, if it is 0, "white is zero".
    pub(crate) fn white_is_zero(&self, source: &ByteSource<'_>, index: usize) -> Option<u64> {
        let directory = self.list.get(index)?;
        let entry = directory
            .entries
            .get(&262)
            .filter(|entry| entry.kind == 3)?;
        (self.integer(source, directory, 262)? == 0).then_some(entry.offset)
    }

    /// An entry's first unsigned rational.
    pub(crate) fn rational(
        &self,
        source: &ByteSource<'_>,
        directory: &Directory,
        tag: u16,
    ) -> Option<f64> {
        let entry = directory
            .entries
            .get(&tag)
            .filter(|e| e.kind == 5 && e.count > 0)?;
        let bytes = source.read_vec(entry.offset, 8).ok()?;
        let over = self.order.u32_at(&bytes, 4).filter(|&n| n != 0)?;
        Some(f64::from(self.order.u32_at(&bytes, 0)?) / f64::from(over))
    }

    /// An entry's bytes as text.
    pub(crate) fn text(source: &ByteSource<'_>, directory: &Directory, tag: u16) -> Option<String> {
        let entry = directory
            .entries
            .get(&tag)
            .filter(|e| matches!(e.kind, 1 | 2 | 7))?;
        let bytes = source
            .read_vec(entry.offset, usize::try_from(entry.count).ok()?)
            .ok()?;
        Some(
            String::from_utf8_lossy(&bytes)
                .trim_end_matches('\0')
                .to_owned(),
        )
    }
}

impl Entry {
    /// Whether all values lie inside the file.
    pub(crate) fn is_inside(&self, source: &ByteSource<'_>) -> bool {
        let bytes = self.count.checked_mul(type_bytes(self.kind));
        let end = bytes.and_then(|bytes| self.offset.checked_add(bytes));
        end.is_some_and(|end| end <= source.len())
    }
}

impl Layout {
    /// The directory at `offset` and the offset of the next.
    fn directory(&self, source: &ByteSource<'_>, offset: u64) -> Option<(Directory, u64)> {
        let (count_bytes, entry_bytes) = if self.big { (8, 20) } else { (2, 12) };
        let count = self.offset(&source.read_vec(offset, count_bytes).ok()?, 0, !self.big)?;
        if count > MOST_ENTRIES {
            return None;
        }
        let entries = offset.checked_add(count_bytes as u64)?;
        let next_bytes = if self.big { 8 } else { 4 };
        let table = source
            .read_vec(entries, count as usize * entry_bytes + next_bytes)
            .ok()?;
        let (rows, next) = table.split_at(count as usize * entry_bytes);
        let mut directory = Directory::default();
        for (i, row) in rows.chunks_exact(entry_bytes).enumerate() {
            let value_at = if self.big { 12 } else { 8 };
            let tag = self.order.u16_at(row, 0)?;
            let kind = self.order.u16_at(row, 2)?;
            let count = self.offset(row, 4, false)?;
            let bytes = count.checked_mul(type_bytes(kind))?;
            let inline = bytes <= next_bytes as u64;
            let offset = if inline {
                entries + (i * entry_bytes + value_at) as u64
            } else {
                self.offset(row, value_at, false)?
            };
            let entry = Entry {
                kind,
                count,
                offset,
            };
            if directory.entries.insert(tag, entry).is_some() {
                directory.oddity = Some(format!("tag {tag} occurs twice"));
            }
            if !matches!(kind, 1..=13 | 16..=18) {
                directory.oddity = Some(format!("tag {tag} has the unknown type {kind}"));
            }
        }
        Some((directory, self.offset(next, 0, false)?))
    }

    /// A count or offset: 8 bytes in BigTIFF, else 4 (2 when `short`).
    fn offset(&self, bytes: &[u8], at: usize, short: bool) -> Option<u64> {
        match (self.big, short) {
            (true, _) => self.order.u64_at(bytes, at),
            (false, false) => self.order.u32_at(bytes, at).map(u64::from),
            (false, true) => self.order.u16_at(bytes, at).map(u64::from),
        }
    }
}

fn type_bytes(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

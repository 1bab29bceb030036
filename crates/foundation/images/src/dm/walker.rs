//! Reading the tag tree with bounded depth, bounded number of tags and lengths checked against the file.

use super::FORMAT;
use super::tags::{Tag, TagArray};
use crate::{ByteOrder, ByteSource, ImageError, SampleKind};

const DEEPEST: usize = 32;
const MOST_TAGS: usize = 200_000;
/// Arrays of 16-bit characters up to this length are texts.
const LONGEST_TEXT: u64 = 1 << 12;
const BLOCK_BYTES: usize = 1 << 14;
const GROUP: u8 = 20;
const VALUE: u8 = 21;
const STRUCTURE: u64 = 15;
const STRING: u64 = 18;
const ARRAY: u64 = 20;

/// A cursor over the file. Tag trees are many small reads: they go through a block.
pub(super) struct Walker<'s> {
    source: &'s ByteSource<'s>,
    position: u64,
    block: Vec<u8>,
    block_start: u64,
    /// Sizes of the structure are 8 bytes (DM4) instead of 4.
    wide: bool,
    /// Byte order of values.
    pub(super) order: ByteOrder,
    tags: usize,
}

impl<'s> Walker<'s> {
    /// Reads the header; the walker stands at the root group afterwards. Also returns the version, 3 or 4.
    pub(super) fn start(source: &'s ByteSource<'_>) -> Result<(Self, u32), ImageError> {
        let mut walker = Walker {
            source,
            position: 0,
            block: Vec::new(),
            block_start: 0,
            wide: false,
            order: ByteOrder::Little,
            tags: 0,
        };
        let not_dm = |reason: String| ImageError::NotThisFormat {
            article_format: "a DM3 or DM4 file",
            reason,
        };
        let version = walker
            .be_u32()
            .map_err(|_| not_dm("it is too short".into()))?;
        if version != 3 && version != 4 {
            return Err(not_dm(format!("its version is {version}")));
        }
        walker.wide = version == 4;
        walker.size()?;
        walker.order = match walker.be_u32()? {
            0 => ByteOrder::Big,
            1 => ByteOrder::Little,
            other => return Err(not_dm(format!("its byte order is {other}"))),
        };
        Ok((walker, version))
    }

    /// A group: two flag bytes, the number of tags, the tags.
    pub(super) fn group(&mut self, depth: usize) -> Result<Tag, ImageError> {
        if depth > DEEPEST {
            return Err(self.damaged("tags are nested too deep"));
        }
        self.take(2)?;
        let count = self.size()?;
        let mut children = Vec::new();
        for _ in 0..count {
            let kind = self.take(1)?[0];
            if kind == 0 {
                break;
            }
            self.tags += 1;
            if self.tags > MOST_TAGS {
                return Err(self.damaged("there are more than 200000 tags"));
            }
            let label_bytes = self.be_u16()?;
            let label = String::from_utf8_lossy(self.take(usize::from(label_bytes))?).into_owned();
            if self.wide {
                self.size()?;
            }
            let tag = match kind {
                GROUP => self.group(depth + 1)?,
                VALUE => self.value()?,
                other => return Err(self.damaged(&format!("tag '{label}' is of kind {other}"))),
            };
            children.push((label, tag));
        }
        Ok(Tag::Group(children))
    }

    fn value(&mut self) -> Result<Tag, ImageError> {
        if self.take(4)? != b"%%%%" {
            return Err(self.damaged("the four percent signs before a value are missing"));
        }
        let length = self.size()?;
        if length == 0 || length > 1 << 16 {
            return Err(self.damaged(&format!("a type description of {length} words")));
        }
        let mut description = Vec::new();
        for _ in 0..length {
            description.push(self.size()?);
        }
        match description.as_slice() {
            [STRUCTURE, ..] => {
                let kinds = self.structure_kinds(&description)?;
                let values: Result<Vec<Tag>, ImageError> =
                    kinds.iter().map(|&k| self.plain(k)).collect();
                values.map(Tag::Structure)
            }
            &[STRING, bytes] => self.array(SampleKind::U16, bytes / 2),
            [ARRAY, STRUCTURE, .., count] => {
                let kinds = self.structure_kinds(&description[1..description.len() - 1])?;
                let one: u64 = kinds.iter().map(|k| k.bytes() as u64).sum();
                let bytes = one.saturating_mul(*count);
                self.skip(bytes)?;
                Ok(Tag::Structures {
                    count: *count,
                    bytes,
                })
            }
            &[ARRAY, kind, count] => {
                let kind = self.kind(kind)?;
                self.array(kind.sample(), count)
            }
            &[kind] => {
                let kind = self.kind(kind)?;
                self.plain(kind)
            }
            other => Err(self.damaged(&format!("the type description {other:?} is not known"))),
        }
    }

    /// Types of the fields in `[15, name length, fields, (name length, type)…]`.
    fn structure_kinds(&self, description: &[u64]) -> Result<Vec<Kind>, ImageError> {
        let fields = description.get(3..).unwrap_or(&[]);
        if description.get(2) != Some(&(fields.len() as u64 / 2)) {
            return Err(self.damaged("a structure contradicts its number of fields"));
        }
        fields
            .chunks_exact(2)
            .map(|pair| self.kind(pair[1]))
            .collect()
    }

    fn array(&mut self, kind: SampleKind, count: u64) -> Result<Tag, ImageError> {
        let offset = self.position;
        let bytes = count.saturating_mul(kind.bytes() as u64);
        if kind == SampleKind::U16 && count <= LONGEST_TEXT {
            let order = self.order;
            let raw = self.take(bytes as usize)?;
            let characters = raw.chunks_exact(2).filter_map(|c| order.u16_at(c, 0));
            let text: String = char::decode_utf16(characters)
                .map(|c| c.unwrap_or('\u{fffd}'))
                .collect();
            return Ok(Tag::Text(text));
        }
        self.skip(bytes)?;
        Ok(Tag::Array(TagArray {
            kind,
            count,
            offset,
        }))
    }

    fn plain(&mut self, kind: Kind) -> Result<Tag, ImageError> {
        let order = self.order;
        let raw = self.take(kind.bytes())?;
        let value = match kind {
            Kind::Boolean => raw.first().map(|&b| Tag::Boolean(b != 0)),
            Kind::Number(SampleKind::I8) => raw.first().map(|&b| Tag::Integer(i64::from(b as i8))),
            Kind::Number(SampleKind::U8) => raw.first().map(|&b| Tag::Unsigned(u64::from(b))),
            Kind::Number(SampleKind::I16) => {
                order.i16_at(raw, 0).map(|v| Tag::Integer(i64::from(v)))
            }
            Kind::Number(SampleKind::U16) => {
                order.u16_at(raw, 0).map(|v| Tag::Unsigned(u64::from(v)))
            }
            Kind::Number(SampleKind::I32) => {
                order.i32_at(raw, 0).map(|v| Tag::Integer(i64::from(v)))
            }
            Kind::Number(SampleKind::U32) => {
                order.u32_at(raw, 0).map(|v| Tag::Unsigned(u64::from(v)))
            }
            Kind::Number(SampleKind::I64) => order.i64_at(raw, 0).map(Tag::Integer),
            Kind::Number(SampleKind::U64) => order.u64_at(raw, 0).map(Tag::Unsigned),
            Kind::Number(SampleKind::F32) => order.f32_at(raw, 0).map(|v| Tag::Float(f64::from(v))),
            Kind::Number(_) => order.f64_at(raw, 0).map(Tag::Float),
        };
        value.ok_or_else(|| self.damaged("a value is cut off"))
    }

    fn kind(&self, number: u64) -> Result<Kind, ImageError> {
        Ok(match number {
            2 => Kind::Number(SampleKind::I16),
            3 => Kind::Number(SampleKind::I32),
            4 => Kind::Number(SampleKind::U16),
            5 => Kind::Number(SampleKind::U32),
            6 => Kind::Number(SampleKind::F32),
            7 => Kind::Number(SampleKind::F64),
            8 => Kind::Boolean,
            9 => Kind::Number(SampleKind::I8),
            10 => Kind::Number(SampleKind::U8),
            11 => Kind::Number(SampleKind::I64),
            12 => Kind::Number(SampleKind::U64),
            other => return Err(self.damaged(&format!("value type {other} is not known"))),
        })
    }

    /// A size of the structure: 4 bytes in DM3, 8 in DM4, big-endian.
    fn size(&mut self) -> Result<u64, ImageError> {
        if !self.wide {
            return self.be_u32().map(u64::from);
        }
        let raw = self.take(8)?;
        Ok(ByteOrder::Big.u64_at(raw, 0).unwrap_or(0))
    }

    fn be_u32(&mut self) -> Result<u32, ImageError> {
        let raw = self.take(4)?;
        Ok(ByteOrder::Big.u32_at(raw, 0).unwrap_or(0))
    }

    fn be_u16(&mut self) -> Result<u16, ImageError> {
        let raw = self.take(2)?;
        Ok(ByteOrder::Big.u16_at(raw, 0).unwrap_or(0))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), ImageError> {
        let end = self
            .position
            .checked_add(bytes)
            .filter(|&end| end <= self.source.len());
        self.position =
            end.ok_or_else(|| self.damaged("an array reaches beyond the end of the file"))?;
        Ok(())
    }

    /// The next bytes, `len` below the longest label or text.
    fn take(&mut self, len: usize) -> Result<&[u8], ImageError> {
        let end = self
            .position
            .checked_add(len as u64)
            .filter(|&end| end <= self.source.len());
        let end = end.ok_or_else(|| self.damaged("the file ends inside the tags"))?;
        let block_end = self.block_start + self.block.len() as u64;
        if self.position < self.block_start || end > block_end {
            let left = self.source.len() - self.position;
            let size = (len.max(BLOCK_BYTES) as u64).min(left) as usize;
            self.block = self
                .source
                .read_vec(self.position, size)
                .map_err(ImageError::stream(FORMAT, "read the tags"))?;
            self.block_start = self.position;
        }
        let from = (self.position - self.block_start) as usize;
        self.position = end;
        Ok(&self.block[from..from + len])
    }

    fn damaged(&self, what: &str) -> ImageError {
        ImageError::damaged(FORMAT, format!("at byte {}: {what}", self.position))
    }
}

/// Plain value types.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Boolean,
    Number(SampleKind),
}

impl Kind {
    const fn bytes(self) -> usize {
        self.sample().bytes()
    }

    const fn sample(self) -> SampleKind {
        match self {
            Self::Boolean => SampleKind::U8,
            Self::Number(kind) => kind,
        }
    }
}

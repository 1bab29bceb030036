//! The header of an npy file: shape, order and the fields of one element.

use serde::Serialize;

use super::FORMAT;
use super::literal::{self, Literal};
use crate::{ByteOrder, ImageError, SampleKind};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Header texts of real files take kilobytes.
const LONGEST_TEXT: usize = 1 << 20;

/// How one value of a field is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A number.
    Number(SampleKind, ByteOrder),
    /// One byte, 0 or 1.
    Boolean,
    /// Text of this many bytes, padded with zeros (`S`).
    Bytes(usize),
    /// Text of this many 32-bit characters (`U`).
    Unicode(usize, ByteOrder),
    /// Anything else of this many bytes (`V`, complex doubles, dates).
    Opaque(usize),
}

impl FieldKind {
    /// Stored size in bytes of one value.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Number(kind, _) => kind.bytes(),
            Self::Boolean => 1,
            Self::Bytes(n) | Self::Opaque(n) => n,
            Self::Unicode(n, _) => 4 * n,
        }
    }

    /// From a NumPy type string such as `<f4`, `|S10`, `>U7`.
    fn parse(text: &str) -> Option<Self> {
        let order = match text.as_bytes().first()? {
            b'<' | b'|' => ByteOrder::Little,
            b'>' => ByteOrder::Big,
            b'=' => ByteOrder::NATIVE,
            _ => return None,
        };
        let letter = *text.as_bytes().get(1)?;
        let size: usize = text.get(2..)?.split('[').next()?.parse().ok()?;
        let number = |kind| Some(Self::Number(kind, order));
        match (letter, size) {
            (b'b', 1) => Some(Self::Boolean),
            (b'u', 1) => number(SampleKind::U8),
            (b'u', 2) => number(SampleKind::U16),
            (b'u', 4) => number(SampleKind::U32),
            (b'u', 8) => number(SampleKind::U64),
            (b'i', 1) => number(SampleKind::I8),
            (b'i', 2) => number(SampleKind::I16),
            (b'i', 4) => number(SampleKind::I32),
            (b'i', 8) => number(SampleKind::I64),
            (b'f', 2) => number(SampleKind::F16),
            (b'f', 4) => number(SampleKind::F32),
            (b'f', 8) => number(SampleKind::F64),
            (b'c', 8) => number(SampleKind::ComplexF32),
            (b'S', n) => Some(Self::Bytes(n)),
            (b'U', n) => n.checked_mul(4).map(|_| Self::Unicode(n, order)),
            (b'V' | b'c' | b'f' | b'm' | b'M', n) => Some(Self::Opaque(n)),
            _ => None,
        }
    }
}

/// One field of an element. A plain array has a single field without a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NpyField {
    /// Name; of nested records joined with a dot.
    pub name: String,
    /// Type of one value.
    pub kind: FieldKind,
    /// Shape of the field within one element; empty for a single value.
    pub shape: Vec<usize>,
    /// Byte offset within one element.
    pub offset: usize,
}

impl NpyField {
    /// Values of this field in one element.
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A parsed header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NpyHeader {
    /// Shape of the array of elements.
    pub shape: Vec<usize>,
    /// First index fastest (Fortran order) instead of last index fastest.
    pub fortran_order: bool,
    /// Fields of one element.
    pub fields: Vec<NpyField>,
    /// Bytes of one element.
    pub element_bytes: usize,
    /// Offset of the first element in the file.
    pub data_offset: usize,
}

impl NpyHeader {
    /// Bytes to read from the start of a file to be sure to have the header, given its first 12 bytes.
    pub(super) fn length(start: &[u8]) -> Result<usize, ImageError> {
        let not_npy = |reason: String| ImageError::NotThisFormat {
            article_format: "a NumPy file",
            reason,
        };
        if !start.starts_with(MAGIC) {
            return Err(not_npy(
                "it does not start with the bytes 93 4e 55 4d 50 59".into(),
            ));
        }
        let (text_at, text_bytes) = match start.get(6) {
            Some(1) => (10, ByteOrder::Little.u16_at(start, 8).map(usize::from)),
            Some(2 | 3) => (12, ByteOrder::Little.u32_at(start, 8).map(|n| n as usize)),
            version => {
                return Err(not_npy(format!(
                    "its version is {version:?}, not 1, 2 or 3"
                )));
            }
        };
        let text_bytes = text_bytes.ok_or_else(|| not_npy("it ends inside the header".into()))?;
        if text_bytes > LONGEST_TEXT {
            return Err(ImageError::TooLarge {
                format: FORMAT,
                what: "the header text",
                needed: text_bytes as u64,
                limit: LONGEST_TEXT as u64,
            });
        }
        Ok(text_at + text_bytes)
    }

    /// Parses the header at the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let data_offset = Self::length(bytes)?;
        let text_at = if bytes[6] == 1 { 10 } else { 12 };
        let text = bytes
            .get(text_at..data_offset)
            .ok_or_else(|| ImageError::damaged(FORMAT, "the file ends inside the header text"))?;
        let damaged = |what: String| ImageError::damaged(FORMAT, format!("header: {what}"));
        let literal = literal::parse(&String::from_utf8_lossy(text)).map_err(damaged)?;
        Self::from_literal(literal, data_offset).map_err(damaged)
    }

    fn from_literal(literal: Literal, data_offset: usize) -> Result<Self, String> {
        let Literal::Dictionary(entries) = literal else {
            return Err("it is not a dictionary".into());
        };
        let entry = |name: &str| {
            let found = entries
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value);
            found.ok_or_else(|| format!("the entry '{name}' is missing"))
        };
        let shape = shape_of(entry("shape")?)?;
        let &Literal::Boolean(fortran_order) = entry("fortran_order")? else {
            return Err("fortran_order is not True or False".into());
        };
        let mut fields = Vec::new();
        let element_bytes = match entry("descr")? {
            Literal::Text(kind) => {
                let kind = FieldKind::parse(kind).ok_or_else(|| unsupported(kind))?;
                fields.push(NpyField {
                    name: String::new(),
                    kind,
                    shape: Vec::new(),
                    offset: 0,
                });
                kind.bytes()
            }
            Literal::Sequence(list) => record(list, "", 0, &mut fields)?,
            _ => return Err("descr is neither a type nor a list of fields".into()),
        };
        Ok(Self {
            shape,
            fortran_order,
            fields,
            element_bytes,
            data_offset,
        })
    }

    /// Number of elements, or `None` on overflow.
    pub fn elements(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |all, &n| all.checked_mul(n))
    }
}

fn unsupported(kind: &str) -> String {
    if kind.contains('O') {
        return "the array holds pickled Python objects, which are not read".into();
    }
    format!("type '{kind}' is not supported")
}

fn shape_of(literal: &Literal) -> Result<Vec<usize>, String> {
    let size = |item: &Literal| match item {
        Literal::Integer(n) => {
            usize::try_from(*n).map_err(|_| "a dimension is too large".to_owned())
        }
        _ => Err("a dimension is not a number".to_owned()),
    };
    match literal {
        Literal::Sequence(items) => items.iter().map(size).collect(),
        single => size(single).map(|n| vec![n]),
    }
}

/// Appends the fields of a record that starts at `start`; returns its size in bytes.
fn record(
    list: &[Literal],
    prefix: &str,
    start: usize,
    fields: &mut Vec<NpyField>,
) -> Result<usize, String> {
    let too_large = || "an element is too large".to_owned();
    let mut at = start;
    for item in list {
        let Literal::Sequence(parts) = item else {
            return Err("a field is not a tuple".into());
        };
        // A field is (name, type) or (name, type, shape); a name may be a (title, name) pair.
        let (name, kind) = match parts.as_slice() {
            [Literal::Text(name), kind, ..] => (name, kind),
            [Literal::Sequence(pair), kind, ..] => match pair.as_slice() {
                [Literal::Text(_), Literal::Text(name)] => (name, kind),
                _ => return Err("a field has no name".into()),
            },
            _ => return Err("a field has no name".into()),
        };
        let shape = parts.get(2).map_or(Ok(Vec::new()), shape_of)?;
        let full_name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let size = match kind {
            Literal::Text(text) => {
                let kind = FieldKind::parse(text).ok_or_else(|| unsupported(text))?;
                // Unnamed opaque bytes are padding.
                if !name.is_empty() {
                    fields.push(NpyField {
                        name: full_name,
                        kind,
                        shape: shape.clone(),
                        offset: at,
                    });
                }
                kind.bytes()
            }
            Literal::Sequence(inner) if shape.is_empty() => record(inner, &full_name, at, fields)?,
            _ => {
                return Err(format!(
                    "field '{full_name}' is an array of records, which is not supported"
                ));
            }
        };
        let total = shape
            .iter()
            .try_fold(size, |all, &n| all.checked_mul(n))
            .ok_or_else(too_large)?;
        at = at.checked_add(total).ok_or_else(too_large)?;
    }
    Ok(at - start)
}

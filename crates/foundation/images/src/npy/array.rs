//! Reading npy arrays: plain ones as numbers, structured ones field by field.

use std::ops::Range;
use std::path::Path;

use super::{FORMAT, FieldKind, NpyField, NpyHeader};
use crate::{ByteOrder, ByteSource, ImageError, SampleKind, Samples, sample};

/// Turns the bytes of one value into text.
type TextOf = Box<dyn Fn(&[u8]) -> String>;

/// An open, complete npy array.
#[derive(Debug)]
pub struct NpyArray<'a> {
    header: NpyHeader,
    source: ByteSource<'a>,
    elements: usize,
}

impl NpyArray<'static> {
    /// Opens a file for positional reading.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::open(path.as_ref())?)
    }
}

impl<'a> NpyArray<'a> {
    /// An npy file in memory.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::from_source(ByteSource::Borrowed(bytes))
    }

    /// An npy file from any source of bytes; its length is compared with the header.
    pub fn from_source(source: ByteSource<'a>) -> Result<Self, ImageError> {
        let failed = ImageError::stream(FORMAT, "read the header");
        let length = NpyHeader::length(&source.read_start(12).map_err(&failed)?)?;
        let header = NpyHeader::parse(&source.read_start(length).map_err(&failed)?)?;
        let elements = header.elements();
        let data = elements.and_then(|n| n.checked_mul(header.element_bytes));
        let promised = data.and_then(|n| n.checked_add(header.data_offset));
        let found = source.len();
        match (elements, promised) {
            // Elements of no bytes would be an endless supply.
            (Some(0), _) => Ok(Self {
                header,
                source,
                elements: 0,
            }),
            (Some(elements), Some(promised))
                if promised as u64 <= found && header.element_bytes > 0 =>
            {
                Ok(Self {
                    header,
                    source,
                    elements,
                })
            }
            _ => {
                let size = header.element_bytes.max(1) as u64;
                Err(ImageError::TooShort {
                    format: FORMAT,
                    promised_bytes: promised.map_or(u64::MAX, |n| n as u64),
                    found_bytes: found,
                    promised: elements.unwrap_or(usize::MAX),
                    complete: (found.saturating_sub(header.data_offset as u64) / size) as usize,
                })
            }
        }
    }

    /// The header.
    pub fn header(&self) -> &NpyHeader {
        &self.header
    }

    /// Shape of the array.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// Number of elements (rows of a table).
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// Fields of one element; a plain array has one without a name.
    pub fn fields(&self) -> &[NpyField] {
        &self.header.fields
    }

    /// The numbers of a plain array in their stored type, last index fastest.
    pub fn samples(&self) -> Result<Samples, ImageError> {
        match self.fields() {
            [field] if field.name.is_empty() => self.column(""),
            fields => Err(ImageError::Unsupported {
                format: FORMAT,
                what: format!("reading a table of {} fields as one array", fields.len()),
                hint: " (hint: ask for one column)",
            }),
        }
    }

    /// The numbers of some rows (of the first index) of a plain array in C order, in their stored type; nothing else is
    /// read.
    ///
    /// # Errors
    /// The array is a table, has its first index fastest, or has no such rows.
    pub fn rows(&self, rows: Range<usize>) -> Result<Samples, ImageError> {
        let plain = match self.fields() {
            [field] if field.name.is_empty() && !self.header.fortran_order => match field.kind {
                FieldKind::Number(kind, order) => Some((kind, order)),
                _ => None,
            },
            _ => None,
        };
        let (kind, order) = plain.ok_or(ImageError::Unsupported {
            format: FORMAT,
            what: "reading rows of an array that is not plain numbers in C order".into(),
            hint: "",
        })?;
        let count = self.header.shape.first().copied().unwrap_or(1);
        if rows.start > rows.end || rows.end > count {
            let asked = format!("{}..{}", rows.start, rows.end);
            return Err(ImageError::out_of_range(FORMAT, "rows", asked, count));
        }
        if rows.is_empty() {
            return Ok(sample::decode_samples(kind, order, &[]));
        }
        let bytes = self.elements / count * self.header.element_bytes;
        let start = (self.header.data_offset + rows.start * bytes) as u64;
        let raw = self.read(start, rows.len() * bytes)?;
        Ok(sample::decode_samples(kind, order, &raw))
    }

    /// The numbers of a plain array as `f32`, last index fastest.
    pub fn read_f32(&self) -> Result<Vec<f32>, ImageError> {
        self.samples().map(Samples::into_f32)
    }

    /// All values of a numeric or boolean field, element by element, in their stored type (booleans as `u8`).
    pub fn column(&self, name: &str) -> Result<Samples, ImageError> {
        let field = self.field(name)?;
        let (kind, order) = match field.kind {
            FieldKind::Number(kind, order) => (kind, order),
            FieldKind::Boolean => (SampleKind::U8, ByteOrder::Little),
            other => {
                let what = format!("reading field '{name}' ({other:?}) as numbers");
                return Err(ImageError::Unsupported {
                    format: FORMAT,
                    what,
                    hint: "",
                });
            }
        };
        Ok(sample::decode_samples(
            kind,
            order,
            &self.column_bytes(field)?,
        ))
    }

    /// All values of a text field (`S` or `U`), element by element, without padding zeros.
    pub fn column_text(&self, name: &str) -> Result<Vec<String>, ImageError> {
        let field = self.field(name)?;
        let size = field.kind.bytes();
        if size == 0 {
            return Ok(vec![
                String::new();
                self.elements.min(self.source.len() as usize)
            ]);
        }
        let text: TextOf = match field.kind {
            FieldKind::Bytes(_) => Box::new(|raw| {
                String::from_utf8_lossy(raw)
                    .trim_end_matches('\0')
                    .to_owned()
            }),
            FieldKind::Unicode(_, order) => Box::new(move |raw| {
                let codes = raw.chunks_exact(4).filter_map(|c| order.u32_at(c, 0));
                let text: String = codes
                    .map(|c| char::from_u32(c).unwrap_or('\u{fffd}'))
                    .collect();
                text.trim_end_matches('\0').to_owned()
            }),
            other => {
                let what = format!("reading field '{name}' ({other:?}) as text");
                return Err(ImageError::Unsupported {
                    format: FORMAT,
                    what,
                    hint: "",
                });
            }
        };
        Ok(self
            .column_bytes(field)?
            .chunks_exact(size)
            .map(text)
            .collect())
    }

    /// The bytes of one element.
    pub fn element(&self, index: usize) -> Result<Vec<u8>, ImageError> {
        if index >= self.elements {
            return Err(ImageError::out_of_range(
                FORMAT,
                "element",
                index,
                self.elements,
            ));
        }
        let size = self.header.element_bytes;
        self.read(
            self.header.data_offset as u64 + index as u64 * size as u64,
            size,
        )
    }

    fn field(&self, name: &str) -> Result<&NpyField, ImageError> {
        self.fields()
            .iter()
            .find(|field| field.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.fields().iter().map(|f| f.name.as_str()).collect();
                ImageError::out_of_range(FORMAT, "field", format!("'{name}'"), names.join(", "))
            })
    }

    /// The bytes of one field of all elements, elements in C order.
    fn column_bytes(&self, field: &NpyField) -> Result<Vec<u8>, ImageError> {
        let size = self.header.element_bytes;
        let all = self.read(self.header.data_offset as u64, self.elements * size)?;
        let field_bytes = field.values() * field.kind.bytes();
        let one = |index: usize| &all[index * size + field.offset..][..field_bytes];
        let shape = &self.header.shape;
        if !self.header.fortran_order || shape.len() < 2 {
            if field_bytes == size {
                return Ok(all);
            }
            return Ok((0..self.elements).flat_map(one).copied().collect());
        }
        let mut strides = vec![1; shape.len()];
        for axis in 1..shape.len() {
            strides[axis] = strides[axis - 1] * shape[axis - 1];
        }
        let mut index = vec![0; shape.len()];
        let mut out = Vec::with_capacity(self.elements * field_bytes);
        for _ in 0..self.elements {
            let at: usize = index
                .iter()
                .zip(&strides)
                .map(|(i, stride)| i * stride)
                .sum();
            out.extend_from_slice(one(at));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(out)
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, ImageError> {
        self.source
            .read_vec(offset, len)
            .map_err(ImageError::stream(FORMAT, "read the data"))
    }
}

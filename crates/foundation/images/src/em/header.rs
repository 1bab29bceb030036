//! The 512-byte EM header and its inverse.

use serde::Serialize;

use crate::{ByteOrder, ImageError, SampleKind};

/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 512;
const PC: u8 = 6;
const MAC: u8 = 5;

/// What an EM header says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmHeader {
    /// Byte order of the file.
    pub byte_order: ByteOrder,
    /// Stored sample type.
    pub sample_kind: SampleKind,
    /// Columns, rows, sections.
    pub dims: [usize; 3],
    /// Free text.
    pub comment: String,
    /// The 40 integers of free use (voltage, Cs, magnification, pixel size … by convention of the writer).
    pub parameters: Vec<i32>,
}

impl EmHeader {
    /// Parses the first 512 bytes of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let not_em = |reason: String| ImageError::NotThisFormat {
            article_format: "an EM file",
            reason,
        };
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            let reason = format!(
                "{} bytes, the header alone takes {HEADER_BYTES}",
                bytes.len()
            );
            return Err(not_em(reason));
        };
        if bytes[0] > PC {
            return Err(not_em(format!(
                "machine code {} is not one of 0 to 6",
                bytes[0]
            )));
        }
        let sample_kind = kind(bytes[3])
            .ok_or_else(|| not_em(format!("data type {} is not one of 1 2 4 5 8 9", bytes[3])))?;
        let coded = if bytes[0] == PC {
            ByteOrder::Little
        } else {
            ByteOrder::Big
        };
        let dims_in = |order: ByteOrder| {
            let dims = [4, 8, 12].map(|at| order.i32_at(bytes, at).unwrap_or(0));
            dims.iter()
                .all(|n| (1..=1 << 28).contains(n))
                .then_some(dims.map(|n| n as usize))
        };
        // Programs on PCs have written machine codes of other machines: the dimensions decide then.
        let found = [coded, coded.swapped()]
            .into_iter()
            .find_map(|o| Some((o, dims_in(o)?)));
        let (byte_order, dims) =
            found.ok_or_else(|| not_em("the dimensions fit in neither byte order".into()))?;
        let comment = String::from_utf8_lossy(&bytes[16..96]);
        Ok(Self {
            byte_order,
            sample_kind,
            dims,
            comment: comment.trim_matches(['\0', ' ']).to_owned(),
            parameters: (0..40)
                .map(|i| byte_order.i32_at(bytes, 96 + 4 * i).unwrap_or(0))
                .collect(),
        })
    }

    /// Shape of the data, `[sections, rows, columns]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.dims[2], self.dims[1], self.dims[0]]
    }

    /// Length of a complete file, or `None` when that overflows.
    pub fn file_bytes(&self) -> Option<u64> {
        let samples = self
            .dims
            .iter()
            .try_fold(1u64, |all, &n| all.checked_mul(n as u64))?;
        let data = samples.checked_mul(self.sample_kind.bytes() as u64)?;
        data.checked_add(HEADER_BYTES as u64)
    }

    /// The 512 bytes of this header. Big-endian files carry the machine code of a Macintosh.
    pub fn to_bytes(&self) -> Result<[u8; HEADER_BYTES], ImageError> {
        let code = code(self.sample_kind).ok_or_else(|| {
            let expected = "I8, I16, I32, F32, F64 or ComplexF32";
            ImageError::header(
                super::FORMAT,
                "data type",
                format!("{:?}", self.sample_kind),
                expected,
            )
        })?;
        let mut out = [0; HEADER_BYTES];
        let little = self.byte_order == ByteOrder::Little;
        out[0] = if little { PC } else { MAC };
        out[3] = code;
        let mut put = |at: usize, value: i32| {
            let bytes = if little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            };
            out[at..at + 4].copy_from_slice(&bytes);
        };
        for (i, &n) in self.dims.iter().enumerate() {
            put(4 + 4 * i, n as i32);
        }
        for (i, &value) in self.parameters.iter().take(40).enumerate() {
            put(96 + 4 * i, value);
        }
        for (to, from) in out[16..96].iter_mut().zip(self.comment.bytes()) {
            *to = if from.is_ascii() { from } else { b'?' };
        }
        Ok(out)
    }
}

const fn kind(code: u8) -> Option<SampleKind> {
    Some(match code {
        1 => SampleKind::I8,
        2 => SampleKind::I16,
        4 => SampleKind::I32,
        5 => SampleKind::F32,
        8 => SampleKind::ComplexF32,
        9 => SampleKind::F64,
        _ => return None,
    })
}

const fn code(kind: SampleKind) -> Option<u8> {
    Some(match kind {
        SampleKind::I8 => 1,
        SampleKind::I16 => 2,
        SampleKind::I32 => 4,
        SampleKind::F32 => 5,
        SampleKind::ComplexF32 => 8,
        SampleKind::F64 => 9,
        _ => return None,
    })
}

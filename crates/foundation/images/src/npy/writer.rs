//! Writing npy arrays: plain numbers and tables of fields, little-endian, C order, version 1.0 (2.0 when the
//! header is long).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::{FORMAT, FieldKind, NpyField};
use crate::{ByteOrder, ImageError, SampleKind, Samples};

/// Writes an array of this shape, last index fastest.
pub fn write_npy(
    mut out: impl Write,
    shape: &[usize],
    samples: &Samples,
) -> Result<(), ImageError> {
    let elements = shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
    if elements != Some(samples.len()) {
        let expected = format!("{shape:?}");
        return Err(ImageError::bad_data(
            FORMAT,
            "number of samples",
            expected,
            samples.len(),
        ));
    }
    let kind = FieldKind::Number(samples.kind(), ByteOrder::Little);
    let failed = ImageError::stream(FORMAT, "write");
    let head = header(&format!("'{}'", type_string(kind)?), shape);
    out.write_all(&head).map_err(&failed)?;
    out.write_all(&samples.to_bytes(ByteOrder::Little))
        .map_err(&failed)?;
    out.flush().map_err(&failed)
}

/// As [`write_npy`], to the file at `path`, replacing what was there.
pub fn write_npy_file(
    path: impl AsRef<Path>,
    shape: &[usize],
    samples: &Samples,
) -> Result<(), ImageError> {
    let path = path.as_ref();
    let file = File::create(path).map_err(|e| ImageError::file(path, "create", e))?;
    write_npy(BufWriter::new(file), shape, samples)
}

/// Writes a table: `rows` are whole records of packed little-endian fields in the order given; the offsets of the
/// fields are not looked at.
pub fn write_records(
    mut out: impl Write,
    fields: &[NpyField],
    rows: &[u8],
) -> Result<(), ImageError> {
    let size: usize = fields.iter().map(|f| f.values() * f.kind.bytes()).sum();
    if size == 0 || !rows.len().is_multiple_of(size) {
        let expected = format!("a multiple of {size}");
        return Err(ImageError::bad_data(
            FORMAT,
            "bytes of the rows",
            expected,
            rows.len(),
        ));
    }
    let mut list = Vec::new();
    for field in fields {
        if field.name.is_empty() || !field.name.is_ascii() || field.name.contains(['\'', '\\']) {
            return Err(ImageError::bad_data(
                FORMAT,
                "field name",
                "ASCII without quotes",
                &field.name,
            ));
        }
        let kind = type_string(field.kind)?;
        list.push(match field.shape.as_slice() {
            [] => format!("('{}', '{kind}')", field.name),
            shape => format!("('{}', '{kind}', {})", field.name, tuple(shape)),
        });
    }
    let failed = ImageError::stream(FORMAT, "write");
    let head = header(&format!("[{}]", list.join(", ")), &[rows.len() / size]);
    out.write_all(&head).map_err(&failed)?;
    out.write_all(rows).map_err(&failed)?;
    out.flush().map_err(&failed)
}

fn type_string(kind: FieldKind) -> Result<String, ImageError> {
    let text = match kind {
        FieldKind::Number(SampleKind::ComplexI16, _)
        | FieldKind::Number(_, ByteOrder::Big)
        | FieldKind::Unicode(_, ByteOrder::Big) => None,
        FieldKind::Number(SampleKind::U8, _) => Some("|u1".into()),
        FieldKind::Number(SampleKind::I8, _) => Some("|i1".into()),
        FieldKind::Number(SampleKind::U16, _) => Some("<u2".into()),
        FieldKind::Number(SampleKind::I16, _) => Some("<i2".into()),
        FieldKind::Number(SampleKind::U32, _) => Some("<u4".into()),
        FieldKind::Number(SampleKind::I32, _) => Some("<i4".into()),
        FieldKind::Number(SampleKind::U64, _) => Some("<u8".into()),
        FieldKind::Number(SampleKind::I64, _) => Some("<i8".into()),
        FieldKind::Number(SampleKind::F16, _) => Some("<f2".into()),
        FieldKind::Number(SampleKind::F32, _) => Some("<f4".into()),
        FieldKind::Number(SampleKind::F64, _) => Some("<f8".into()),
        FieldKind::Number(SampleKind::ComplexF32, _) => Some("<c8".into()),
        FieldKind::Boolean => Some("|b1".into()),
        FieldKind::Bytes(n) => Some(format!("|S{n}")),
        FieldKind::Unicode(n, _) => Some(format!("<U{n}")),
        FieldKind::Opaque(n) => Some(format!("|V{n}")),
    };
    text.ok_or_else(|| {
        let expected = "a little-endian type that NumPy knows";
        ImageError::header(FORMAT, "type", format!("{kind:?}"), expected)
    })
}

fn tuple(shape: &[usize]) -> String {
    if let [single] = shape {
        return format!("({single},)");
    }
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("({})", sizes.join(", "))
}

/// Magic, version, length and header text, padded so that the data start at a multiple of 64 bytes.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let shape = tuple(shape);
    let mut text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
    // Version 1 has 16 bits for the length of the text, padding included.
    let short = text.len() < 65_000;
    let before = if short { 10 } else { 12 };
    let padded = (before + text.len() + 1).next_multiple_of(64) - before;
    text.extend(std::iter::repeat_n(' ', padded - text.len() - 1));
    text.push('\n');
    let mut bytes = b"\x93NUMPY".to_vec();
    if short {
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
    } else {
        bytes.extend([2, 0]);
        bytes.extend((text.len() as u32).to_le_bytes());
    }
    bytes.extend(text.into_bytes());
    bytes
}

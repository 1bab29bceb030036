//! Writing EM files in any of their types and either byte order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::{EmHeader, FORMAT};
use crate::{ByteOrder, ImageError, Samples};

/// What an EM file to be written looks like; the type is that of the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct EmSpec {
    /// `[sections, rows, columns]`. A motl of N particles is `[1, N, 20]`.
    pub shape: [usize; 3],
    /// Byte order; readers of today expect little-endian.
    pub byte_order: ByteOrder,
    /// Up to 80 ASCII characters.
    pub comment: String,
    /// Up to 40 integers of free use.
    pub parameters: Vec<i32>,
}

impl EmSpec {
    /// A little-endian file without comment.
    pub fn new(shape: [usize; 3]) -> Self {
        Self {
            shape,
            byte_order: ByteOrder::Little,
            comment: String::new(),
            parameters: Vec::new(),
        }
    }
}

/// Writes a whole file: header and samples `[section][row][column]`.
pub fn write(mut out: impl Write, spec: &EmSpec, samples: &Samples) -> Result<(), ImageError> {
    let [nz, ny, nx] = spec.shape;
    if spec.shape.iter().any(|&n| n == 0 || n > 1 << 28) {
        let found = format!("{:?}", spec.shape);
        return Err(ImageError::header(
            FORMAT,
            "shape",
            found,
            "1 to 2²⁸ along each axis",
        ));
    }
    let expected = nz.checked_mul(ny).and_then(|n| n.checked_mul(nx));
    if expected != Some(samples.len()) {
        let expected = format!("{nz}·{ny}·{nx}");
        return Err(ImageError::bad_data(
            FORMAT,
            "number of samples",
            expected,
            samples.len(),
        ));
    }
    let header = EmHeader {
        byte_order: spec.byte_order,
        sample_kind: samples.kind(),
        dims: [nx, ny, nz],
        comment: spec.comment.clone(),
        parameters: spec.parameters.clone(),
    };
    let failed = ImageError::stream(FORMAT, "write");
    out.write_all(&header.to_bytes()?).map_err(&failed)?;
    out.write_all(&samples.to_bytes(spec.byte_order))
        .map_err(&failed)?;
    out.flush().map_err(&failed)
}

/// As [`write`](write()), to the file at `path`, replacing what was there.
pub fn write_file(
    path: impl AsRef<Path>,
    spec: &EmSpec,
    samples: &Samples,
) -> Result<(), ImageError> {
    let path = path.as_ref();
    let file = File::create(path).map_err(|e| ImageError::file(path, "create", e))?;
    write(BufWriter::new(file), spec, samples)
}

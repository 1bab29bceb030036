//! cryoSPARC's particles `.cs` ↔ rows: a structured NumPy array.
//!
//! The pose is a rotation vector, of the same sense as RELION's angles; a particle lies at location − shift. Locations are fractions of a
//! micrograph whose y points up, so there is no depth: sets of tomograms do not fit. Without locations places are measured from the middle
//! of the particle's box. Pixels are those of `alignments3D/psize_A`.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_images::npy::{FieldKind, NpyArray, NpyField, write_records};
use thon_images::{ByteOrder, ImageError, SampleKind};
use thon_model::Half;

use super::Frames;
use super::rows::{Rows, tomogram_of};
use crate::InteropError;
use crate::euler::RotationVector;

/// Reads a table of particles.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let array = NpyArray::open(path)?;
    let count = array.elements();
    let has = |name: &str| array.fields().iter().any(|field| field.name == name);
    if !has("uid") {
        return Err(InteropError::contradiction(
            path.display(),
            "a field uid",
            "none",
        ));
    }
    let numbers = |name: &str, width: usize| -> Result<Option<Vec<f64>>, InteropError> {
        if !has(name) {
            return Ok(None);
        }
        let values = array.column(name)?.into_f32();
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        if values.len() != width * count {
            let place = format!("{}: {name}", path.display());
            let expected = format!("{width} values a particle");
            return Err(InteropError::contradiction(place, expected, values.len()));
        }
        Ok(Some(values))
    };
    let mut rows = Rows::default();
    let poses = numbers("alignments3D/pose", 3)?;
    let shifts = numbers("alignments3D/shift", 2)?;
    let x = numbers("location/center_x_frac", 1)?;
    let y = numbers("location/center_y_frac", 1)?;
    let shapes = numbers("location/micrograph_shape", 2)?;
    let names = if has("location/micrograph_path") {
        array.column_text("location/micrograph_path")?
    } else {
        vec![tomogram_of(path, frames); count]
    };
    let own_size = numbers("alignments3D/psize_A", 1)?;
    let box_size = numbers("blob/psize_A", 1)?;
    let first = |sizes: &Option<Vec<f64>>| sizes.as_ref()?.first().copied();
    rows.voxel_size = first(&own_size)
        .or(first(&box_size))
        .filter(|size| *size > 0.0);
    for row in 0..count {
        let mut place = DVec3::ZERO;
        if let (Some(x), Some(y), Some(shape)) = (&x, &y, &shapes) {
            place.x = x[row] * shape[2 * row + 1];
            place.y = (1.0 - y[row]) * shape[2 * row];
        }
        if let Some(shift) = &shifts {
            place -= DVec3::new(shift[2 * row], shift[2 * row + 1], 0.0);
        }
        rows.add(&names[row], place);
        if let Some(pose) = &poses {
            let vector = DVec3::from_slice(&pose[3 * row..3 * row + 3]);
            rows.rotations.push(RotationVector(vector).rotation());
        }
    }
    if let Some(split) = numbers("alignments3D/split", 1)? {
        let half = |split: &f64| if *split == 0.0 { Half::One } else { Half::Two };
        rows.halves = split.iter().map(half).collect();
    }
    if let Some(classes) = numbers("alignments3D/class", 1)? {
        rows.classes = classes.iter().map(|class| *class as u32 + 1).collect();
    }
    rows.scores = numbers("alignments3D/cross_cor", 1)?.unwrap_or_default();
    if x.is_none() {
        let text = "no locations; places are measured from the middle of each particle's box";
        rows.remarks.push(format!("{}: {text}", path.display()));
    }
    rows.remarks
        .push("cryoSPARC has no depth: every particle is at z = 0".into());
    Ok(rows)
}

fn field(name: &str, kind: SampleKind, shape: &[usize]) -> NpyField {
    NpyField {
        name: name.into(),
        kind: FieldKind::Number(kind, ByteOrder::Little),
        shape: shape.to_vec(),
        offset: 0,
    }
}

/// Writes a table of particles; locations where the size of the micrograph is known, else shifts from the box's middle.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let longest = rows
        .tomograms
        .iter()
        .map(String::len)
        .max()
        .unwrap_or(1)
        .max(1);
    let located = rows.volumes.iter().all(|([_, y, x], _)| y * x > 0);
    let mut fields = vec![
        field("uid", SampleKind::U64, &[]),
        field("alignments3D/split", SampleKind::U32, &[]),
        field("alignments3D/shift", SampleKind::F32, &[2]),
        field("alignments3D/pose", SampleKind::F32, &[3]),
        field("alignments3D/psize_A", SampleKind::F32, &[]),
        field("alignments3D/cross_cor", SampleKind::F32, &[]),
        field("alignments3D/class", SampleKind::U32, &[]),
    ];
    if located {
        fields.push(field("location/micrograph_shape", SampleKind::U32, &[2]));
        fields.push(field("location/center_x_frac", SampleKind::F32, &[]));
        fields.push(field("location/center_y_frac", SampleKind::F32, &[]));
    }
    fields.push(NpyField {
        kind: FieldKind::Bytes(longest),
        ..field("location/micrograph_path", SampleKind::U8, &[])
    });
    let mut bytes = Vec::new();
    for row in 0..rows.len() {
        let ([_, ny, nx], size) = rows.volumes[rows.tomogram[row] as usize];
        let place = rows.places[row];
        let shift = if located { DVec3::ZERO } else { -place };
        let half = u32::from(rows.halves.get(row) == Some(&Half::Two));
        bytes.extend((row as u64 + 1).to_le_bytes());
        bytes.extend(half.to_le_bytes());
        let pose = RotationVector::of(rows.turn(row)).0;
        let score = rows.scores.get(row).copied().unwrap_or(0.0);
        for value in [shift.x, shift.y, pose.x, pose.y, pose.z, size, score] {
            bytes.extend((value as f32).to_le_bytes());
        }
        let class = rows
            .classes
            .get(row)
            .map_or(0, |class| class.saturating_sub(1));
        bytes.extend(class.to_le_bytes());
        if located {
            bytes.extend((ny as u32).to_le_bytes());
            bytes.extend((nx as u32).to_le_bytes());
            bytes.extend(((place.x / nx as f64) as f32).to_le_bytes());
            bytes.extend(((1.0 - place.y / ny as f64) as f32).to_le_bytes());
        }
        let mut name = rows.tomogram_name(row).as_bytes().to_vec();
        name.resize(longest, 0);
        bytes.extend(name);
    }
    let path = folder.join(format!("{stem}.cs"));
    let file = File::create(&path).map_err(|e| ImageError::file(&path, "create", e))?;
    write_records(BufWriter::new(file), &fields, &bytes)?;
    Ok(vec![path])
}

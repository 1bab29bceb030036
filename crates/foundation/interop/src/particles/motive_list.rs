//! Motive lists of AV3, TOM and novaSTA ↔ rows: an EM file of 20 rows, one column for each particle.
//!
//! Places count from 1, in voxels; a particle lies at (x, y, z) + shift. R = Rz(psi) Rx(theta) Rz(phi). Rows (from 1): 1 score, 4 number
//! of the particle, 5 of the tomogram, 6 of the object, 8–10 place, 11–13 shift, 17 phi, 18 psi, 19 theta, 20 class. Numbers are
//! single precision: whole voxels and the rest go into place and shift.

use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_images::Samples;
use thon_images::em::{self, EmFile, EmSpec};

use super::Frames;
use super::dynamo::{index_beside, named, write_index};
use super::rows::Rows;
use crate::InteropError;
use crate::euler::MotlAngles;

/// Values of a particle.
pub(super) const ROWS: usize = 20;
/// Values that the model has no word for, counted from 0.
const CARRIED: [usize; 8] = [1, 2, 3, 5, 6, 13, 14, 15];

/// Reads a list.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let file = EmFile::open(path)?;
    let [sections, count, width] = file.shape();
    if width != ROWS || sections != 1 {
        let found = format!("{width} × {count} × {sections}");
        let name = path.display();
        return Err(InteropError::contradiction(
            name,
            "20 × N × 1 values of a motive list",
            found,
        ));
    }
    let values = file.read_all()?;
    let index = index_beside(path, frames)?;
    let mut rows = Rows::default();
    let mut carried = vec![Vec::with_capacity(count); CARRIED.len()];
    for one in values.chunks_exact(ROWS) {
        let at = |index: usize| f64::from(one[index]);
        let triple = |first: usize| DVec3::new(at(first), at(first + 1), at(first + 2));
        rows.add(&named(at(4), &index), triple(7) + triple(10) - DVec3::ONE);
        rows.rotations
            .push(MotlAngles::new(at(16), at(17), at(18)).rotation());
        rows.scores.push(at(0));
        rows.classes.push(at(19).max(0.0) as u32);
        for (column, index) in carried.iter_mut().zip(CARRIED) {
            column.push(one[index].to_string());
        }
    }
    for (values, index) in carried.into_iter().zip(CARRIED) {
        rows.carry(&format!("row {}", index + 1), values);
    }
    Ok(rows)
}

/// Writes a list, and the index of its tomograms.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let mut values = Vec::with_capacity(ROWS * rows.len());
    for row in 0..rows.len() {
        let mut one = [0.0; ROWS];
        for index in CARRIED {
            one[index] = rows.kept(&format!("row {}", index + 1), row).unwrap_or(0.0);
        }
        if rows.carried.columns.is_empty() {
            one[3] = row as f64 + 1.0;
        }
        one[0] = rows.scores.get(row).copied().unwrap_or(0.0);
        one[4] = f64::from(rows.tomogram[row] + 1);
        let place = rows.places[row] + DVec3::ONE;
        one[7..10].copy_from_slice(&place.round().to_array());
        one[10..13].copy_from_slice(&(place - place.round()).to_array());
        let angles = MotlAngles::of(rows.turn(row));
        one[16..19].copy_from_slice(&[angles.phi.0, angles.psi.0, angles.theta.0]);
        one[19] = rows.classes.get(row).map_or(1.0, |class| f64::from(*class));
        values.extend(one.map(|value| value as f32));
    }
    let file = folder.join(format!("{stem}.em"));
    let spec = EmSpec::new([1, rows.len(), ROWS]);
    em::write_file(&file, &spec, &Samples::F32(values))?;
    let index = write_index(rows, folder, stem)?;
    Ok(vec![file, index])
}

//! Motive lists of STOPGAP ↔ rows: a STAR file with a block `stopgap_motivelist`.
//!
//! Places count from 1, in voxels; a particle lies at orig + shift. R = Rz(psi) Rx(the) Rz(phi). Half sets are A and B.

use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::star::{self, Block, StarFile, Table};
use thon_formats::text::exact_number;
use thon_model::Half;

use super::Frames;
use super::dynamo::{index_beside, named, write_index};
use super::rows::Rows;
use crate::InteropError;
use crate::euler::MotlAngles;

const BLOCK: &str = "stopgap_motivelist";
const CARRIED: [&str; 3] = ["motl_idx", "object", "subtomo_num"];

/// Reads a list.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let file = star::read(path)?;
    let table = file.table(BLOCK)?;
    let index = index_beside(path, frames)?;
    let numbers = |label: &str| table.column(label)?.to_f64();
    let triple = |labels: [&str; 3]| -> Result<Vec<DVec3>, InteropError> {
        let [a, b, c] = labels.map(numbers);
        let (a, b, c) = (a?, b?, c?);
        let at = |((x, y), z): ((&f64, &f64), &f64)| DVec3::new(*x, *y, *z);
        Ok(a.iter().zip(&b).zip(&c).map(at).collect())
    };
    let places = triple(["orig_x", "orig_y", "orig_z"])?;
    let shifts = triple(["x_shift", "y_shift", "z_shift"])?;
    let angles = triple(["phi", "psi", "the"])?;
    let mut rows = Rows::default();
    for (row, tomogram) in numbers("tomo_num")?.into_iter().enumerate() {
        rows.add(
            &named(tomogram, &index),
            places[row] + shifts[row] - DVec3::ONE,
        );
        let DVec3 { x, y, z } = angles[row];
        rows.rotations.push(MotlAngles::new(x, y, z).rotation());
    }
    if table.has("score") {
        rows.scores = numbers("score")?;
    }
    if table.has("class") {
        rows.classes = numbers("class")?
            .iter()
            .map(|class| class.max(0.0) as u32)
            .collect();
    }
    if let Some(column) = table.find("halfset") {
        let half = |text: &str| match text {
            "A" => Some(Half::One),
            "B" => Some(Half::Two),
            _ => None,
        };
        let halves: Option<Vec<Half>> = column.strings().map(half).collect();
        rows.halves = halves.unwrap_or_default();
    }
    for label in CARRIED {
        if let Some(column) = table.find(label) {
            rows.carry(label, column.strings().map(str::to_owned).collect());
        }
    }
    Ok(rows)
}

/// Writes a list, and the index of its tomograms.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let mut table = Table::new_loop(Vec::<String>::new());
    let mut put = |label: &str, value: &dyn Fn(usize) -> String| -> Result<(), InteropError> {
        let values: Vec<String> = (0..rows.len()).map(value).collect();
        Ok(table.set_strings(label, &values)?)
    };
    let kept = |label: &str, row: usize, other: String| {
        rows.carried.value(label, row).map_or(other, str::to_owned)
    };
    put("motl_idx", &|row| {
        kept("motl_idx", row, (row + 1).to_string())
    })?;
    put("tomo_num", &|row| (rows.tomogram[row] + 1).to_string())?;
    put("object", &|row| kept("object", row, "1".into()))?;
    put("subtomo_num", &|row| {
        kept("subtomo_num", row, (row + 1).to_string())
    })?;
    put("halfset", &|row| match rows.halves.get(row) {
        Some(Half::Two) => "B".into(),
        Some(Half::One) => "A".into(),
        None => if row % 2 == 0 { "A" } else { "B" }.into(),
    })?;
    let place = |row: usize| rows.places[row] + DVec3::ONE;
    for (axis, label) in ["orig_x", "orig_y", "orig_z"].into_iter().enumerate() {
        put(label, &|row| exact_number(place(row).round()[axis], 0))?;
    }
    put("score", &|row| {
        exact_number(rows.scores.get(row).copied().unwrap_or(0.0), 0)
    })?;
    for (axis, label) in ["x_shift", "y_shift", "z_shift"].into_iter().enumerate() {
        put(label, &|row| {
            exact_number((place(row) - place(row).round())[axis], 0)
        })?;
    }
    let angles = |row: usize| MotlAngles::of(rows.turn(row));
    put("phi", &|row| exact_number(angles(row).phi.0, 0))?;
    put("psi", &|row| exact_number(angles(row).psi.0, 0))?;
    put("the", &|row| exact_number(angles(row).theta.0, 0))?;
    put("class", &|row| {
        rows.classes.get(row).copied().unwrap_or(1).to_string()
    })?;
    let path = folder.join(format!("{stem}.star"));
    star::write_to(&StarFile::new(vec![Block::new(BLOCK, vec![table])]), &path)?;
    let index = write_index(rows, folder, stem)?;
    Ok(vec![path, index])
}

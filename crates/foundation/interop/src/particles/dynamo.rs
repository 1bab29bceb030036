//! Dynamo tables `.tbl` ↔ rows, with the index of tomograms `.doc`.
//!
//! Places count from 1, in voxels of the tomogram; a particle lies at (x, y, z) + (dx, dy, dz). R = Rz(−tdrot) Rx(−tilt) Rz(−narot).
//! Catalogues of Dynamo are MATLAB files: their tables and `.doc` indices are what can be read. (dynamotable, dynamo2m.)

use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::dynamo::table::{self, DynamoTable, column};
use thon_formats::dynamo::tomogram_index::{self, IndexedTomogram};
use thon_formats::text;

use super::Frames;
use super::rows::Rows;
use crate::InteropError;
use crate::euler::DynamoAngles;

/// Columns that are written.
const WIDTH: usize = 36;

/// Reads a table.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let table = table::read(path)?;
    let index = index_beside(path, frames)?;
    let mut rows = Rows::default();
    for row in table.iter_rows() {
        let triple = |at: usize| DVec3::new(row[at], row[at + 1], row[at + 2]);
        let place = triple(column::X) + triple(column::SHIFT_X) - DVec3::ONE;
        rows.add(&named(row[column::TOMOGRAM], &index), place);
        let angles = triple(column::TDROT);
        rows.rotations
            .push(DynamoAngles::new(angles.x, angles.y, angles.z).rotation());
        rows.scores.push(row[column::CORRELATION]);
        rows.classes.push(row[column::CLASS].max(0.0) as u32);
    }
    if rows.classes.iter().all(|class| *class == 0) {
        rows.classes.clear();
    }
    let stated = table
        .column(column::PIXEL_SIZE)
        .and_then(|sizes| sizes.first().copied());
    rows.voxel_size = stated.filter(|size| *size > 0.0);
    for at in 0..table.width() {
        let values = table.column(at).unwrap_or_default();
        rows.carry(
            &label(at),
            values.iter().map(|v| text::exact_number(*v, 0)).collect(),
        );
    }
    if !table.imaginary.is_empty() {
        let count = table.imaginary.len();
        rows.remarks.push(format!(
            "{}: {count} imaginary parts left out",
            path.display()
        ));
    }
    Ok(rows)
}

fn label(column: usize) -> String {
    format!("column {}", column + 1)
}

/// Writes a table and its index.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let mut table = DynamoTable::new(WIDTH);
    for row in 0..rows.len() {
        let mut values: Vec<f64> = (0..WIDTH)
            .map(|at| rows.kept(&label(at), row).unwrap_or(0.0))
            .collect();
        let tag = rows.kept(&label(column::TAG), row);
        values[column::TAG] = tag.unwrap_or(row as f64 + 1.0);
        values[column::ALIGNED] = rows.kept(&label(column::ALIGNED), row).unwrap_or(1.0);
        values[column::AVERAGED] = rows.kept(&label(column::AVERAGED), row).unwrap_or(1.0);
        let angles = DynamoAngles::of(rows.turn(row));
        values[column::TDROT..column::TDROT + 3].copy_from_slice(&[
            angles.tdrot.0,
            angles.tilt.0,
            angles.narot.0,
        ]);
        values[column::SHIFT_X..column::SHIFT_X + 3].fill(0.0);
        let place = rows.places[row] + DVec3::ONE;
        values[column::X..column::X + 3].copy_from_slice(&place.to_array());
        values[column::TOMOGRAM] = f64::from(rows.tomogram[row] + 1);
        values[column::CORRELATION] = rows.scores.get(row).copied().unwrap_or(0.0);
        values[column::CLASS] = rows.classes.get(row).map_or(0.0, |class| f64::from(*class));
        values[column::PIXEL_SIZE] = rows.volumes[rows.tomogram[row] as usize].1;
        table.push(&values)?;
    }
    let file = folder.join(format!("{stem}.tbl"));
    text::write_file(&file, table::write(&table).as_bytes())?;
    let index = write_index(rows, folder, stem)?;
    Ok(vec![file, index])
}

/// The index of numbered tomograms: the one asked for, or the one beside a file.
pub(super) fn index_beside(
    path: &Path,
    frames: &Frames,
) -> Result<Vec<IndexedTomogram>, InteropError> {
    let beside = path.with_extension("doc");
    match &frames.index {
        Some(index) => Ok(tomogram_index::read(index)?),
        None if beside.is_file() => Ok(tomogram_index::read(&beside)?),
        None => Ok(Vec::new()),
    }
}

/// Name of a numbered tomogram.
pub(super) fn named(number: f64, index: &[IndexedTomogram]) -> String {
    let known = index.iter().find(|one| one.index as f64 == number);
    known.map_or_else(|| number.to_string(), |one| one.path.clone())
}

/// Writes which tomogram has which number, counted from 1.
pub(super) fn write_index(rows: &Rows, folder: &Path, stem: &str) -> Result<PathBuf, InteropError> {
    let one = |(at, name): (usize, &String)| IndexedTomogram {
        index: at as i64 + 1,
        path: name.clone(),
    };
    let index: Vec<_> = rows.tomograms.iter().enumerate().map(one).collect();
    let path = folder.join(format!("{stem}.doc"));
    text::write_file(&path, tomogram_index::write(&index).as_bytes())?;
    Ok(path)
}

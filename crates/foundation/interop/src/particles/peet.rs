//! PEET ↔ rows: an IMOD model of places and a motive list of 20 columns for each tomogram.
//!
//! A particle lies at its point + (xOffset, yOffset, zOffset); R = Rz(psi) Rx(theta) Rz(phi), the columns 17 phi, 18 psi, 19 theta. PEET's
//! particle axis is Y. The model of `NAME_initMOTL.csv`, `NAME-initMOTL.csv` or `NAME_MOTL_TomT_IterI.csv` is `NAME.mod` beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::text::{self, exact_number};
use thon_formats::text_table;

use super::rows::{Rows, tomogram_of};
use super::{Frames, imod_model};
use crate::InteropError;
use crate::euler::MotlAngles;

const COLUMNS: usize = 20;
const HEADER: &str = "CCC,reserved,reserved,pIndex,wedgeWT,NA,NA,NA,NA,NA,xOffset,yOffset,zOffset,NA,NA,reserved,\
                      EulerZ(1),EulerZ(3),EulerX(2),reserved";

/// Reads a motive list and the model beside it; without the model every place is its offset.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let table = text_table::read(path)?;
    if table.columns.len() != COLUMNS {
        let place = path.display();
        let expected = format!("{COLUMNS} columns of a motive list of PEET");
        return Err(InteropError::contradiction(
            place,
            expected,
            table.columns.len(),
        ));
    }
    let model = model_of(path);
    let points = match &model {
        Some(model) => imod_model::read(model, frames)?,
        None => Rows::default(),
    };
    let count = table.values.len() / COLUMNS;
    if model.is_some() && points.len() != count {
        let expected = format!("{count} points, as the motive list has rows");
        return Err(InteropError::contradiction(
            path.display(),
            expected,
            points.len(),
        ));
    }
    let tomogram = tomogram_of(model.as_deref().unwrap_or(path), frames);
    let mut rows = Rows {
        voxel_size: points.voxel_size,
        remarks: points.remarks,
        ..Rows::default()
    };
    for (row, values) in table.values.chunks_exact(COLUMNS).enumerate() {
        let at = |column: usize| {
            text::parse_f64(&values[column]).ok_or_else(|| {
                let place = format!("{}: row {}, column {}", path.display(), row + 1, column + 1);
                InteropError::contradiction(place, "a number", format!("'{}'", values[column]))
            })
        };
        let offset = DVec3::new(at(10)?, at(11)?, at(12)?);
        let point = points.places.get(row).copied().unwrap_or(DVec3::ZERO);
        rows.add(&tomogram, point + offset);
        rows.rotations
            .push(MotlAngles::new(at(16)?, at(17)?, at(18)?).rotation());
        rows.scores.push(at(0)?);
    }
    if model.is_none() {
        let text =
            "the model of the places is not beside it: every particle is at its offset alone";
        rows.remarks.push(format!("{}: {text}", path.display()));
    }
    Ok(rows)
}

fn model_of(path: &Path) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_str()?;
    let end = ["_initMOTL", "-initMOTL", "_MOTL", "-MOTL"]
        .iter()
        .find_map(|mark| stem.find(mark))?;
    let model = path.with_file_name(format!("{}.mod", &stem[..end]));
    model.is_file().then_some(model)
}

/// Writes a model and a motive list for each tomogram; the lists are what is read back.
pub(super) fn write(rows: &Rows, folder: &Path) -> Result<Vec<PathBuf>, InteropError> {
    imod_model::write(rows, folder)?;
    let mut files = Vec::new();
    for (name, _, members) in rows.by_tomogram() {
        let mut out = format!("{HEADER}\n");
        for (at, &row) in members.iter().enumerate() {
            let angles = MotlAngles::of(rows.turn(row));
            // Models are single precision: what they lose of a place goes into the offset.
            let place = rows.places[row] + imod_model::EDGE;
            let rest = place - DVec3::from_array(place.to_array().map(|v| f64::from(v as f32)));
            let mut values = [0.0; COLUMNS];
            values[0] = rows.scores.get(row).copied().unwrap_or(0.0);
            values[3] = at as f64 + 1.0;
            values[10..13].copy_from_slice(&rest.to_array());
            values[16..19].copy_from_slice(&[angles.phi.0, angles.psi.0, angles.theta.0]);
            let words: Vec<String> = values.iter().map(|v| exact_number(*v, 0)).collect();
            let _ = writeln!(out, "{}", words.join(","));
        }
        let path = folder.join(format!("{name}_initMOTL.csv"));
        text::write_file(&path, out.as_bytes())?;
        files.push(path);
    }
    Ok(files)
}

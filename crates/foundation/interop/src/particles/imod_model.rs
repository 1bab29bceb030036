//! IMOD models ↔ rows: every point of every contour is a particle; one model for each tomogram.
//!
//! x and y count from the edge of the first voxel (its middle is 0.5), z by sections (the middle of the first is 0). Models hold no
//! orientation of a point (PEET keeps it beside the model); object and contour are carried.

use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::imod::model::{self, Contour, Model, Object};
use thon_formats::text;

use super::Frames;
use super::rows::{Rows, tomogram_of};
use crate::InteropError;

/// From the first voxel's middle to where models count from.
pub(super) const EDGE: DVec3 = DVec3::new(0.5, 0.5, 0.0);
/// `units` of a model whose pixel size is in nm.
const NANOMETRES: i32 = -9;

/// Reads a model.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let model = model::read(path)?;
    let tomogram = tomogram_of(path, frames);
    let mut rows = Rows::default();
    let (mut objects, mut contours) = (Vec::new(), Vec::new());
    for (object, contour, [x, y, z]) in model.points() {
        let point = DVec3::new(f64::from(x), f64::from(y), f64::from(z));
        rows.add(&tomogram, point - EDGE);
        objects.push((object + 1).to_string());
        contours.push((contour + 1).to_string());
    }
    rows.carry("object", objects);
    rows.carry("contour", contours);
    if model.units == NANOMETRES && model.pixel_size > 0.0 {
        rows.voxel_size = Some(f64::from(model.pixel_size) * 10.0);
    }
    let slicer = model
        .chunks
        .iter()
        .filter(|chunk| chunk.tag == *b"SLAN")
        .count();
    if slicer > 0 {
        rows.remarks.push(format!(
            "{}: {slicer} sets of slicer angles are views, not orientations of points; left out",
            path.display()
        ));
    }
    Ok(rows)
}

/// Writes a model for each tomogram.
pub(super) fn write(rows: &Rows, folder: &Path) -> Result<Vec<PathBuf>, InteropError> {
    let mut files = Vec::new();
    for (name, index, members) in rows.by_tomogram() {
        let ([z, y, x], voxel) = rows.volumes[index as usize];
        let mut model = Model::new([x, y, z].map(|n| i32::try_from(n).unwrap_or(i32::MAX)));
        model.pixel_size = (voxel / 10.0) as f32;
        model.units = NANOMETRES;
        let point = |&row: &usize| (rows.places[row] + EDGE).to_array().map(|v| v as f32);
        let mut object = Object::new("particles");
        object
            .contours
            .push(Contour::new(members.iter().map(point).collect()));
        model.objects.push(object);
        let path = folder.join(format!("{name}.mod"));
        text::write_file(&path, &model::write(&model))?;
        files.push(path);
    }
    Ok(files)
}

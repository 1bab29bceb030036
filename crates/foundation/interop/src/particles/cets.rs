//! Point sets of CETS ↔ rows: annotations `PointSet3D` and `PointMatrixSet3D` of the regions of a data set, JSON.
//!
//! `origin3D` is N × 3, Å from voxel ⌊n/2⌋; `matrix3D` N × 3 × 3 turns the reference into the tomogram. A region is a tomogram. The
//! standard is a draft (data model 0.0.1): other annotations and transformations of coordinates are refused or left out, with a remark.

use std::path::{Path, PathBuf};

use glam::DVec3;
use serde_json::{Map, Value, json};
use thon_formats::text;
use thon_geometry::Rotation;

use super::Frames;
use super::portal::{rows_of, turn_of};
use super::rows::{Rows, tomogram_of};
use crate::InteropError;

/// Reads a data set, a region or one point set.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let name = path.display().to_string();
    let wrong = |expected: &str, found: String| InteropError::contradiction(&name, expected, found);
    let whole: Value = serde_json::from_str(&text::read_text(path)?)
        .map_err(|e| wrong("a JSON document of CETS", e.to_string()))?;
    let mut rows = Rows::default();
    let mut left_out = 0;
    let alone = tomogram_of(path, frames);
    let regions: Vec<&Value> = match whole.get("regions").and_then(Value::as_array) {
        Some(regions) => regions.iter().collect(),
        None => vec![&whole],
    };
    for region in regions {
        let called = ["name", "id"]
            .iter()
            .find_map(|key| region.get(key)?.as_str());
        let tomogram = called.unwrap_or(&alone);
        let own = std::slice::from_ref(region);
        let annotations = region.get("annotations").and_then(Value::as_array);
        for annotation in annotations.map_or(own, Vec::as_slice) {
            if annotation.get("origin3D").is_none() {
                left_out += 1;
                continue;
            }
            if annotation
                .get("coordinate_transformations")
                .is_some_and(|it| {
                    !it.is_null() && it.as_array().is_none_or(|list| !list.is_empty())
                })
            {
                let found = "transformations of its own".to_owned();
                return Err(wrong("points in the frame of their tomogram", found));
            }
            let places: Vec<[f64; 3]> = list(annotation, "origin3D", &name)?;
            let matrices: Vec<[[f64; 3]; 3]> = list(annotation, "matrix3D", &name)?;
            if !matrices.is_empty() && matrices.len() != places.len() {
                let expected = format!("{} matrices", places.len());
                return Err(wrong(&expected, matrices.len().to_string()));
            }
            for (at, place) in places.into_iter().enumerate() {
                if let Some(matrix) = matrices.get(at) {
                    rows.rotations.resize(rows.len(), Rotation::identity());
                    rows.rotations
                        .push(turn_of(*matrix, &format!("{name}: point {}", at + 1))?);
                }
                rows.add(tomogram, DVec3::from_array(place));
            }
        }
    }
    if !rows.rotations.is_empty() {
        rows.rotations.resize(rows.len(), Rotation::identity());
    }
    if left_out > 0 {
        rows.remarks.push(format!(
            "{name}: {left_out} annotations without points are left out"
        ));
    }
    Ok(rows)
}

fn list<T: serde::de::DeserializeOwned>(
    annotation: &Value,
    key: &str,
    file: &str,
) -> Result<Vec<T>, InteropError> {
    let Some(value) = annotation.get(key).filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    serde_json::from_value(value.clone())
        .map_err(|e| InteropError::contradiction(file, format!("numbers in {key}"), e))
}

/// Writes a data set with a region for each tomogram.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let region = |(_, index, members): (String, u32, Vec<usize>)| {
        let mut points = Map::new();
        points.insert("id".into(), json!(format!("{stem}_{}", index + 1)));
        points.insert("name".into(), json!(stem));
        let places: Vec<[f64; 3]> = members
            .iter()
            .map(|&row| rows.places[row].to_array())
            .collect();
        points.insert("origin3D".into(), json!(places));
        if !rows.rotations.is_empty() {
            let turns: Vec<_> = members.iter().map(|&row| rows_of(rows.turn(row))).collect();
            points.insert("matrix3D".into(), json!(turns));
        }
        let name = &rows.tomograms[index as usize];
        json!({"id": name, "name": name, "annotations": [points]})
    };
    let regions: Vec<Value> = rows.by_tomogram().into_iter().map(region).collect();
    let whole = json!({"name": stem, "regions": regions});
    let path = folder.join(format!("{stem}.cets.json"));
    let text = serde_json::to_string_pretty(&whole)
        .map_err(|e| InteropError::contradiction("CETS", "numbers JSON can hold", e))?;
    text::write_file(&path, text.as_bytes())?;
    Ok(vec![path])
}

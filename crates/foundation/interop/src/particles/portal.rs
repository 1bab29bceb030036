//! Points of the CryoET Data Portal ↔ rows: one `.ndjson` for each tomogram.
//!
//! Locations count voxels from 0; `xyz_rotation_matrix` turns the reference into the tomogram, row by row.

use std::path::{Path, PathBuf};

use glam::{DMat3, DVec3};
use thon_formats::portal::points::{self, Location, Point};
use thon_formats::text;
use thon_geometry::Rotation;

use super::Frames;
use super::rows::{Rows, Turn, tomogram_of};
use crate::InteropError;

/// Reads the points of a tomogram.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let tomogram = tomogram_of(path, frames);
    let mut rows = Rows::default();
    let points = points::read(path)?;
    let oriented = points.iter().any(|point| point.rotation.is_some());
    let mut instances = Vec::new();
    for (at, point) in points.iter().enumerate() {
        rows.add(&tomogram, of_location(&point.location));
        if oriented {
            let turn = match point.rotation {
                Some(matrix) => turn_of(matrix, &format!("{}: point {}", path.display(), at + 1))?,
                None => Rotation::identity(),
            };
            rows.rotations.push(turn);
        }
        instances.extend(point.instance_id.map(|id| id.to_string()));
    }
    if instances.len() == points.len() && !points.is_empty() {
        rows.carry("instance", instances);
    }
    Ok(rows)
}

/// Writes the points of each tomogram.
pub(super) fn write(rows: &Rows, folder: &Path) -> Result<Vec<PathBuf>, InteropError> {
    let mut files = Vec::new();
    for (name, _, members) in rows.by_tomogram() {
        let point = |&row: &usize| {
            let rotation = rows.rotations.get(row).map(|turn| rows_of(*turn));
            Point {
                kind: if rotation.is_some() {
                    "orientedPoint"
                } else {
                    "point"
                }
                .into(),
                location: to_location(rows.places[row]),
                rotation,
                instance_id: rows.kept("instance", row).map(|id| id as i64),
                other: serde_json::Map::new(),
            }
        };
        let points: Vec<Point> = members.iter().map(point).collect();
        let path = folder.join(format!("{name}.ndjson"));
        text::write_file(&path, points::write(&points)?.as_bytes())?;
        files.push(path);
    }
    Ok(files)
}

/// A location as a vector.
pub(super) fn of_location(location: &Location) -> DVec3 {
    DVec3::new(location.x, location.y, location.z)
}

/// A vector as a location.
pub(super) fn to_location(place: DVec3) -> Location {
    Location {
        x: place.x,
        y: place.y,
        z: place.z,
    }
}

/// Rows of the matrix of a rotation.
pub(super) fn rows_of(turn: Turn) -> [[f64; 3]; 3] {
    turn.matrix().transpose().to_cols_array_2d()
}

/// The rotation of a matrix given by rows; fails when it turns nothing or mirrors.
pub(super) fn turn_of(rows: [[f64; 3]; 3], place: &str) -> Result<Turn, InteropError> {
    /// Digits that files lose.
    const LOOSE: f64 = 1e-3;
    let matrix = DMat3::from_cols_array_2d(&rows).transpose();
    let off = matrix * matrix.transpose() - DMat3::IDENTITY;
    let worst = off
        .to_cols_array()
        .iter()
        .fold(0.0f64, |most, v| most.max(v.abs()));
    if worst.is_nan() || worst > LOOSE || matrix.determinant() < 0.0 {
        return Err(InteropError::contradiction(
            place,
            "a rotation matrix",
            format!("{rows:?}"),
        ));
    }
    Ok(Rotation::from_matrix(matrix))
}

//! Picks of copick ↔ rows: one JSON document for each tomogram (run).
//!
//! Locations in Å from the middle of the first voxel; the transformation is 4 × 4, reference → tomogram, and its translation, Å, is added to
//! the location.

use std::path::{Path, PathBuf};

use glam::DVec3;
use serde_json::{Map, Value};
use thon_formats::portal::picks::{self, Pick, Picks};
use thon_formats::text;
use thon_geometry::Rotation;

use super::Frames;
use super::portal::{of_location, rows_of, to_location, turn_of};
use super::rows::{Rows, tomogram_of};
use crate::InteropError;

/// Reads the picks of a run.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let picks = picks::read(path)?;
    if picks.unit != "angstrom" {
        return Err(InteropError::contradiction(
            path.display(),
            "unit angstrom",
            format!("'{}'", picks.unit),
        ));
    }
    let run = picks.other.get("run_name").and_then(Value::as_str);
    let tomogram = match (&frames.tomogram, run) {
        (None, Some(run)) => run.to_owned(),
        _ => tomogram_of(path, frames),
    };
    let mut rows = Rows {
        voxel_size: picks.other.get("voxel_spacing").and_then(Value::as_f64),
        ..Rows::default()
    };
    let oriented = picks
        .points
        .iter()
        .any(|pick| pick.transformation.is_some());
    for (at, pick) in picks.points.iter().enumerate() {
        let mut place = of_location(&pick.location);
        if let Some([a, b, c, _]) = pick.transformation {
            place += DVec3::new(a[3], b[3], c[3]);
            let matrix = [a, b, c].map(|[x, y, z, _]| [x, y, z]);
            let called = format!("{}: pick {}", path.display(), at + 1);
            rows.rotations.push(turn_of(matrix, &called)?);
        } else if oriented {
            rows.rotations.push(Rotation::identity());
        }
        rows.add(&tomogram, place);
        rows.scores.push(pick.score.unwrap_or(1.0));
    }
    let instances = picks.points.iter().filter_map(|pick| pick.instance_id);
    let instances: Vec<String> = instances.map(|id| id.to_string()).collect();
    if instances.len() == rows.len() && !instances.is_empty() {
        rows.carry("instance", instances);
    }
    Ok(rows)
}

/// Writes the picks of each run; `stem` is the name of the object.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let mut files = Vec::new();
    for (name, index, members) in rows.by_tomogram() {
        let pick = |&row: &usize| {
            let [a, b, c] = rows_of(rows.turn(row));
            let wide = |[x, y, z]: [f64; 3]| [x, y, z, 0.0];
            let transformation = [wide(a), wide(b), wide(c), [0.0, 0.0, 0.0, 1.0]];
            Pick {
                location: to_location(rows.places[row]),
                transformation: (!rows.rotations.is_empty()).then_some(transformation),
                instance_id: rows.kept("instance", row).map(|id| id as i64),
                score: rows.scores.get(row).copied(),
                other: Map::new(),
            }
        };
        let run = &rows.tomograms[index as usize];
        let mut other = Map::new();
        other.insert("run_name".into(), Value::from(run.as_str()));
        other.insert(
            "voxel_spacing".into(),
            Value::from(rows.volumes[index as usize].1),
        );
        other.insert(
            "trust_orientation".into(),
            Value::from(!rows.rotations.is_empty()),
        );
        let picks = Picks {
            pickable_object_name: stem.to_owned(),
            user_id: "thon".into(),
            session_id: "0".into(),
            unit: "angstrom".into(),
            points: members.iter().map(pick).collect(),
            other,
        };
        let path = folder.join(format!("{name}_{stem}.json"));
        text::write_file(&path, picks::write(&picks)?.as_bytes())?;
        files.push(path);
    }
    Ok(files)
}

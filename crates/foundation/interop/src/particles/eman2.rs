//! EMAN2 ↔ rows: boxes of `info/NAME_info.json` (one for each tomogram, without orientations) and particle lists `.lst`.
//!
//! Places count from voxel ⌊n/2⌋, in unbinned pixels (`apix_unbin`). In lists, `coord` (or `ptcl_source_coord`) is the place of the box and
//! `xform.align3d` maps particle to reference, x ↦ M x + t with M = Rz(−phi) Rx(−alt) Rz(−az): the orientation is M⁻¹ and the particle's
//! centre lies at coord − M⁻¹ t. The tomogram of a row is the name of its stack before `__`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use glam::{DMat3, DVec3};
use serde_json::{Map, Value, json};
use thon_formats::text;
use thon_geometry::Rotation;

use super::Frames;
use super::rows::{Rows, Turn, file_name, tomogram_of};
use crate::InteropError;
use crate::euler::EmanAngles;

/// How boxes were made, as EMAN2 calls it.
const METHOD: &str = "manual";

fn document(path: &Path) -> Result<Value, InteropError> {
    serde_json::from_str(&text::read_text(path)?)
        .map_err(|e| InteropError::contradiction(path.display(), "a JSON document of EMAN2", e))
}

/// Reads the boxes of a tomogram.
pub(super) fn read_boxes(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let whole = document(path)?;
    let wrong = |found: &dyn std::fmt::Display| {
        let expected = "boxes_3d: lists of x, y, z, method, score, class";
        InteropError::contradiction(path.display(), expected, found)
    };
    let boxes = whole.get("boxes_3d").and_then(Value::as_array);
    let stem = tomogram_of(path, frames);
    let tomogram = stem.strip_suffix("_info").unwrap_or(&stem).to_owned();
    let mut rows = Rows {
        voxel_size: whole.get("apix_unbin").and_then(Value::as_f64),
        ..Rows::default()
    };
    for one in boxes.ok_or_else(|| wrong(&"none"))? {
        let number = |at: usize| one.get(at).and_then(Value::as_f64);
        let (Some(x), Some(y), Some(z)) = (number(0), number(1), number(2)) else {
            return Err(wrong(one));
        };
        rows.add(&tomogram, DVec3::new(x, y, z));
        rows.scores.push(number(4).unwrap_or(0.0));
        rows.classes.push(number(5).unwrap_or(0.0).max(0.0) as u32);
    }
    Ok(rows)
}

/// Writes the boxes of each tomogram.
pub(super) fn write_boxes(rows: &Rows, folder: &Path) -> Result<Vec<PathBuf>, InteropError> {
    let mut files = Vec::new();
    for (name, index, members) in rows.by_tomogram() {
        let mut classes = Map::new();
        let one = |&row: &usize| {
            let DVec3 { x, y, z } = rows.places[row];
            let score = rows.scores.get(row).copied().unwrap_or(0.0);
            json!([
                x,
                y,
                z,
                METHOD,
                score,
                rows.classes.get(row).copied().unwrap_or(0)
            ])
        };
        let boxes: Vec<Value> = members.iter().map(one).collect();
        for row in &members {
            let class = rows.classes.get(*row).copied().unwrap_or(0);
            let entry = json!({"name": format!("particles_{class:02}"), "boxsize": 32});
            classes.insert(class.to_string(), entry);
        }
        let size = rows.volumes[index as usize].1;
        let whole = json!({"apix_unbin": size, "boxes_3d": boxes, "class_list": classes});
        let path = folder.join(format!("{name}_info.json"));
        text::write_file(&path, whole.to_string().as_bytes())?;
        files.push(path);
    }
    Ok(files)
}

/// Reads a list.
pub(super) fn read_list(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let content = text::read_text(path)?;
    let name = text::display_name(path);
    let mut rows = Rows::default();
    let lines = text::content_lines(&content, &name).filter(|line| !line.text.starts_with('#'));
    for line in lines {
        let mut parts = line.text.splitn(3, '\t');
        let (_, stack, attributes) = (parts.next(), parts.next(), parts.next());
        let stack = stack.ok_or_else(|| line.error("index, stack and attributes", line.text))?;
        let attributes = attributes.unwrap_or("{}").trim();
        let attributes: Value = serde_json::from_str(attributes)
            .map_err(|e| line.error("attributes as JSON", &e.to_string()))?;
        let turn = match attributes.get("xform.align3d") {
            Some(transform) => inverse(transform)
                .ok_or_else(|| line.error("a rotation and a shift", &transform.to_string()))?,
            None => (Rotation::identity(), DVec3::ZERO),
        };
        let coord = ["coord", "ptcl_source_coord"]
            .iter()
            .find_map(|key| attributes.get(key));
        let coord = coord
            .ok_or_else(|| line.error("the place of the box, coord", &attributes.to_string()))?;
        let coord: [f64; 3] = serde_json::from_value(coord.clone())
            .map_err(|e| line.error("three numbers in coord", &e.to_string()))?;
        let called = file_name(stack);
        let own = called.split("__").next().unwrap_or(&called);
        let own = frames.tomogram.as_deref().unwrap_or(own).to_owned();
        rows.add(&own, DVec3::from_array(coord) + turn.1);
        rows.rotations.push(turn.0);
        rows.scores.push(
            attributes
                .get("score")
                .and_then(Value::as_f64)
                .unwrap_or(0.0),
        );
        let class = attributes.get("class").and_then(Value::as_u64);
        rows.classes.push(class.unwrap_or(0) as u32);
    }
    if rows.classes.iter().all(|class| *class == 0) {
        rows.classes.clear();
    }
    Ok(rows)
}

/// Orientation M⁻¹ and place −M⁻¹ t of a transform of particle to reference.
fn inverse(transform: &Value) -> Option<(Turn, DVec3)> {
    if let Some(matrix) = transform.get("matrix") {
        let parsed = matrix.as_str().map(serde_json::from_str::<Vec<f64>>);
        let values = match parsed {
            Some(values) => values.ok()?,
            None => serde_json::from_value(matrix.clone()).ok()?,
        };
        let m: [f64; 12] = values.try_into().ok()?;
        let rows = [[m[0], m[1], m[2]], [m[4], m[5], m[6]], [m[8], m[9], m[10]]];
        let back = DMat3::from_cols_array_2d(&rows);
        let shift = DVec3::new(m[3], m[7], m[11]);
        return Some((Rotation::from_matrix(back), -(back * shift)));
    }
    let number = |key: &str| transform.get(key).map_or(Some(0.0), Value::as_f64);
    if transform.get("type").is_some_and(|kind| kind != "eman") {
        return None;
    }
    let angles = EmanAngles::new(number("az")?, number("alt")?, number("phi")?);
    let turn = angles.rotation().inverse().quaternion();
    let shift = DVec3::new(number("tx")?, number("ty")?, number("tz")?);
    Some((Rotation::from_quaternion(turn), -(turn * shift)))
}

/// Writes a list; its stacks are named as EMAN2 would, they are not made.
pub(super) fn write_list(
    rows: &Rows,
    folder: &Path,
    stem: &str,
) -> Result<Vec<PathBuf>, InteropError> {
    let mut lines = Vec::with_capacity(rows.len());
    let mut counts = vec![0; rows.tomograms.len()];
    for row in 0..rows.len() {
        let tomogram = rows.tomogram[row] as usize;
        let turn = Rotation::from_quaternion(rows.turn(row).quaternion().conjugate());
        let angles = EmanAngles::of(turn);
        let mut attributes = Map::new();
        attributes.insert("coord".into(), json!(rows.places[row].to_array()));
        if !rows.rotations.is_empty() {
            let transform = json!({
                "type": "eman", "az": angles.az.0, "alt": angles.alt.0, "phi": angles.phi.0,
                "tx": 0.0, "ty": 0.0, "tz": 0.0, "mirror": 0, "scale": 1.0,
            });
            attributes.insert("xform.align3d".into(), transform);
        }
        if let Some(score) = rows.scores.get(row) {
            attributes.insert("score".into(), json!(score));
        }
        if let Some(class) = rows.classes.get(row) {
            attributes.insert("class".into(), json!(class));
        }
        let stack = format!(
            "particles3d/{}__{stem}.hdf",
            file_name(&rows.tomograms[tomogram])
        );
        lines.push(format!(
            "{}\t{stack}\t{}",
            counts[tomogram],
            Value::Object(attributes)
        ));
        counts[tomogram] += 1;
    }
    let longest = lines.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::from("#LSX\n# every line after the next has the length that it states\n");
    let _ = writeln!(out, "# {}", longest + 1);
    for line in lines {
        let _ = writeln!(out, "{line:<longest$}");
    }
    let path = folder.join(format!("{stem}.lst"));
    text::write_file(&path, out.as_bytes())?;
    Ok(vec![path])
}

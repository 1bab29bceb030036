//! Tables of text ↔ rows: x, y, z in voxels from 0, with or without a header, any of comma, tab, bar, semicolon or blanks between.
//!
//! Columns are found by their names (`x`, `y`, `z`; `X [A]` counts Å; `tomogram`, `score`, `class`); without a header the first three are x,
//! y, z. What is written has the columns tomogram, x, y, z, score, class.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::text::{self, exact_number, parse_f64};

use super::Frames;
use super::rows::{Rows, tomogram_of};
use crate::InteropError;

/// Reads a table.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Rows, InteropError> {
    let content = text::read_text(path)?;
    let name = text::display_name(path);
    let mut rows = Rows::default();
    let alone = tomogram_of(path, frames);
    let mut columns: Option<Columns> = None;
    for line in text::content_lines(&content, &name).filter(|line| !line.text.starts_with('#')) {
        let cells = split(line.text);
        let numeric = cells.iter().all(|cell| parse_f64(cell).is_some());
        let Some(columns) = &columns else {
            let header = if numeric {
                Some(Columns::in_order())
            } else {
                Columns::of(&cells)
            };
            let header = header.ok_or_else(|| line.error("columns x, y and z", line.text))?;
            columns = Some(header);
            if !numeric {
                continue;
            }
            add(&mut rows, &Columns::in_order(), &cells, &alone, &line)?;
            continue;
        };
        add(&mut rows, columns, &cells, &alone, &line)?;
    }
    if let Some(columns) = columns.filter(|columns| columns.angstrom) {
        let size = frames.voxel_size.map_or(1.0, |size| size.0);
        let voxel = |name: &str| frames.grid(name).map_or(size, |grid| grid.voxel_size.0);
        for row in 0..rows.len() {
            let edge = voxel(rows.tomogram_name(row));
            rows.places[row] /= edge;
        }
        let text = format!("columns {} count Å", columns.named.join(", "));
        rows.remarks.push(format!("{}: {text}", path.display()));
        rows.voxel_size = Some(1.0);
    }
    Ok(rows)
}

struct Columns {
    place: [usize; 3],
    named: Vec<String>,
    tomogram: Option<usize>,
    score: Option<usize>,
    class: Option<usize>,
    angstrom: bool,
}

impl Columns {
    fn in_order() -> Self {
        Self {
            place: [0, 1, 2],
            named: Vec::new(),
            tomogram: None,
            score: None,
            class: None,
            angstrom: false,
        }
    }

    fn of(cells: &[&str]) -> Option<Self> {
        let lower: Vec<String> = cells.iter().map(|cell| cell.to_lowercase()).collect();
        let find = |names: &[&str]| lower.iter().position(|cell| names.contains(&cell.as_str()));
        let axis = |axis: char| {
            lower.iter().position(|cell| {
                cell.split(['[', '(', '_'])
                    .next()
                    .is_some_and(|word| word.trim() == axis.to_string())
            })
        };
        let place = [axis('x')?, axis('y')?, axis('z')?];
        Some(Self {
            place,
            named: place.iter().map(|at| cells[*at].to_owned()).collect(),
            tomogram: find(&["tomogram", "tomo", "tomo_name", "run"]),
            score: find(&["score", "cc", "ccc"]),
            class: find(&["class"]),
            angstrom: place
                .iter()
                .all(|at| lower[*at].contains("[a]") || lower[*at].contains("[å]")),
        })
    }
}

fn split(line: &str) -> Vec<&str> {
    let separator = [',', '\t', '|', ';']
        .into_iter()
        .find(|mark| line.contains(*mark));
    match separator {
        Some(mark) => line
            .split(mark)
            .map(|cell| cell.trim().trim_matches('"'))
            .collect(),
        None => line.split_whitespace().collect(),
    }
}

fn add(
    rows: &mut Rows,
    columns: &Columns,
    cells: &[&str],
    alone: &str,
    line: &text::Line<'_>,
) -> Result<(), InteropError> {
    let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
    let number = |at: usize| line.f64(cell(at), "a coordinate");
    let [x, y, z] = columns.place;
    let place = DVec3::new(number(x)?, number(y)?, number(z)?);
    rows.add(columns.tomogram.map_or(alone, cell), place);
    if let Some(at) = columns.score {
        rows.scores.push(line.f64(cell(at), "a score")?);
    }
    if let Some(at) = columns.class {
        rows.classes.push(line.usize(cell(at), "a class")? as u32);
    }
    Ok(())
}

/// Writes a table.
pub(super) fn write(rows: &Rows, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, InteropError> {
    let mut out = String::from("tomogram,x,y,z");
    out.push_str(if rows.scores.is_empty() { "" } else { ",score" });
    out.push_str(if rows.classes.is_empty() {
        "\n"
    } else {
        ",class\n"
    });
    for row in 0..rows.len() {
        let name = rows.tomogram_name(row).replace(',', "_");
        let [x, y, z] = rows.places[row]
            .to_array()
            .map(|value| exact_number(value, 0));
        let _ = write!(out, "{name},{x},{y},{z}");
        if let Some(score) = rows.scores.get(row) {
            let _ = write!(out, ",{score}");
        }
        if let Some(class) = rows.classes.get(row) {
            let _ = write!(out, ",{class}");
        }
        out.push('\n');
    }
    let path = folder.join(format!("{stem}.csv"));
    text::write_file(&path, out.as_bytes())?;
    Ok(vec![path])
}

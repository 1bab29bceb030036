//! Tables of numbers and words: plain columns, transforms, delimited text, AreTomo alignments.
use serde_json::json;
use thon_formats::aretomo::alignment;
use thon_formats::imod::transforms;
use thon_formats::numeric_table::{self, NumericTable};

use super::documents;
use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;

/// Describes a table of numbers.
pub(crate) fn numbers(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let table = numeric_table::parse(&text, input.name())?;
    add_table(&table, description);
    let angles = ["tlt", "rawtlt"].contains(&input.extension().as_str()) && table.width() <= 2;
    let what = if angles {
        "tilt angles"
    } else {
        "table of numbers"
    };
    description.summary = format!(
        "{what}, {} rows × {}{}",
        table.rows(),
        table.width(),
        span(&table)
    );
    if angles {
        angle_doubts(&table, description);
    }
    Ok(())
}

fn span(table: &NumericTable) -> String {
    let ends = table.row(0).zip(table.row(table.rows().saturating_sub(1)));
    ends.map_or(String::new(), |(first, last)| {
        format!(", {} to {}", short(first[0]), short(last[0]))
    })
}

fn add_table(table: &NumericTable, description: &mut Description) {
    let facts = &mut description.facts;
    facts.set("rows", table.rows());
    facts.set("columns", table.width());
    facts.set_some("first", table.row(0).map(|row| json!(row)));
    facts.set_some(
        "last",
        table
            .rows()
            .checked_sub(1)
            .and_then(|last| table.row(last))
            .map(|row| json!(row)),
    );
    let infinite = table
        .values()
        .iter()
        .filter(|value| !value.is_finite())
        .count();
    if infinite > 0 {
        description.doubt(format!("{infinite} numbers are not finite"));
    }
    if table.rows() == 0 {
        description.doubt("the table has no rows");
    }
}

fn angle_doubts(table: &NumericTable, description: &mut Description) {
    let mut angles = table.column(0).unwrap_or_default();
    if angles.iter().any(|angle| angle.abs() > 90.0) {
        description.doubt("an angle is beyond 90°");
    }
    angles.sort_by(f64::total_cmp);
    let twice = angles.windows(2).filter(|pair| pair[0] == pair[1]).count();
    if twice > 0 {
        description.doubt(format!("{twice} angles stand more than once"));
    }
}

/// Describes a list of linear transforms, six numbers each.
pub(crate) fn transforms(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let list = transforms::parse(&text, input.name())?;
    let facts = &mut description.facts;
    facts.set("rows", list.len());
    facts.set("columns", 6);
    let largest = list
        .iter()
        .flat_map(|one| one.shift)
        .fold(0.0_f64, |most, shift| most.max(shift.abs()));
    facts.set("largest_shift_px", largest);
    if let Some(middle) = list.get(list.len() / 2) {
        let angle = middle.matrix[1][0].atan2(middle.matrix[0][0]).to_degrees();
        facts.set("rotation_of_middle", angle);
    }
    description.summary = format!(
        "{} linear transforms, shifts up to {} px",
        list.len(),
        short(largest)
    );
    let flat = |one: &&transforms::LinearTransform| {
        let [[a, b], [c, d]] = one.matrix;
        let area = a * d - b * c;
        !(1e-6..1e6).contains(&area.abs())
    };
    let singular = list.iter().filter(flat).count();
    if singular > 0 {
        description.doubt(format!("{singular} transforms squash the image to nothing"));
    }
    Ok(())
}

/// Describes a delimited table: commas, tabs, semicolons or bars, with or without a header line.
pub(crate) fn delimited(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.first().copied().unwrap_or_default();
    let count = |mark: char| first.matches(mark).count();
    let marks = [
        (',', "comma"),
        ('\t', "tab"),
        (';', "semicolon"),
        ('|', "bar"),
    ];
    let mark = marks
        .into_iter()
        .rev()
        .max_by_key(|(mark, _)| count(*mark))
        .unwrap_or(marks[0]);
    let columns = cells(first, mark.0);
    let header = first
        .split(mark.0)
        .any(|cell| cell.trim().parse::<f64>().is_err() && !cell.trim().is_empty());
    let rows = lines.len() - usize::from(header && !lines.is_empty());
    let facts = &mut description.facts;
    facts.set("rows", rows);
    facts.set("columns", columns);
    facts.set("separator", mark.1);
    if header {
        facts.set(
            "column_names",
            first
                .split(mark.0)
                .map(|cell| cell.trim().to_owned())
                .collect::<Vec<_>>(),
        );
    }
    let ragged = lines
        .iter()
        .filter(|line| cells(line, mark.0) != columns)
        .count();
    if ragged > 0 {
        description.doubt(format!(
            "{ragged} lines have another number of columns than the first"
        ));
    }
    description.summary = format!("delimited table, {rows} rows × {columns}");
    Ok(())
}

/// Number of cells of a line; separators inside quotation marks do not count.
fn cells(line: &str, mark: char) -> usize {
    let mut quoted = false;
    let separators = line.chars().filter(|c| {
        quoted ^= *c == '"';
        *c == mark && !quoted
    });
    separators.count() + 1
}

/// Describes an AreTomo alignment.
pub(crate) fn aretomo(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let found = alignment::parse(&input.text()?, input.name())?;
    let tilts = found.images.iter().map(|image| image.tilt);
    let range = tilts.fold([f64::MAX, f64::MIN], |[low, high], tilt| {
        [low.min(tilt), high.max(tilt)]
    });
    let facts = &mut description.facts;
    facts.set_some("raw_size", found.raw_size.map(|size| json!(size)));
    facts.set("images", found.images.len());
    facts.set("dark_frames", found.dark_frames.len());
    facts.set("patches", found.patches);
    facts.set("local_shifts", found.local.len());
    facts.set_some("alpha_offset", found.alpha_offset);
    facts.set_some("beta_offset", found.beta_offset);
    facts.set_some("thickness", found.thickness);
    if !found.images.is_empty() {
        facts.set(
            "tilt_angles",
            json!({ "count": found.images.len(), "min": range[0], "max": range[1] }),
        );
    }
    description.summary = format!(
        "AreTomo alignment of {} images, {} dark frames, {} patches",
        found.images.len(),
        found.dark_frames.len(),
        found.patches
    );
    if let Some([_, _, raw]) = found.raw_size {
        let listed = found.images.len() + found.dark_frames.len();
        if raw != listed {
            description.doubt(format!(
                "the raw series has {raw} images, the file lists {listed}"
            ));
        }
    } else {
        description.doubt("an old file without RawSize: the size of the images is unknown");
    }
    Ok(())
}

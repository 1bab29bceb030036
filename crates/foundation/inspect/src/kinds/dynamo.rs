//! Dynamo particle tables. Columns (counted from 1): 1 tag, 20 tomogram, 24–26 position in px.
use std::collections::BTreeSet;

use serde_json::json;
use thon_formats::dynamo::table;

use super::documents;
use crate::description::Description;
use crate::error::InspectError;
use crate::input::Input;

/// Describes a Dynamo table.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    documents::lines(&text, description);
    let table = table::parse(&text, input.name())?;
    let mut tags = BTreeSet::new();
    let mut tomograms = BTreeSet::new();
    let mut twice = 0_usize;
    let mut nowhere = 0_usize;
    for row in table.iter_rows() {
        twice += usize::from(!tags.insert(row[0] as i64));
        tomograms.insert(row[19] as i64);
        nowhere += usize::from(row[23..26].iter().any(|place| !place.is_finite()));
    }
    let (rows, columns) = (table.rows(), table.width());
    let facts = &mut description.facts;
    facts.set("rows", rows);
    facts.set("columns", columns);
    facts.set("tomograms", tomograms.len());
    facts.set(
        "tomogram_numbers",
        json!(tomograms.iter().take(24).collect::<Vec<_>>()),
    );
    facts.set("complex_values", table.imaginary.len());
    description.summary = format!(
        "Dynamo table, {rows} particles × {columns} columns, {} tomograms",
        tomograms.len()
    );
    if twice > 0 {
        description.doubt(format!("{twice} particle tags stand more than once"));
    }
    if nowhere > 0 {
        description.doubt(format!("{nowhere} particles have no finite position"));
    }
    if rows == 0 {
        description.doubt("the table has no rows");
    }
    Ok(())
}

//! Coordinates `.coords`: x y z per line, in voxels of the file's own convention; further columns are kept.

use crate::error::FormatError;
use crate::numeric_table::{self, NumericTable};
use crate::text;
use std::path::Path;

/// Parses coordinates: at least three columns. `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<NumericTable, FormatError> {
    let table = numeric_table::parse(text, name)?;
    if table.width() > 0 && table.width() < 3 {
        return Err(FormatError::whole(
            name,
            "columns x y z",
            format!("{} columns", table.width()),
        ));
    }
    Ok(table)
}

/// Reads coordinates.
pub fn read(path: &Path) -> Result<NumericTable, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// The first three columns of every row.
pub fn points(table: &NumericTable) -> Vec<[f64; 3]> {
    table
        .iter_rows()
        .filter_map(|row| row.first_chunk().copied())
        .collect()
}

/// Text of points.
pub fn write(points: &[[f64; 3]]) -> String {
    let mut out = String::new();
    for point in points {
        out.push_str(&point.map(|value| text::exact_number(value, 0)).join(" "));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_more_columns() {
        let table = parse("1 2 3 9\n4.5 5 6 9\n", "a.coords").unwrap();
        let found = points(&table);
        assert_eq!(found, [[1.0, 2.0, 3.0], [4.5, 5.0, 6.0]]);
        assert_eq!(points(&parse(&write(&found), "b").unwrap()), found);
        assert!(parse("1 2\n", "c").is_err());
    }
}

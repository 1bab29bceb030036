//! Lists of one number per view: `.tlt .rawtlt .xtilt` (degrees) and their variants with more columns
//! (order or dose beside the angle; emClarity's 22-column `.tlt`).

use crate::error::FormatError;
use crate::numeric_table::NumericTable;
use crate::text::{self, exact_number, push_aligned};
use std::path::Path;

/// Decimals IMOD writes.
const DECIMALS: usize = 2;

/// Parses a list; every row must have the same number of columns and nothing but numbers.
pub fn parse(text: &str, name: &str) -> Result<NumericTable, FormatError> {
    let mut table = NumericTable::default();
    for line in text::content_lines(text, name) {
        table.push(&line.numbers("an angle")?, &line)?;
    }
    Ok(table)
}

/// Reads a list.
pub fn read(path: &Path) -> Result<NumericTable, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// First column of a list: the angles.
pub fn read_angles(path: &Path) -> Result<Vec<f64>, FormatError> {
    Ok(read(path)?.column(0).unwrap_or_default())
}

/// Text of a list in IMOD's layout; more decimals where a number needs them.
pub fn write(table: &NumericTable) -> String {
    let mut out = String::new();
    for row in table.iter_rows() {
        for &value in row {
            push_aligned(&mut out, &exact_number(value, DECIMALS), 7);
        }
        out.push('\n');
    }
    out
}

/// Text of a list of angles.
pub fn write_angles(angles: &[f64]) -> String {
    write(&NumericTable::from_column(angles.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_more_columns() {
        let text = "  65.06\n -55.12\n\n";
        let table = parse(text, "a.tlt").unwrap();
        assert_eq!(table.column(0).unwrap(), [65.06, -55.12]);
        assert_eq!(write(&table), "  65.06\n -55.12\n");
        let table = parse("-51.000000 0\n-48.123456789 1\n", "b").unwrap();
        assert_eq!(parse(&write(&table), "b").unwrap(), table);
        assert_eq!(
            parse("1\nx\n", "c.tlt").unwrap_err().to_string(),
            "c.tlt:2: expected an angle (a number), found 'x'"
        );
    }
}

//! Plain tables of numbers: one row per line, separated by blanks, tabs, commas, semicolons or bars.
//!
//! The fallback for every small text format that is just numbers (angles, doses, coordinates, curves). Lines
//! before the first row that are not numbers (titles, CSV headers) and `#` comments are kept apart; every row
//! must have the same number of columns.

use crate::error::{FormatError, quoted};
use crate::text::{self, Line, exact_number, parse_f64};
use std::path::Path;

/// A table of numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NumericTable {
    /// Comment and title lines, without `#`.
    pub header: Vec<String>,
    width: usize,
    values: Vec<f64>,
}

impl NumericTable {
    /// Table of `width` columns from values row after row; an incomplete last row is refused.
    pub fn new(width: usize, values: Vec<f64>) -> Result<Self, FormatError> {
        if width == 0 && !values.is_empty() || width > 0 && !values.len().is_multiple_of(width) {
            return Err(FormatError::whole(
                "numeric table",
                format!("whole rows of {width} columns"),
                format!("{} values", values.len()),
            ));
        }
        Ok(Self {
            header: Vec::new(),
            width,
            values,
        })
    }

    /// One column.
    pub fn from_column(values: Vec<f64>) -> Self {
        Self {
            header: Vec::new(),
            width: 1,
            values,
        }
    }

    /// Number of columns; 0 for an empty table.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.iter_rows().len()
    }

    /// Values of one row; `None` beyond the last.
    pub fn row(&self, row: usize) -> Option<&[f64]> {
        self.iter_rows().nth(row)
    }

    /// Rows in file order.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Values of one column (0-based); `None` when there are fewer columns.
    pub fn column(&self, column: usize) -> Option<Vec<f64>> {
        (column < self.width).then(|| self.iter_rows().map(|row| row[column]).collect())
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn push(&mut self, row: &[f64], line: &Line<'_>) -> Result<(), FormatError> {
        if self.width == 0 {
            self.width = row.len();
        }
        if row.len() != self.width {
            return Err(FormatError::at(
                line.file,
                line.number,
                format!("{} numbers as in the rows before", self.width),
                row.len().to_string(),
            ));
        }
        self.values.extend_from_slice(row);
        Ok(())
    }
}

/// Numbers of a line, or the first token that is none.
fn numbers(line: &str) -> Result<Vec<f64>, &str> {
    let tokens = line
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'))
        .filter(|token| !token.is_empty());
    tokens.map(|token| parse_f64(token).ok_or(token)).collect()
}

/// Parses a table; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<NumericTable, FormatError> {
    let mut table = NumericTable::default();
    for line in text::content_lines(text, name) {
        if let Some(comment) = line.text.strip_prefix(['#', '%', '!']) {
            table.header.push(comment.trim().to_owned());
            continue;
        }
        match numbers(line.text) {
            Ok(row) if row.is_empty() => {}
            Ok(row) => table.push(&row, &line)?,
            Err(_) if table.width == 0 => table.header.push(line.text.to_owned()),
            Err(token) => return Err(line.error("a number", token)),
        }
    }
    if table.width == 0 && !table.header.is_empty() {
        return Err(FormatError::whole(
            name,
            "at least one row of numbers",
            format!("only text, such as {}", quoted(&table.header[0])),
        ));
    }
    Ok(table)
}

/// Reads a table.
pub fn read(path: &Path) -> Result<NumericTable, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a table: header lines as `#` comments, then rows separated by blanks, digits enough to read back.
pub fn write(table: &NumericTable) -> String {
    let mut out = String::new();
    for line in &table.header {
        for piece in ["# ", line, "\n"] {
            out.push_str(piece);
        }
    }
    for row in table.iter_rows() {
        let numbers: Vec<String> = row.iter().map(|&value| exact_number(value, 0)).collect();
        out.push_str(&numbers.join(" "));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_headers_and_round_trip() {
        for text in [
            "# c\n1 2.5\n-3 4e3\n",
            "x,y\n1, 2.5\n-3,4000\n\n",
            "x|y\r\n1|2.5\r\n-3|4000",
            "1;2.5\n-3;4e+3",
        ] {
            let table = parse(text, "t").unwrap();
            assert_eq!((table.rows(), table.width()), (2, 2), "{text}");
            assert_eq!(table.column(1).unwrap(), [2.5, 4000.0]);
            assert_eq!(parse(&write(&table), "t").unwrap().values(), table.values());
        }
        assert_eq!(parse("", "t").unwrap().rows(), 0);
    }

    #[test]
    fn ragged_and_textual_tables_are_refused() {
        assert_eq!(
            parse("1 2\n3\n", "t").unwrap_err().to_string(),
            "t:2: expected 2 numbers as in the rows before, found 1"
        );
        assert_eq!(
            parse("1 2\n3 x\n", "t").unwrap_err().to_string(),
            "t:2: expected a number, found 'x'"
        );
        assert!(parse("only words\n", "t").is_err());
        assert!(NumericTable::new(3, vec![0.0; 4]).is_err());
    }
}

//! Dynamo tables `.tbl`: one particle per row, 35 or more columns, separated by blanks.
//!
//! Positions are 1-based voxels of the tomogram, shifts voxels, angles degrees (tdrot, tilt, narot). MATLAB
//! sometimes writes a column as complex numbers (`0+1.2e-06i`): the imaginary parts are kept apart.

use crate::error::FormatError;
use crate::text::{self, Line, exact_number, parse_f64};
use std::collections::BTreeMap;
use std::path::Path;

/// Columns by name, counted from 0.
pub mod column {
    /// Number of the particle.
    pub const TAG: usize = 0;
    /// 1 when it takes part in alignment.
    pub const ALIGNED: usize = 1;
    /// 1 when it takes part in averages.
    pub const AVERAGED: usize = 2;
    /// Shift x; y and z follow.
    pub const SHIFT_X: usize = 3;
    /// First Euler angle tdrot; tilt and narot follow.
    pub const TDROT: usize = 6;
    /// Cross-correlation.
    pub const CORRELATION: usize = 9;
    /// Kind of missing wedge.
    pub const WEDGE_TYPE: usize = 12;
    /// Lowest tilt angle about y; highest, and the two about x, follow.
    pub const Y_TILT_MIN: usize = 13;
    /// Number of the tomogram.
    pub const TOMOGRAM: usize = 19;
    /// Number of the region or model.
    pub const REGION: usize = 20;
    /// Class.
    pub const CLASS: usize = 21;
    /// Annotation.
    pub const ANNOTATION: usize = 22;
    /// Position x; y and z follow.
    pub const X: usize = 23;
    /// Number of the reference.
    pub const REFERENCE: usize = 33;
    /// Sub-reference.
    pub const SUB_REFERENCE: usize = 34;
    /// Pixel size, Å (36th column).
    pub const PIXEL_SIZE: usize = 35;
    /// Defocus (37th column).
    pub const DEFOCUS: usize = 36;
}

/// A Dynamo table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DynamoTable {
    width: usize,
    values: Vec<f64>,
    /// Imaginary parts by row and column, where a value was written as complex.
    pub imaginary: BTreeMap<(usize, usize), f64>,
}

impl DynamoTable {
    /// Empty table of `width` columns.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of particles.
    pub fn rows(&self) -> usize {
        self.iter_rows().len()
    }

    /// Rows in file order.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Values of one column; `None` when the table is narrower.
    pub fn column(&self, column: usize) -> Option<Vec<f64>> {
        (column < self.width).then(|| self.iter_rows().map(|row| row[column]).collect())
    }

    /// Appends a particle; its length must equal the width.
    pub fn push(&mut self, row: &[f64]) -> Result<(), FormatError> {
        if row.len() != self.width {
            return Err(FormatError::whole(
                "Dynamo table",
                format!("{} values", self.width),
                row.len().to_string(),
            ));
        }
        self.values.extend_from_slice(row);
        Ok(())
    }
}

/// Fewest columns a table may have: up to the position z.
const LEAST_WIDTH: usize = 26;

/// Parses a table; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<DynamoTable, FormatError> {
    let mut table = DynamoTable::default();
    for (row, line) in text::content_lines(text, name).enumerate() {
        let start = table.values.len();
        for (index, word) in line.words().enumerate() {
            let (real, imaginary) = value(word, &line)?;
            table.values.push(real);
            if let Some(imaginary) = imaginary {
                table.imaginary.insert((row, index), imaginary);
            }
        }
        let width = table.values.len() - start;
        if row == 0 {
            if width < LEAST_WIDTH {
                return Err(FormatError::at(
                    name,
                    line.number,
                    format!("at least {LEAST_WIDTH} columns of a Dynamo table"),
                    width.to_string(),
                ));
            }
            table.width = width;
        }
        if width != table.width {
            return Err(FormatError::at(
                name,
                line.number,
                format!("{} columns as in the first row", table.width),
                width.to_string(),
            ));
        }
    }
    Ok(table)
}

/// A real number, or `a+bi` / `bi`.
fn value(word: &str, line: &Line<'_>) -> Result<(f64, Option<f64>), FormatError> {
    if let Some(real) = parse_f64(word) {
        return Ok((real, None));
    }
    let complex = || {
        let body = word.strip_suffix(['i', 'j'])?;
        // The sign between the parts is the last one that is not the sign of an exponent.
        let bytes = body.as_bytes();
        let split = (1..bytes.len())
            .rev()
            .find(|&at| matches!(bytes[at], b'+' | b'-') && !matches!(bytes[at - 1], b'e' | b'E'));
        match split {
            Some(at) => Some((parse_f64(body.get(..at)?)?, parse_f64(body.get(at..)?)?)),
            None => Some((0.0, parse_f64(body)?)),
        }
    };
    complex()
        .map(|(real, imaginary)| (real, Some(imaginary)))
        .ok_or_else(|| line.error("a number", word))
}

/// Reads a table.
pub fn read(path: &Path) -> Result<DynamoTable, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of a table, digits enough to read back.
pub fn write(table: &DynamoTable) -> String {
    let mut out = String::new();
    for (row, values) in table.iter_rows().enumerate() {
        for (column, &value) in values.iter().enumerate() {
            if column > 0 {
                out.push(' ');
            }
            out.push_str(&exact_number(value, 0));
            if let Some(&imaginary) = table.imaginary.get(&(row, column)) {
                if imaginary.is_sign_positive() {
                    out.push('+');
                }
                out.push_str(&exact_number(imaginary, 0));
                out.push('i');
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complex_values_and_round_trip() {
        let mut words: Vec<String> = (0..35).map(|index| index.to_string()).collect();
        words[27] = "0+1.2074e-06i".to_owned();
        words[28] = "-1.5e+02-3i".to_owned();
        words[29] = "2i".to_owned();
        words[30] = "NaN".to_owned();
        let table = parse(&format!("{}\n\n", words.join(" ")), "a.tbl").unwrap();
        assert_eq!((table.rows(), table.width()), (1, 35));
        assert_eq!(table.column(28).unwrap(), [-150.0]);
        assert_eq!(
            table.imaginary,
            [((0, 27), 1.2074e-6), ((0, 28), -3.0), ((0, 29), 2.0)].into()
        );
        let back = parse(&write(&table), "b.tbl").unwrap();
        assert_eq!(back.imaginary, table.imaginary);
        assert!(
            back.values
                .iter()
                .zip(&table.values)
                .all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
        );
        for bad in [
            "1 2 3\n",
            &"x ".repeat(35),
            &format!("{}\n1\n", words.join(" ")),
            &"+i ".repeat(35),
        ] {
            assert!(parse(bad, "bad").is_err(), "{bad}");
        }
    }
}

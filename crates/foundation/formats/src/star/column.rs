//! Typed view of one column of a STAR table.

use super::table::Table;
use crate::error::FormatError;
use crate::text::{parse_f64, parse_i64};

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    pub(super) table: &'a Table,
    pub(super) index: usize,
}

impl<'a> Column<'a> {
    /// Label without underscore.
    pub fn label(&self) -> &'a str {
        self.table.label(self.index)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.table.rows()
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value of a row without quotes.
    ///
    /// # Panics
    /// When `row` is not below [`Column::len`].
    pub fn get(&self, row: usize) -> &'a str {
        self.table.value(row, self.index)
    }

    /// Values without quotes, row after row.
    pub fn strings(self) -> impl ExactSizeIterator<Item = &'a str> {
        (0..self.len()).map(move |row| self.get(row))
    }

    /// Error at the value of a row: its file and line, what was expected, what stands there.
    ///
    /// # Panics
    /// When `row` is not below [`Column::len`].
    pub fn error(&self, row: usize, expected: &str) -> FormatError {
        self.table.cell_error(row, self.index, expected)
    }

    /// Number in one row.
    pub fn f64(&self, row: usize) -> Result<f64, FormatError> {
        parse_f64(self.get(row)).ok_or_else(|| self.table.cell_error(row, self.index, "a number"))
    }

    /// Whole number in one row (`3` or `3.000000`).
    pub fn i64(&self, row: usize) -> Result<i64, FormatError> {
        parse_i64(self.get(row))
            .ok_or_else(|| self.table.cell_error(row, self.index, "a whole number"))
    }

    /// Vector `[a,b,c]` in one row; a bare number is a vector of one.
    pub fn vector(&self, row: usize) -> Result<Vec<f64>, FormatError> {
        let text = self.get(row).trim();
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text)
            .trim();
        if inner.is_empty() && text.starts_with('[') {
            return Ok(Vec::new());
        }
        let numbers: Option<Vec<f64>> = inner
            .split(',')
            .map(|part| parse_f64(part.trim()))
            .collect();
        numbers.ok_or_else(|| self.table.cell_error(row, self.index, "a vector [a,b,c]"))
    }

    /// All values as numbers.
    pub fn to_f64(&self) -> Result<Vec<f64>, FormatError> {
        (0..self.len()).map(|row| self.f64(row)).collect()
    }

    /// All values as whole numbers.
    pub fn to_i64(&self) -> Result<Vec<i64>, FormatError> {
        (0..self.len()).map(|row| self.i64(row)).collect()
    }

    /// All values as vectors.
    pub fn to_vectors(&self) -> Result<Vec<Vec<f64>>, FormatError> {
        (0..self.len()).map(|row| self.vector(row)).collect()
    }
}

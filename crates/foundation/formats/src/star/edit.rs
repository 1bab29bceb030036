//! Changes to STAR tables: columns, cells, rows; numbers as text.

use super::cells::StringColumn;
use super::table::{Table, TableKind, Values, strip};
use crate::error::FormatError;
use crate::text::exact_number;
use std::sync::Arc;

/// Decimals RELION writes; more are written when a number needs them.
const DECIMALS: usize = 6;

impl Table {
    /// Adds or replaces a column of strings; its length must equal the number of rows
    /// (an empty loop without columns takes any length).
    pub fn set_strings<S: AsRef<str>>(
        &mut self,
        label: &str,
        values: impl IntoIterator<Item = S>,
    ) -> Result<(), FormatError> {
        let values: StringColumn = values.into_iter().collect();
        if self.labels.is_empty() && self.kind == TableKind::Loop {
            self.rows = values.len();
        }
        if values.len() != self.rows {
            return Err(FormatError::whole(
                self.file(),
                format!("{} values for column {}", self.rows, strip(label)),
                values.len().to_string(),
            ));
        }
        self.raw = None;
        if let Some(index) = self.index_of(label) {
            self.values[index] = Values::Owned(values);
        } else {
            self.labels.push(strip(label).to_owned());
            self.values.push(Values::Owned(values));
        }
        Ok(())
    }

    /// Adds or replaces a column of numbers, written so that they read back exactly.
    pub fn set_f64(
        &mut self,
        label: &str,
        values: impl IntoIterator<Item = f64>,
    ) -> Result<(), FormatError> {
        self.set_strings(label, values.into_iter().map(number))
    }

    /// Adds or replaces a column of whole numbers.
    pub fn set_i64(
        &mut self,
        label: &str,
        values: impl IntoIterator<Item = i64>,
    ) -> Result<(), FormatError> {
        self.set_strings(label, values.into_iter().map(|value| value.to_string()))
    }

    /// Adds or replaces a column of vectors, written `[a,b,c]`.
    pub fn set_vectors<V: AsRef<[f64]>>(
        &mut self,
        label: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<(), FormatError> {
        self.set_strings(
            label,
            values.into_iter().map(|value| vector(value.as_ref())),
        )
    }

    /// Changes one cell; each call rewrites the column, so change many cells with [`Table::set_strings`].
    pub fn set(&mut self, row: usize, label: &str, value: &str) -> Result<(), FormatError> {
        let column = self.index_of(label).ok_or_else(|| self.missing(label))?;
        if row >= self.rows {
            return Err(FormatError::whole(
                self.file(),
                format!("a row below {}", self.rows),
                row.to_string(),
            ));
        }
        let strings = (0..self.rows)
            .map(|at| {
                if at == row {
                    value
                } else {
                    self.value(at, column)
                }
            })
            .collect();
        self.values[column] = Values::Owned(strings);
        self.raw = None;
        Ok(())
    }

    /// Appends a row, one value per column.
    pub fn push_row<S: AsRef<str>>(&mut self, row: &[S]) -> Result<(), FormatError> {
        if self.kind == TableKind::Pairs {
            return Err(FormatError::whole(
                self.file(),
                "a loop to append a row to",
                "a list of pairs",
            ));
        }
        if row.len() != self.labels.len() {
            return Err(FormatError::whole(
                self.file(),
                format!("{} values in the new row", self.labels.len()),
                row.len().to_string(),
            ));
        }
        for (column, value) in row.iter().enumerate() {
            if let Values::Source(_) = self.values[column] {
                let strings = (0..self.rows).map(|at| self.value(at, column)).collect();
                self.values[column] = Values::Owned(strings);
            }
            if let Values::Owned(strings) = &mut self.values[column] {
                strings.push(value.as_ref());
            }
        }
        self.rows += 1;
        self.raw = None;
        Ok(())
    }

    /// Removes a column; false when it was not there.
    pub fn remove_column(&mut self, label: &str) -> bool {
        let Some(index) = self.index_of(label) else {
            return false;
        };
        self.labels.remove(index);
        self.values.remove(index);
        self.raw = None;
        true
    }

    /// Gives a column another label; false when it was not there.
    pub fn rename_column(&mut self, label: &str, to: &str) -> bool {
        let Some(index) = self.index_of(label) else {
            return false;
        };
        strip(to).clone_into(&mut self.labels[index]);
        self.raw = None;
        true
    }

    /// The same loop with only the given rows (0-based), in the given order; rows may repeat.
    pub fn take_rows(&self, rows: &[usize]) -> Result<Self, FormatError> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.rows) {
            return Err(FormatError::whole(
                self.file(),
                format!("rows below {}", self.rows),
                row.to_string(),
            ));
        }
        let values = self.values.iter().map(|values| match values {
            Values::Source(index) => Values::Source(*index),
            Values::Owned(strings) => {
                Values::Owned(rows.iter().map(|&row| strings.get(row)).collect())
            }
        });
        Ok(Self {
            kind: TableKind::Loop,
            labels: self.labels.clone(),
            values: values.collect(),
            rows: rows.len(),
            cells: self
                .cells
                .as_ref()
                .map(|cells| Arc::new(cells.take_rows(rows))),
            comments: Vec::new(),
            lead: self.lead.clone(),
            raw: None,
        })
    }
}

/// Number as RELION writes it (6 decimals), with more digits where they are needed.
pub fn number(value: f64) -> String {
    exact_number(value, DECIMALS)
}

/// Vector as RELION writes it: `[a,b,c]` without blanks.
pub fn vector(values: &[f64]) -> String {
    let numbers: Vec<String> = values.iter().map(|&value| exact_number(value, 0)).collect();
    format!("[{}]", numbers.join(","))
}

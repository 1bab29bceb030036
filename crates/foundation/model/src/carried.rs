//! Foreign columns that travel along unchanged, so that nothing a file said is lost.

use serde::{Deserialize, Serialize};

/// A table of text columns, one value per row of the object that carries it.
///
/// Row `i` belongs to element `i` of the owner; values are the tokens of the source file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// Where the columns come from, for example `relion-5/tilt_series`.
    pub source: String,
    /// Columns in the order of the source.
    pub columns: Vec<CarriedColumn>,
}

/// One foreign column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarriedColumn {
    /// Label as in the source, for example `rlnCtfFigureOfMerit`.
    pub label: String,
    /// One token per row.
    pub values: Vec<String>,
}

impl Carried {
    /// The column with this label.
    pub fn column(&self, label: &str) -> Option<&[String]> {
        self.columns
            .iter()
            .find(|c| c.label == label)
            .map(|c| c.values.as_slice())
    }

    /// The token of one row in one column.
    pub fn value(&self, label: &str, row: usize) -> Option<&str> {
        self.column(label)?.get(row).map(String::as_str)
    }

    /// Keeps only the given rows, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick = |column: &CarriedColumn| CarriedColumn {
            label: column.label.clone(),
            values: rows.iter().map(|&row| column.values[row].clone()).collect(),
        };
        Self {
            source: self.source.clone(),
            columns: self.columns.iter().map(pick).collect(),
        }
    }
}

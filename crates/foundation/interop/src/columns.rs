//! Carried columns as typed cells: reads numbers with good errors, changes single cells, makes STAR tables.

use std::path::{Path, PathBuf};

use thon_formats::star::{Table, number};
use thon_formats::text::{parse_f64, parse_i64};
use thon_model::{Carried, CarriedColumn};

use crate::InteropError;

/// All columns of a table with the tokens of the file.
pub(crate) fn carried_of(table: &Table, source: &str) -> Carried {
    let column = |column: thon_formats::star::Column<'_>| CarriedColumn {
        label: column.label().to_owned(),
        values: column.strings().map(str::to_owned).collect(),
    };
    Carried {
        source: source.to_owned(),
        columns: table.columns().map(column).collect(),
    }
}

/// One row of a table, with all its columns.
pub(crate) fn carried_row(table: &Table, row: usize, source: &str) -> Carried {
    let column = |column: thon_formats::star::Column<'_>| CarriedColumn {
        label: column.label().to_owned(),
        values: vec![column.get(row).to_owned()],
    };
    Carried {
        source: source.to_owned(),
        columns: table.columns().map(column).collect(),
    }
}

/// A loop of these columns.
pub(crate) fn loop_of(carried: &Carried) -> Result<Table, InteropError> {
    let mut table = Table::new_loop(Vec::<String>::new());
    for column in &carried.columns {
        table.set_strings(&column.label, &column.values)?;
    }
    Ok(table)
}

/// A list of pairs of the first row of these columns.
pub(crate) fn pairs_of(carried: &Carried) -> Table {
    let first = |column: &CarriedColumn| column.values.first().cloned().unwrap_or_default();
    let pairs = carried
        .columns
        .iter()
        .map(|column| (column.label.clone(), first(column)));
    Table::new_pairs(pairs)
}

/// True when every column has this many rows and there is at least one.
pub(crate) fn fits(carried: &Carried, rows: usize) -> bool {
    !carried.columns.is_empty()
        && carried
            .columns
            .iter()
            .all(|column| column.values.len() == rows)
}

/// Changes one cell; a new column is filled with `filler` elsewhere.
pub(crate) fn set(
    carried: &mut Carried,
    rows: usize,
    label: &str,
    row: usize,
    token: String,
    filler: &str,
) {
    let found = carried
        .columns
        .iter()
        .position(|column| column.label == label);
    let index = found.unwrap_or_else(|| {
        carried.columns.push(CarriedColumn {
            label: label.to_owned(),
            values: vec![filler.to_owned(); rows],
        });
        carried.columns.len() - 1
    });
    carried.columns[index].values[row] = token;
}

/// Changes one cell to a number, written so that it reads back exactly; new columns are filled with 0.
pub(crate) fn set_number(carried: &mut Carried, rows: usize, label: &str, row: usize, value: f64) {
    set(carried, rows, label, row, number(value), "0.000000");
}

/// Cells of carried columns.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    /// The columns.
    pub carried: &'a Carried,
    /// Where they come from, for messages.
    pub file: &'a str,
}

impl<'a> Cells<'a> {
    /// Whether the column exists.
    pub(crate) fn has(&self, label: &str) -> bool {
        self.carried.column(label).is_some()
    }

    /// Token of a cell; `None` when absent, empty or `None`.
    pub(crate) fn text(&self, label: &str, row: usize) -> Option<&'a str> {
        let token = self.carried.value(label, row)?;
        (!token.is_empty() && token != "None").then_some(token)
    }

    /// Finite number of a cell; `None` when the column is absent.
    pub(crate) fn number(&self, label: &str, row: usize) -> Result<Option<f64>, InteropError> {
        let Some(token) = self.carried.value(label, row) else {
            return Ok(None);
        };
        let value = parse_f64(token).filter(|value| value.is_finite());
        value
            .map(Some)
            .ok_or_else(|| self.wrong(label, row, "a finite number", token))
    }

    /// Finite number of a cell that must be there.
    pub(crate) fn required(&self, label: &str, row: usize) -> Result<f64, InteropError> {
        self.number(label, row)?.ok_or_else(|| {
            InteropError::contradiction(self.file, format!("a column _{label}"), "none")
        })
    }

    /// Whole number of a cell; `None` when the column is absent.
    pub(crate) fn whole(&self, label: &str, row: usize) -> Result<Option<i64>, InteropError> {
        let Some(token) = self.carried.value(label, row) else {
            return Ok(None);
        };
        parse_i64(token)
            .map(Some)
            .ok_or_else(|| self.wrong(label, row, "a whole number", token))
    }

    /// Vector `[a,b,c]` of a cell; `None` when the column is absent.
    pub(crate) fn vector(&self, label: &str, row: usize) -> Result<Option<Vec<f64>>, InteropError> {
        let Some(token) = self.carried.value(label, row) else {
            return Ok(None);
        };
        let inner = token
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let values = inner.and_then(|inner| {
            inner
                .split(',')
                .map(|part| parse_f64(part.trim()).filter(|value| value.is_finite()))
                .collect()
        });
        values
            .map(Some)
            .ok_or_else(|| self.wrong(label, row, "a vector [a,b,…]", token))
    }

    /// Error about one cell.
    pub(crate) fn wrong(
        &self,
        label: &str,
        row: usize,
        expected: &str,
        found: &str,
    ) -> InteropError {
        let place = format!("{}: _{label}, row {}", self.file, row + 1);
        InteropError::contradiction(
            place,
            expected,
            format!("'{}'", found.chars().take(60).collect::<String>()),
        )
    }
}

/// A path of a STAR file, resolved against the project's root.
pub(crate) fn resolved(root: &Path, token: &str) -> PathBuf {
    root.join(token)
}

/// A path as it stands in a STAR file of a project at `root`.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

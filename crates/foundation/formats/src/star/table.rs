//! A STAR table: a loop (many rows) or a list of pairs (one row), with typed columns.

use super::cells::{SourceCells, Span, StringColumn};
use super::column::Column;
use super::token::{encode, is_structure};
use crate::error::{FormatError, quoted};
use crate::text::exact_number;
use std::sync::Arc;

/// Decimals RELION writes; more are written when a number needs them.
const DECIMALS: usize = 6;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// `loop_`, labels, then one row per line.
    Loop,
    /// `_label value` lines; the table has exactly one row.
    Pairs,
}

/// Values of one column: places in the file, or strings set here.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Source(usize),
    Owned(StringColumn),
}

/// One table of a STAR block. Labels are given and returned without the leading underscore.
#[derive(Debug, Clone)]
pub struct Table {
    kind: TableKind,
    labels: Vec<String>,
    values: Vec<Values>,
    rows: usize,
    cells: Option<Arc<SourceCells>>,
    /// Comment lines inside the table, each before a row.
    pub(super) comments: Vec<(usize, String)>,
    /// White space and comments between the previous piece of the file and this table.
    pub(super) lead: Option<Span>,
    /// The text of the table in the file, as long as nothing was changed.
    pub(super) raw: Option<Span>,
}

impl Table {
    /// Empty loop with these labels.
    pub fn new_loop<S: AsRef<str>>(labels: impl IntoIterator<Item = S>) -> Self {
        let labels: Vec<String> = labels
            .into_iter()
            .map(|label| strip(label.as_ref()).to_owned())
            .collect();
        let values = labels
            .iter()
            .map(|_| Values::Owned(StringColumn::default()))
            .collect();
        Self {
            kind: TableKind::Loop,
            labels,
            values,
            rows: 0,
            cells: None,
            comments: Vec::new(),
            lead: None,
            raw: None,
        }
    }

    /// List of pairs.
    pub fn new_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut table = Self::new_loop::<&str>([]);
        table.kind = TableKind::Pairs;
        table.rows = 1;
        for (label, value) in pairs {
            table.labels.push(strip(label.as_ref()).to_owned());
            table
                .values
                .push(Values::Owned(std::iter::once(value).collect()));
        }
        table
    }

    pub(super) fn parsed(
        kind: TableKind,
        labels: Vec<String>,
        cells: SourceCells,
        comments: Vec<(usize, String)>,
        raw: Span,
    ) -> Self {
        Self {
            kind,
            values: (0..labels.len()).map(Values::Source).collect(),
            labels,
            rows: cells.rows(),
            cells: Some(Arc::new(cells)),
            comments,
            lead: None,
            raw: Some(raw),
        }
    }

    pub(super) fn set_lead(&mut self, lead: Span) {
        self.lead = Some(lead);
    }

    /// Loop or pairs.
    pub fn kind(&self) -> TableKind {
        self.kind
    }

    /// Number of rows; 1 for pairs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Labels in file order, without underscore.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// Whether a column of this label exists.
    pub fn has(&self, label: &str) -> bool {
        self.index_of(label).is_some()
    }

    fn index_of(&self, label: &str) -> Option<usize> {
        let label = strip(label);
        self.labels.iter().position(|own| own == label)
    }

    /// Column of this label, if there is one.
    pub fn find(&self, label: &str) -> Option<Column<'_>> {
        self.index_of(label)
            .map(|index| Column { table: self, index })
    }

    /// Column of this label; an error that lists the labels when it is absent.
    pub fn column(&self, label: &str) -> Result<Column<'_>, FormatError> {
        self.find(label).ok_or_else(|| self.missing(label))
    }

    /// All columns in file order.
    pub fn columns(&self) -> impl Iterator<Item = Column<'_>> {
        (0..self.labels.len()).map(|index| Column { table: self, index })
    }

    /// Value of one cell without quotes; `None` when the label or the row is absent.
    pub fn get(&self, row: usize, label: &str) -> Option<&str> {
        let column = self.index_of(label)?;
        (row < self.rows).then(|| self.value(row, column))
    }

    pub(super) fn label(&self, column: usize) -> &str {
        &self.labels[column]
    }

    pub(super) fn value(&self, row: usize, column: usize) -> &str {
        match (&self.values[column], &self.cells) {
            (Values::Owned(strings), _) => strings.get(row),
            (Values::Source(index), Some(cells)) => cells.value(row, *index),
            (Values::Source(_), None) => "",
        }
    }

    /// Cell as STAR text, quoted as in the file or as needed; `None` when STAR cannot hold it.
    pub(super) fn encoded(&self, row: usize, column: usize) -> Option<std::borrow::Cow<'_, str>> {
        match (&self.values[column], &self.cells) {
            (Values::Source(index), Some(cells)) => {
                let raw = cells.raw(row, *index);
                if raw.starts_with(';') && raw.contains('\n') {
                    Some(format!("\n{raw}\n").into())
                } else if raw.is_empty() || raw.starts_with(';') || is_structure(raw.as_bytes()) {
                    // Safe where it stood, perhaps not where it goes.
                    encode(raw).map(Into::into)
                } else {
                    Some(raw.into())
                }
            }
            (Values::Owned(strings), _) => encode(strings.get(row)).map(Into::into),
            (Values::Source(_), None) => Some("\"\"".into()),
        }
    }

    /// Name of the file the table came from; empty for a new table.
    pub(super) fn file(&self) -> &str {
        self.cells
            .as_ref()
            .map_or("", |cells| cells.source.name.as_str())
    }

    pub(super) fn cell_error(&self, row: usize, column: usize, expected: &str) -> FormatError {
        let expected = format!(
            "{expected} in column {} (row {})",
            self.labels[column],
            row + 1
        );
        let found = quoted(self.value(row, column));
        match (&self.values[column], &self.cells) {
            (Values::Source(index), Some(cells)) => {
                FormatError::at(self.file(), cells.line_of(row, *index), expected, found)
            }
            _ => FormatError::whole(self.file(), expected, found),
        }
    }

    fn missing(&self, label: &str) -> FormatError {
        let expected = format!("a column {}", strip(label));
        let found = format!("columns {}", self.labels.join(", "));
        match &self.raw {
            Some(raw) => FormatError::at(
                self.file(),
                raw.source.line_of(raw.range.start),
                expected,
                found,
            ),
            None => FormatError::whole(self.file(), expected, found),
        }
    }

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

    /// Changes one cell.
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

/// Label without its leading underscore.
fn strip(label: &str) -> &str {
    label.strip_prefix('_').unwrap_or(label)
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

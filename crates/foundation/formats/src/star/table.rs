//! A STAR table: a loop (many rows) or a list of pairs (one row), with typed columns.

use super::cells::{SourceCells, Span, StringColumn};
use super::column::Column;
use super::token::{encode, is_structure};
use crate::error::{FormatError, quoted};
use std::sync::Arc;

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
    pub(super) kind: TableKind,
    pub(super) labels: Vec<String>,
    pub(super) values: Vec<Values>,
    pub(super) rows: usize,
    pub(super) cells: Option<Arc<SourceCells>>,
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

    pub(super) fn index_of(&self, label: &str) -> Option<usize> {
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

    pub(super) fn missing(&self, label: &str) -> FormatError {
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
}

/// Label without its leading underscore.
pub(super) fn strip(label: &str) -> &str {
    label.strip_prefix('_').unwrap_or(label)
}

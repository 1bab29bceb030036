//! Cells of STAR tables: places in the text of a file, or strings made here.

use super::token::token_at;
use std::ops::Range;
use std::sync::Arc;

/// Text of a file with its name; shared by everything parsed from it.
#[derive(Debug, Default)]
pub(super) struct SourceText {
    pub name: String,
    pub text: String,
}

impl SourceText {
    /// 1-based line that holds the byte `position`.
    pub(super) fn line_of(&self, position: usize) -> usize {
        let upto = position.min(self.text.len());
        self.text.as_bytes()[..upto]
            .split(|&byte| byte == b'\n')
            .count()
    }
}

/// A piece of the text of a file, written back unchanged.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub source: Arc<SourceText>,
    pub range: Range<usize>,
}

impl Span {
    pub(super) fn text(&self) -> &str {
        &self.source.text[self.range.clone()]
    }
}

/// Byte positions in a text: 4 bytes each below 4 GiB, else 8.
#[derive(Debug)]
pub(super) enum Positions {
    Small(Vec<u32>),
    Large(Vec<usize>),
}

impl Positions {
    /// For a text of this length.
    pub(super) fn new(length: usize) -> Self {
        if u32::try_from(length).is_ok() {
            Self::Small(Vec::new())
        } else {
            Self::Large(Vec::new())
        }
    }

    pub(super) fn push(&mut self, position: usize) {
        match self {
            Self::Small(list) => list.push(position as u32),
            Self::Large(list) => list.push(position),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Small(list) => list.len(),
            Self::Large(list) => list.len(),
        }
    }

    fn get(&self, index: usize) -> usize {
        match self {
            Self::Small(list) => list[index] as usize,
            Self::Large(list) => list[index],
        }
    }

    /// The given groups of `width` positions.
    fn take(&self, groups: &[usize], width: usize) -> Self {
        let ranges = groups
            .iter()
            .map(|&group| group * width..(group + 1) * width);
        match self {
            Self::Small(list) => {
                Self::Small(ranges.flat_map(|range| &list[range]).copied().collect())
            }
            Self::Large(list) => {
                Self::Large(ranges.flat_map(|range| &list[range]).copied().collect())
            }
        }
    }
}

/// Where the values of a parsed table stand in the text, row after row.
#[derive(Debug)]
pub(super) struct SourceCells {
    pub source: Arc<SourceText>,
    pub positions: Positions,
    pub width: usize,
}

impl SourceCells {
    pub(super) fn rows(&self) -> usize {
        self.positions.len() / self.width.max(1)
    }

    fn position(&self, row: usize, column: usize) -> usize {
        self.positions.get(row * self.width + column)
    }

    /// Value without quotes.
    pub(super) fn value(&self, row: usize, column: usize) -> &str {
        let text = &self.source.text;
        // The parser has accepted this token, so it is closed.
        token_at(text.as_bytes(), self.position(row, column))
            .map_or("", |token| &text[token.start..token.stop])
    }

    /// Value as it stands in the file, quotes included.
    pub(super) fn raw(&self, row: usize, column: usize) -> &str {
        let text = &self.source.text;
        let start = self.position(row, column);
        token_at(text.as_bytes(), start).map_or("", |token| &text[start..token.end])
    }

    pub(super) fn line_of(&self, row: usize, column: usize) -> usize {
        self.source.line_of(self.position(row, column))
    }

    /// The same text with only the given rows, in the given order.
    pub(super) fn take_rows(&self, rows: &[usize]) -> Self {
        Self {
            source: Arc::clone(&self.source),
            positions: self.positions.take(rows, self.width),
            width: self.width,
        }
    }
}

/// A column of strings in one buffer.
#[derive(Debug, Clone, Default)]
pub(super) struct StringColumn {
    text: String,
    ends: Vec<usize>,
}

impl StringColumn {
    pub(super) fn push(&mut self, value: &str) {
        self.text.push_str(value);
        self.ends.push(self.text.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }
}

impl<S: AsRef<str>> FromIterator<S> for StringColumn {
    fn from_iter<I: IntoIterator<Item = S>>(values: I) -> Self {
        let mut column = Self::default();
        for value in values {
            column.push(value.as_ref());
        }
        column
    }
}

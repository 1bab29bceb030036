//! Short aligned tables.

use crate::terminal::{Paint, Tone};

/// A cell: its text and how it is painted.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// Rows under headings; one column may be shortened to fit the terminal.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    headings: Vec<String>,
    right: Vec<usize>,
    flexible: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

/// Between columns.
const GAP: usize = 2;
/// No column is made narrower than this.
const LEAST: usize = 10;

impl Table {
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self::named(headings.iter().map(|name| (*name).to_owned()).collect())
    }

    /// A table whose headings are only known when it is made.
    pub(crate) fn named(headings: Vec<String>) -> Self {
        Self {
            headings,
            right: Vec::new(),
            flexible: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Columns of numbers.
    pub(crate) fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// The columns that are shortened, in this order, when the terminal is too narrow.
    pub(crate) fn flexible(mut self, columns: &[usize]) -> Self {
        self.flexible = columns.to_vec();
        self
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The lines; `width` 0 means unlimited.
    pub(crate) fn render(&self, indent: usize, width: usize, paint: Paint) -> String {
        let mut widths: Vec<usize> = self.headings.iter().map(|h| h.chars().count()).collect();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(cell.text.chars().count());
            }
        }
        let total = indent + widths.iter().sum::<usize>() + GAP * (widths.len().max(1) - 1);
        let mut excess = if width == 0 {
            0
        } else {
            total.saturating_sub(width)
        };
        for &column in &self.flexible {
            let narrow = widths[column]
                .saturating_sub(excess)
                .max(widths[column].min(LEAST));
            excess -= widths[column] - narrow;
            widths[column] = narrow;
        }
        let headings: Vec<Cell> = self
            .headings
            .iter()
            .map(|h| Cell::toned(h.clone(), Tone::Dim))
            .collect();
        let with_headings = self.headings.iter().any(|h| !h.is_empty());
        let mut text = String::new();
        for row in with_headings
            .then_some(&headings)
            .into_iter()
            .chain(&self.rows)
        {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let shown = shortened(&cell.text, widths[column]);
                let pad = " ".repeat(widths[column] - shown.chars().count());
                let gap = if column == 0 { indent } else { GAP };
                line.push_str(&" ".repeat(gap));
                let painted = paint.tone(cell.tone, &shown);
                if self.right.contains(&column) {
                    line.push_str(&pad);
                    line.push_str(&painted);
                } else {
                    line.push_str(&painted);
                    line.push_str(&pad);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_one_gives_way() {
        let mut table = Table::new(&["job", "title", "items"])
            .right(&[2])
            .flexible(&[1]);
        table.row(vec!["1".into(), "A long title of a job".into(), "3".into()]);
        table.row(vec!["22".into(), "Short".into(), "12".into()]);
        let text = table.render(0, 0, Paint(false));
        assert_eq!(
            text,
            "job  title                  items\n\
             1    A long title of a job      3\n\
             22   Short                     12\n"
        );
        let narrow = table.render(0, 26, Paint(false));
        assert!(narrow.contains("1    A long title …      3\n"), "{narrow}");
    }
}

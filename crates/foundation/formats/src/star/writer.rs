//! Writer of STAR text: what was not changed goes out as it came in, byte for byte.

use super::cells::{SourceText, Span};
use super::table::{Table, TableKind};
use super::{Block, StarFile};
use crate::error::FormatError;
use std::io::{self, Write};
use std::sync::Arc;

/// Least width of a written value, as in RELION.
const VALUE_WIDTH: usize = 12;
/// Width of the label in a list of pairs, as in RELION.
const LABEL_WIDTH: usize = 48;

pub(super) fn write(file: &StarFile, name: &str, out: &mut dyn Write) -> Result<(), FormatError> {
    let mut writer = Writer {
        out,
        name,
        ends_line: true,
        copied: None,
    };
    for block in &file.blocks {
        writer.header(block)?;
        for table in &block.tables {
            writer.table(table)?;
        }
    }
    if let Some(tail) = &file.tail {
        writer.original(tail)?;
    }
    Ok(())
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    name: &'a str,
    /// Whether the text so far ends with a line end.
    ends_line: bool,
    /// Source and end of the piece copied last; `None` after text made here.
    copied: Option<(*const SourceText, usize)>,
}

impl Writer<'_> {
    fn text(&mut self, text: &str) -> Result<(), FormatError> {
        if let Some(last) = text.as_bytes().last() {
            self.ends_line = *last == b'\n';
            self.out
                .write_all(text.as_bytes())
                .map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn failed(&self, error: io::Error) -> FormatError {
        FormatError::writing(self.name, error)
    }

    fn end_line(&mut self) -> Result<(), FormatError> {
        if self.ends_line {
            Ok(())
        } else {
            self.text("\n")
        }
    }

    /// Copies a piece of a file; one that does not follow the last copied piece begins on its own line.
    fn original(&mut self, span: &Span) -> Result<(), FormatError> {
        if span.range.is_empty() {
            return Ok(());
        }
        let source = Arc::as_ptr(&span.source);
        if self.copied != Some((source, span.range.start)) {
            self.end_line()?;
        }
        self.copied = Some((source, span.range.end));
        self.text(span.text())
    }

    fn header(&mut self, block: &Block) -> Result<(), FormatError> {
        if let Some(header) = &block.header {
            return self.original(header);
        }
        self.end_line()?;
        self.copied = None;
        self.text("\n")?;
        for comment in &block.comments {
            self.text(&format!("# {}\n", comment.replace('\n', " ")))?;
        }
        let lead = if block.comments.is_empty() { "" } else { "\n" };
        self.text(&format!("{lead}data_{}\n", block.name))
    }

    fn table(&mut self, table: &Table) -> Result<(), FormatError> {
        match &table.lead {
            Some(lead) => self.original(lead)?,
            None => self.text("\n")?,
        }
        if let Some(raw) = &table.raw {
            return self.original(raw);
        }
        self.end_line()?;
        self.copied = None;
        match table.kind() {
            TableKind::Pairs => self.pairs(table),
            TableKind::Loop => self.rows(table),
        }
    }

    fn comments(&mut self, table: &Table, row: usize, next: &mut usize) -> Result<(), FormatError> {
        while let Some((at, comment)) = table.comments.get(*next) {
            if *at != row {
                break;
            }
            self.text(&format!("# {comment}\n"))?;
            *next += 1;
        }
        Ok(())
    }

    fn pairs(&mut self, table: &Table) -> Result<(), FormatError> {
        self.comments(table, 0, &mut 0)?;
        for (column, label) in table.labels().enumerate() {
            let value = self.cell(table, 0, column)?;
            self.text(&format!("_{label:<LABEL_WIDTH$} {value}\n"))?;
        }
        self.text("\n")
    }

    fn rows(&mut self, table: &Table) -> Result<(), FormatError> {
        let mut next_comment = 0;
        self.comments(table, 0, &mut next_comment)?;
        self.text("loop_\n")?;
        for (column, label) in table.labels().enumerate() {
            self.text(&format!("_{label} #{}\n", column + 1))?;
        }
        let width = table.labels().len();
        let mut line = String::new();
        for row in 0..table.rows() {
            self.comments(table, row, &mut next_comment)?;
            line.clear();
            for column in 0..width {
                let value = self.cell(table, row, column)?;
                for _ in value.chars().count()..VALUE_WIDTH {
                    line.push(' ');
                }
                line.push_str(&value);
                line.push(if column + 1 == width { '\n' } else { ' ' });
            }
            self.text(&line)?;
        }
        self.text("\n")
    }

    fn cell<'t>(
        &self,
        table: &'t Table,
        row: usize,
        column: usize,
    ) -> Result<std::borrow::Cow<'t, str>, FormatError> {
        table.encoded(row, column).ok_or_else(|| {
            let expected = format!(
                "a value STAR can hold in column {} (row {})",
                table.label(column),
                row + 1
            );
            FormatError::whole(self.name, expected, "text with a line that begins with ;")
        })
    }
}

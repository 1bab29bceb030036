//! Loops of STAR text: labels, then rows; where a row ends, and what is a row though it looks like structure.

use super::parser::{Draft, Parser};
use super::token::{is_structure, token_at, word_end};
use crate::error::FormatError;

impl Parser<'_> {
    pub(super) fn loop_table(&mut self) -> Result<Draft, FormatError> {
        let start = self.position;
        self.position = word_end(self.bytes, start);
        let mut draft = self.draft();
        loop {
            let line_end = {
                self.finish_line();
                self.position
            };
            let comments = self.skip_trivia_collecting();
            let is_label = self
                .peek_word()
                .is_some_and(|word| word.first() == Some(&b'_'));
            if !is_label || self.is_row(draft.labels.len()) {
                self.position = line_end;
                break;
            }
            draft
                .comments
                .extend(comments.into_iter().map(|comment| (0, comment)));
            self.label(&mut draft)?;
        }
        if draft.labels.is_empty() {
            return Err(self.error(start, "labels that begin with _ after loop_", "none"));
        }
        self.rows(&mut draft)?;
        Ok(draft)
    }

    fn rows(&mut self, draft: &mut Draft) -> Result<(), FormatError> {
        let width = draft.labels.len();
        let flowing = draft.labels.iter().any(|label| label.contains('.'));
        loop {
            let end = self.position;
            let comments = self.skip_trivia_collecting();
            let Some(word) = self.peek_word() else {
                self.position = end;
                return Ok(());
            };
            if is_structure(word) && !self.is_row(width) {
                self.position = end;
                return Ok(());
            }
            let row = draft.positions.len() / width;
            draft
                .comments
                .extend(comments.into_iter().map(|comment| (row, comment)));
            self.row(draft, flowing)?;
        }
    }

    fn row(&mut self, draft: &mut Draft, flowing: bool) -> Result<(), FormatError> {
        let width = draft.labels.len();
        let start = self.position;
        let mut after_text_field = false;
        for column in 0..width {
            if column > 0 {
                self.skip_blanks();
                let flows = flowing || after_text_field;
                if self.at_line_end() && !self.next_line_continues(flows) {
                    return Err(self.wrong_width(start, width, column));
                }
            }
            draft.positions.push(self.position);
            after_text_field = self.at_text_field();
            self.position = self.token(self.position)?.end;
        }
        self.skip_blanks();
        if self.at_line_end() {
            self.finish_line();
        } else if !flowing {
            let mut count = width;
            while !self.at_line_end() {
                self.position = word_end(self.bytes, self.position);
                self.skip_blanks();
                count += 1;
            }
            return Err(self.wrong_width(start, width, count));
        }
        Ok(())
    }

    /// Whether the row goes on in the next line; if so, moves to the value there.
    fn next_line_continues(&mut self, flowing: bool) -> bool {
        let back = self.position;
        self.finish_line();
        if flowing {
            self.skip_trivia();
            if self.peek_word().is_some_and(|word| !is_structure(word)) {
                return true;
            }
        } else if self.bytes.get(self.position) == Some(&b';') {
            return true;
        }
        self.position = back;
        false
    }

    fn wrong_width(&self, row_start: usize, width: usize, found: usize) -> FormatError {
        self.error(
            row_start,
            format!("{width} values in the row, one per column"),
            format!("{found}"),
        )
        .with_hint("is the file cut off, or does a value contain blanks without quotation marks?")
    }

    /// Whether the current line, though it begins with a structural word, is a row of a table of `width` columns.
    fn is_row(&self, width: usize) -> bool {
        if width < 2 {
            return false;
        }
        let mut ahead = Parser {
            source: self.source,
            bytes: self.bytes,
            position: self.position,
        };
        let label_like = self.bytes[self.position] == b'_';
        let mut count = 0;
        while !ahead.at_line_end() && count <= width {
            let Ok(token) = token_at(ahead.bytes, ahead.position) else {
                return false;
            };
            ahead.position = token.end;
            ahead.skip_blanks();
            count += 1;
        }
        count == width && !(label_like && width == 2)
    }
}

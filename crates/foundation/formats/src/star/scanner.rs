//! Moves over STAR text: blanks, line ends, comments, tokens, and errors at a place.

use super::cells::Span;
use super::parser::Parser;
use super::token::{Token, Unclosed, at_line_start, is_space, token_at, word_end};
use crate::error::{FormatError, quoted};
use std::sync::Arc;

impl Parser<'_> {
    pub(super) fn token(&self, start: usize) -> Result<Token, FormatError> {
        token_at(self.bytes, start).map_err(|unclosed| match unclosed {
            Unclosed::Quote => self
                .error(
                    start,
                    "a closing quotation mark on the same line",
                    quoted(self.line_from(start)),
                )
                .with_hint("a value that begins with a quotation mark must end with one"),
            Unclosed::TextField => self.error(
                start,
                "a line that begins with ; to close the text field",
                "the end of the file",
            ),
        })
    }

    pub(super) fn peek_word(&self) -> Option<&[u8]> {
        (self.position < self.bytes.len())
            .then(|| &self.bytes[self.position..word_end(self.bytes, self.position)])
    }

    pub(super) fn skip_blanks(&mut self) {
        while self
            .bytes
            .get(self.position)
            .is_some_and(|&byte| byte != b'\n' && is_space(byte))
        {
            self.position += 1;
        }
    }

    pub(super) fn at_text_field(&self) -> bool {
        self.bytes.get(self.position) == Some(&b';') && at_line_start(self.bytes, self.position)
    }

    /// At a line end, a comment or the end of the text.
    pub(super) fn at_line_end(&self) -> bool {
        self.bytes
            .get(self.position)
            .is_none_or(|&byte| byte == b'\n' || byte == b'#')
    }

    /// Moves behind the line end when only blanks and a comment are left in the line.
    pub(super) fn finish_line(&mut self) {
        let back = self.position;
        self.skip_blanks();
        if !self.at_line_end() {
            self.position = back;
            return;
        }
        self.position += self.rest_of_line().len();
        if self.position < self.bytes.len() {
            self.position += 1;
        }
    }

    pub(super) fn rest_of_line(&self) -> &str {
        self.line_from(self.position)
    }

    pub(super) fn line_from(&self, start: usize) -> &str {
        let length = self.bytes[start..]
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(self.bytes.len() - start);
        &self.source.text[start..start + length]
    }

    pub(super) fn skip_trivia(&mut self) {
        while let Some(&byte) = self.bytes.get(self.position) {
            if is_space(byte) {
                self.position += 1;
            } else if byte == b'#' {
                self.position += self.rest_of_line().len();
            } else {
                return;
            }
        }
    }

    pub(super) fn skip_trivia_collecting(&mut self) -> Vec<String> {
        let mut comments = Vec::new();
        loop {
            while self
                .bytes
                .get(self.position)
                .is_some_and(|&byte| is_space(byte))
            {
                self.position += 1;
            }
            if self.bytes.get(self.position) != Some(&b'#') {
                return comments;
            }
            let comment = self.rest_of_line();
            let length = comment.len();
            comments.push(comment[1..].trim().to_owned());
            self.position += length;
        }
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span {
            source: Arc::clone(self.source),
            range: start..end,
        }
    }

    pub(super) fn error(
        &self,
        position: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> FormatError {
        FormatError::at(
            &self.source.name,
            self.source.line_of(position),
            expected,
            found,
        )
    }
}

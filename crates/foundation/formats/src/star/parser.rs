//! Parser of STAR text: blocks, loops, pair lists, comments; nothing is copied, values are places in the text.
//!
//! RELION writes one row per line; mmCIF (labels with a dot) may break rows over lines. A row of a table with
//! several columns may begin with a word like `data_001.mrc` or `_x`: it is a row when its line holds as many
//! values as the table has columns.

use super::cells::{Positions, SourceCells, SourceText, Span};
use super::table::{Table, TableKind};
use super::token::{Token, Unclosed, at_line_start, is_space, is_structure, token_at, word_end};
use super::{Block, StarFile};
use crate::error::{FormatError, quoted};
use std::sync::Arc;

/// Most labels of one table; real ones have at most a few hundred.
const LABEL_LIMIT: usize = 65_536;

pub(super) fn parse(source: SourceText) -> Result<StarFile, FormatError> {
    let source = Arc::new(source);
    Parser {
        bytes: source.text.as_bytes(),
        source: &source,
        position: 0,
    }
    .file()
}

struct Parser<'a> {
    source: &'a Arc<SourceText>,
    bytes: &'a [u8],
    position: usize,
}

/// A table under construction.
struct Draft {
    labels: Vec<String>,
    positions: Positions,
    comments: Vec<(usize, String)>,
}

impl Parser<'_> {
    fn file(mut self) -> Result<StarFile, FormatError> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut piece_start = 0;
        loop {
            self.skip_trivia();
            let Some(word) = self.peek_word() else { break };
            if is_block_header(word) {
                blocks.push(self.block_header(piece_start));
            } else {
                if blocks.is_empty() {
                    blocks.push(Block::parsed(String::new(), self.span(0, 0)));
                }
                let lead = self.span(piece_start, self.position);
                let mut table = self.table()?;
                table.set_lead(lead);
                if let Some(block) = blocks.last_mut() {
                    block.tables.push(table);
                }
            }
            piece_start = self.position;
        }
        Ok(StarFile {
            blocks,
            tail: Some(self.span(piece_start, self.bytes.len())),
            source: Arc::clone(self.source),
        })
    }

    fn block_header(&mut self, piece_start: usize) -> Block {
        let end = word_end(self.bytes, self.position);
        let name = self.source.text[self.position + "data_".len()..end].to_owned();
        self.position = end;
        self.finish_line();
        Block::parsed(name, self.span(piece_start, self.position))
    }

    fn table(&mut self) -> Result<Table, FormatError> {
        let start = self.position;
        let word = self.peek_word().unwrap_or_default();
        let (kind, draft) = if word.eq_ignore_ascii_case(b"loop_") {
            (TableKind::Loop, self.loop_table()?)
        } else if word.first() == Some(&b'_') {
            (TableKind::Pairs, self.pairs()?)
        } else {
            let found = quoted(&String::from_utf8_lossy(word));
            return Err(self.error(
                start,
                "data_<name>, loop_ or a label that begins with _",
                found,
            ));
        };
        let cells = SourceCells {
            source: Arc::clone(self.source),
            positions: draft.positions,
            width: draft.labels.len(),
        };
        Ok(Table::parsed(
            kind,
            draft.labels,
            cells,
            draft.comments,
            self.span(start, self.position),
        ))
    }

    fn pairs(&mut self) -> Result<Draft, FormatError> {
        let mut draft = self.draft();
        loop {
            self.label(&mut draft)?;
            let label_end = self.position;
            let dotted = draft.labels.last().is_some_and(|label| label.contains('.'));
            let value = self.pair_value(label_end, dotted)?;
            draft.positions.push(value);
            self.skip_blanks();
            if !self.at_line_end() {
                let found = quoted(self.rest_of_line());
                return Err(self
                    .error(
                        self.position,
                        format!(
                            "one value for label _{}",
                            draft.labels[draft.labels.len() - 1]
                        ),
                        found,
                    )
                    .with_hint("put values that contain blanks in quotation marks"));
            }
            self.finish_line();
            let end = self.position;
            let comments = self.skip_trivia_collecting();
            if self
                .peek_word()
                .is_none_or(|word| word.first() != Some(&b'_'))
            {
                self.position = end;
                return Ok(draft);
            }
            draft
                .comments
                .extend(comments.into_iter().map(|comment| (0, comment)));
        }
    }

    /// Start of the value of a pair; leaves the position behind the value.
    fn pair_value(&mut self, label_end: usize, dotted: bool) -> Result<usize, FormatError> {
        self.skip_blanks();
        if self.at_line_end() {
            let back = self.position;
            self.finish_line();
            if dotted {
                self.skip_trivia();
            }
            let has_value = self.bytes.get(self.position) == Some(&b';')
                || (dotted && self.peek_word().is_some_and(|word| !is_structure(word)));
            if !has_value {
                self.position = back;
                return Ok(label_end);
            }
        }
        let start = self.position;
        self.position = self.token(start)?.end;
        Ok(start)
    }

    fn loop_table(&mut self) -> Result<Draft, FormatError> {
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

    /// Takes the label at the position, without its underscore.
    fn label(&mut self, draft: &mut Draft) -> Result<(), FormatError> {
        if draft.labels.len() == LABEL_LIMIT {
            return Err(self.error(
                self.position,
                format!("at most {LABEL_LIMIT} labels in a table"),
                "more",
            ));
        }
        let end = word_end(self.bytes, self.position);
        draft
            .labels
            .push(self.source.text[self.position + 1..end].to_owned());
        self.position = end;
        Ok(())
    }

    fn token(&self, start: usize) -> Result<Token, FormatError> {
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

    fn draft(&self) -> Draft {
        Draft {
            labels: Vec::new(),
            positions: Positions::new(self.bytes.len()),
            comments: Vec::new(),
        }
    }

    fn peek_word(&self) -> Option<&[u8]> {
        (self.position < self.bytes.len())
            .then(|| &self.bytes[self.position..word_end(self.bytes, self.position)])
    }

    fn skip_blanks(&mut self) {
        while self
            .bytes
            .get(self.position)
            .is_some_and(|&byte| byte != b'\n' && is_space(byte))
        {
            self.position += 1;
        }
    }

    fn at_text_field(&self) -> bool {
        self.bytes.get(self.position) == Some(&b';') && at_line_start(self.bytes, self.position)
    }

    /// At a line end, a comment or the end of the text.
    fn at_line_end(&self) -> bool {
        self.bytes
            .get(self.position)
            .is_none_or(|&byte| byte == b'\n' || byte == b'#')
    }

    /// Moves behind the line end when only blanks and a comment are left in the line.
    fn finish_line(&mut self) {
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

    fn rest_of_line(&self) -> &str {
        self.line_from(self.position)
    }

    fn line_from(&self, start: usize) -> &str {
        let length = self.bytes[start..]
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(self.bytes.len() - start);
        &self.source.text[start..start + length]
    }

    fn skip_trivia(&mut self) {
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

    fn skip_trivia_collecting(&mut self) -> Vec<String> {
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

    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            source: Arc::clone(self.source),
            range: start..end,
        }
    }

    fn error(
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

fn is_block_header(word: &[u8]) -> bool {
    word.len() >= 5 && word[..5].eq_ignore_ascii_case(b"data_")
}

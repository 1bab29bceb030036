//! Parser of STAR text: blocks, loops, pair lists, comments; nothing is copied, values are places in the text.
//!
//! RELION writes one row per line; mmCIF (labels with a dot) may break rows over lines. A row of a table with
//! several columns may begin with a word like `data_001.mrc` or `_x`: it is a row when its line holds as many
//! values as the table has columns.

use super::cells::{Positions, SourceCells, SourceText};
use super::table::{Table, TableKind};
use super::token::{is_structure, word_end};
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

/// Where the parser stands in a text.
pub(super) struct Parser<'a> {
    pub source: &'a Arc<SourceText>,
    pub bytes: &'a [u8],
    pub position: usize,
}

/// A table under construction.
pub(super) struct Draft {
    pub labels: Vec<String>,
    pub positions: Positions,
    pub comments: Vec<(usize, String)>,
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

    /// Takes the label at the position, without its underscore.
    pub(super) fn label(&mut self, draft: &mut Draft) -> Result<(), FormatError> {
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

    pub(super) fn draft(&self) -> Draft {
        Draft {
            labels: Vec::new(),
            positions: Positions::new(self.bytes.len()),
            comments: Vec::new(),
        }
    }
}

fn is_block_header(word: &[u8]) -> bool {
    word.len() >= 5 && word[..5].eq_ignore_ascii_case(b"data_")
}

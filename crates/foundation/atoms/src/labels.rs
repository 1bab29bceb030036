//! Short repeated words (atom names, residues, chains), each stored once.
use std::collections::BTreeMap;

/// Number of a word in a [`Labels`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelId(u32);

/// A table of words in order of first appearance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    words: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

impl Labels {
    /// The number of `word`, added when it is new.
    pub fn intern(&mut self, word: &str) -> LabelId {
        if let Some(number) = self.numbers.get(word) {
            return LabelId(*number);
        }
        let number = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), number);
        LabelId(number)
    }

    /// The word of a number given out by this table; empty for a number of another table.
    pub fn word(&self, id: LabelId) -> &str {
        self.words.get(id.0 as usize).map_or("", String::as_str)
    }
}

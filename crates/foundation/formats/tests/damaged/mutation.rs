//! Mutations that know tokens and lines, and blind ones of bytes.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Texts that trouble parsers.
const NASTY: [&str; 38] = [
    "",
    " ",
    "\0",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "99999999999999999999",
    "-1",
    "2147483648",
    "4294967296",
    "18446744073709551616",
    "1-2000000000",
    "0x10",
    "1,5",
    "\u{feff}",
    "µ",
    "\u{2028}",
    "\r",
    "\u{b}",
    "'",
    "\"",
    ";",
    "\n;",
    "#",
    "[",
    "]",
    "[T =",
    "data_",
    "loop_",
    "_",
    "=",
    "$",
    "<",
    "&#0;",
    "</a>",
    "\"\"",
    "]]>",
];

pub struct Mutator {
    rng: ChaCha8Rng,
}

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        if limit == 0 {
            0
        } else {
            self.rng.random_range(0..limit)
        }
    }

    /// One to four mutations of `seed`.
    pub fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            bytes = match self.below(10) {
                0 => self.truncate(bytes),
                1 => self.flip(bytes),
                2 => self.pieces(&bytes, b'\n', Edit::Delete),
                3 => self.pieces(&bytes, b'\n', Edit::Duplicate),
                4 => self.pieces(&bytes, b'\n', Edit::Swap),
                5 => self.pieces(&bytes, b' ', Edit::Delete),
                6 => self.pieces(&bytes, b' ', Edit::Duplicate),
                7 => self.pieces(&bytes, b' ', Edit::Swap),
                8 => self.pieces(&bytes, b' ', Edit::Replace),
                _ => self.insert(bytes),
            };
        }
        bytes
    }

    fn nasty(&mut self) -> Vec<u8> {
        match self.below(NASTY.len() + 2) {
            index if index < NASTY.len() => NASTY[index].as_bytes().to_vec(),
            index if index == NASTY.len() => vec![b'7'; 5000],
            _ => (0..8).map(|_| self.rng.next_u32() as u8).collect(),
        }
    }

    fn truncate(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = self.below(bytes.len() + 1);
        bytes.truncate(length);
        bytes
    }

    fn flip(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = self.below(bytes.len());
        let bit = self.below(8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
        bytes
    }

    fn insert(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = self.below(bytes.len() + 1);
        let text = self.nasty();
        bytes.splice(at..at, text);
        bytes
    }

    fn pieces(&mut self, bytes: &[u8], separator: u8, edit: Edit) -> Vec<u8> {
        let mut pieces: Vec<Vec<u8>> = bytes
            .split(|&byte| byte == separator)
            .map(<[u8]>::to_vec)
            .collect();
        let (first, second) = (self.below(pieces.len()), self.below(pieces.len()));
        match edit {
            Edit::Delete => drop(pieces.remove(first)),
            Edit::Duplicate => pieces.insert(second, pieces[first].clone()),
            Edit::Swap => pieces.swap(first, second),
            Edit::Replace => pieces[first] = self.nasty(),
        }
        pieces.join(&separator)
    }
}

#[derive(Clone, Copy)]
enum Edit {
    Delete,
    Duplicate,
    Swap,
    Replace,
}

//! Deterministic, structure-aware mutations of whole files.
//!
//! Each mutation knows one way in which real files go wrong or hostile ones lie: header fields at
//! 2-, 4- and 8-byte places set to sizes that overflow, tokens and lines exchanged, numbers replaced
//! by impossible ones, truncation, splices of two files, bit flips.
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Integers on which length arithmetic breaks.
const SIZES: [i64; 16] = [
    0,
    1,
    -1,
    2,
    255,
    256,
    0x7fff,
    0xffff,
    1 << 16,
    (1 << 24) - 1,
    1 << 24,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    i64::MAX,
    i64::MIN,
];

/// Words on which number readers and grammars break.
const WORDS: [&str; 28] = [
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-1e-999",
    "0",
    "-1",
    "1",
    "99999999999999999999",
    "-9223372036854775808",
    "4294967296",
    "1e18",
    "0x10",
    "1.5.5",
    "",
    "?",
    ".",
    "'",
    "\"",
    "#",
    ";",
    "_",
    "loop_",
    "data_",
    "[",
    "]",
    "=",
    "\u{fffd}\u{10ffff}µÅ",
];

/// Longest file a mutation may make.
const LONGEST: usize = 1 << 16;

/// Mutates seeds; the same numbers give the same bytes.
pub(crate) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    random: ChaCha8Rng,
}

impl<'a> Mutator<'a> {
    /// The mutator of one execution.
    pub(crate) fn new(seeds: &'a [Vec<u8>], stream: u64, execution: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(execution);
        random.set_stream(stream);
        Self { seeds, random }
    }

    /// One hostile file.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.seed().to_vec();
        for _ in 0..=self.below(4) {
            self.mutate(&mut bytes);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn below(&mut self, limit: usize) -> usize {
        if limit == 0 {
            0
        } else {
            self.random.random_range(0..limit)
        }
    }

    fn seed(&mut self) -> &'a [u8] {
        let index = self.below(self.seeds.len());
        &self.seeds[index]
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        match self.below(14) {
            0 => self.flip_bits(bytes),
            1..=3 => self.set_field(bytes),
            4 => self.set_float(bytes),
            5 => {
                let length = self.below(bytes.len() + 1);
                bytes.truncate(length);
            }
            6 => self.splice(bytes),
            7 => self.exchange_words(bytes),
            8 | 9 => self.replace_word(bytes),
            10 => self.move_line(bytes),
            11 => self.repeat(bytes),
            12 => self.remove(bytes),
            _ => self.append(bytes),
        }
    }

    fn flip_bits(&mut self, bytes: &mut [u8]) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let bit = self.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Places near the start are header fields: half of the edits go there.
    fn place(&mut self, bytes: &[u8], width: usize) -> usize {
        let reach = if self.below(2) == 0 {
            bytes.len().min(1280)
        } else {
            bytes.len()
        };
        self.below(reach.saturating_sub(width) + 1) / width * width
    }

    fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
        if let Some(field) = bytes.get_mut(at..at + value.len()) {
            field.copy_from_slice(value);
        }
    }

    fn set_field(&mut self, bytes: &mut [u8]) {
        let value = match self.below(4) {
            0 => bytes.len() as i64 + self.below(3) as i64 - 1,
            1 => self.below(300) as i64,
            _ => SIZES[self.below(SIZES.len())],
        };
        let width = [2, 4, 4, 4, 8][self.below(5)];
        let at = self.place(bytes, width);
        let little = value.to_le_bytes();
        let mut field = little[..width].to_vec();
        if self.below(2) == 0 {
            field.reverse();
        }
        Self::put(bytes, at, &field);
    }

    fn set_float(&mut self, bytes: &mut [u8]) {
        let values = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            -0.0,
            1e38,
            1e-45,
            -1.0,
            3.4e9,
        ];
        let value = values[self.below(values.len())];
        let at = self.place(bytes, 4);
        let field = if self.below(2) == 0 {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        };
        Self::put(bytes, at, &field);
    }

    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let other = self.seed();
        let (keep, from) = (self.below(bytes.len() + 1), self.below(other.len() + 1));
        bytes.truncate(keep);
        bytes.extend_from_slice(&other[from..]);
    }

    fn piece(&mut self, bytes: &[u8], is_border: fn(u8) -> bool) -> Range<usize> {
        let at = self.below(bytes.len());
        let start = bytes[..at]
            .iter()
            .rposition(|byte| is_border(*byte))
            .map_or(0, |border| border + 1);
        let end = bytes[at..]
            .iter()
            .position(|byte| is_border(*byte))
            .map_or(bytes.len(), |border| at + border);
        start..end.max(start)
    }

    fn word(&mut self, bytes: &[u8]) -> Range<usize> {
        self.piece(bytes, |byte| {
            byte.is_ascii_whitespace() || matches!(byte, b',' | b'=' | b':' | b'"')
        })
    }

    fn exchange_words(&mut self, bytes: &mut Vec<u8>) {
        let (one, two) = (self.word(bytes), self.word(bytes));
        let (one, two) = if one.start <= two.start {
            (one, two)
        } else {
            (two, one)
        };
        if one.end <= two.start {
            let (first, second) = (bytes[one.clone()].to_vec(), bytes[two.clone()].to_vec());
            bytes.splice(two, first);
            bytes.splice(one, second);
        }
    }

    fn replace_word(&mut self, bytes: &mut Vec<u8>) {
        let word = self.word(bytes);
        let with = WORDS[self.below(WORDS.len())];
        bytes.splice(word, with.bytes());
    }

    fn move_line(&mut self, bytes: &mut Vec<u8>) {
        let line = self.piece(bytes, |byte| byte == b'\n');
        let taken: Vec<u8> = bytes
            .drain(line.start..(line.end + 1).min(bytes.len()))
            .collect();
        if self.below(3) > 0 {
            let at = self.piece(bytes, |byte| byte == b'\n').start;
            bytes.splice(at..at, taken);
        }
    }

    fn chunk(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.below(bytes.len());
        let longest = [4, 16, 80, 512, 4096][self.below(5)];
        let length = self.below((bytes.len() - start).min(longest) + 1);
        start..start + length
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>) {
        let chunk = self.chunk(bytes);
        let copies = [1, 2, 8, 64][self.below(4)];
        let again = bytes[chunk.clone()].repeat(copies);
        if bytes.len() + again.len() <= LONGEST {
            bytes.splice(chunk.end..chunk.end, again);
        }
    }

    fn remove(&mut self, bytes: &mut Vec<u8>) {
        let chunk = self.chunk(bytes);
        bytes.drain(chunk);
    }

    fn append(&mut self, bytes: &mut Vec<u8>) {
        let length = self.below(64);
        let tail: Vec<u8> = (0..length).map(|_| self.random.random()).collect();
        bytes.extend(tail);
    }
}

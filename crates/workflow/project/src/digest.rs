//! BLAKE3 digests of files and content keys of units of work, written as 64 hexadecimal digits.
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical;
use crate::durable::Durable;
use crate::error::ProjectError;

/// Bytes read at a time.
const BLOCK: usize = 1 << 18;

/// BLAKE3 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// The key of a unit of work: equal keys promise equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentKey(Digest);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("expected 64 hexadecimal digits, found `{0}`")]
pub struct NotADigest(String);

impl Digest {
    /// Digest of bytes in memory.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Digest of a JSON value by its canonical text.
    pub fn of_value(value: &Value) -> Self {
        Self::of_bytes(canonical::to_string(value).as_bytes())
    }

    /// Length and digest of a stream, read in blocks.
    pub fn of_reader(reader: &mut dyn Read) -> io::Result<(u64, Self)> {
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; BLOCK];
        let mut length = 0;
        loop {
            match reader.read(&mut block) {
                Ok(0) => return Ok((length, Self(*hasher.finalize().as_bytes()))),
                Ok(count) => {
                    hasher.update(&block[..count]);
                    length += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Length and digest of a file.
    pub fn of_file(durable: &Durable, path: &Path) -> Result<(u64, Self), ProjectError> {
        let mut reader = durable.open(path)?;
        Self::of_reader(&mut *reader).map_err(|source| ProjectError::disk("read", path, source))
    }

    /// The first `count` (at most 64) hexadecimal digits.
    pub fn prefix(&self, count: usize) -> String {
        self.to_string().chars().take(count).collect()
    }
}

impl ContentKey {
    /// Key of a canonical JSON value; the text is set apart from other uses of the hash by a prefix.
    pub fn of(identity: &Value) -> Self {
        let text = format!("thon unit 1\n{}", canonical::to_string(identity));
        Self(Digest::of_bytes(text.as_bytes()))
    }

    /// The first `count` (at most 64) hexadecimal digits.
    pub fn prefix(&self, count: usize) -> String {
        self.0.prefix(count)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for ContentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let lower = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match blake3::Hash::from_hex(text) {
            Ok(hash) if lower => Ok(Self(*hash.as_bytes())),
            _ => Err(NotADigest(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

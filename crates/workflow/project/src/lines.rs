//! Append-only files of JSON lines, each with a checksum, so that a torn line is known and ignored.
//!
//! A line is `{"check":"<16 hex>","record":<json>}`: still plain JSON lines for other tools; the check is the
//! start of the BLAKE3 of the record's text. A file that ends within a line is ended first by the next append.
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::durable::Durable;
use crate::error::ProjectError;

const HEAD: &str = r#"{"check":""#;
const MIDDLE: &str = r#"","record":"#;
const DIGITS: usize = 16;

/// The records of a file and the number of its lines that were damaged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines<T> {
    /// Whole records in the order they were written.
    pub records: Vec<T>,
    /// Lines that were torn, garbled or not of this kind.
    pub damaged: usize,
}

/// One line with its newline.
pub fn encode<T: Serialize>(record: &T) -> String {
    let text = serde_json::to_string(record).expect("records are structs with text keys");
    format!(
        "{HEAD}{}{MIDDLE}{text}}}\n",
        Digest::of_bytes(text.as_bytes()).prefix(DIGITS)
    )
}

/// The record of one line without its newline, `None` when it is damaged.
fn decode<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let line = std::str::from_utf8(line).ok()?;
    let (check, rest) = line.strip_prefix(HEAD)?.split_at_checked(DIGITS)?;
    let text = rest.strip_prefix(MIDDLE)?.strip_suffix('}')?;
    if Digest::of_bytes(text.as_bytes()).prefix(DIGITS) != check {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// The whole records among some bytes.
pub fn decode_all<T: DeserializeOwned>(bytes: &[u8]) -> Lines<T> {
    let mut lines = Lines {
        records: Vec::new(),
        damaged: 0,
    };
    for line in bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        match decode(line) {
            Some(record) => lines.records.push(record),
            None => lines.damaged += 1,
        }
    }
    lines
}

/// The whole records of a file; an absent file has none.
pub fn read<T: DeserializeOwned>(durable: &Durable, path: &Path) -> Result<Lines<T>, ProjectError> {
    let bytes = durable.read_if_present(path)?.unwrap_or_default();
    Ok(decode_all(&bytes))
}

/// Appends records to one file, one caller at a time.
#[derive(Debug)]
pub struct LineWriter {
    durable: Durable,
    path: PathBuf,
    /// Whether an append failed, so that the file may end within a line.
    torn: Mutex<bool>,
}

impl LineWriter {
    /// Makes the new, empty file and syncs it; its name is not durable before its directory is synced.
    pub fn create(durable: &Durable, path: &Path) -> Result<Self, ProjectError> {
        durable.write_new(path, b"")?;
        Ok(Self {
            durable: durable.clone(),
            path: path.to_path_buf(),
            torn: Mutex::new(false),
        })
    }

    /// Appends one record and syncs; returns only when the line is durable.
    pub fn append<T: Serialize>(&self, record: &T) -> Result<(), ProjectError> {
        self.add(record, Durable::append_sync)
    }

    /// Appends one record without syncing, for lines on which nothing depends.
    pub fn note<T: Serialize>(&self, record: &T) -> Result<(), ProjectError> {
        self.add(record, Durable::append)
    }

    fn add<T: Serialize>(
        &self,
        record: &T,
        append: fn(&Durable, &Path, &[u8]) -> Result<(), ProjectError>,
    ) -> Result<(), ProjectError> {
        let mut torn = self.torn.lock().unwrap_or_else(PoisonError::into_inner);
        let line = encode(record);
        let text = if *torn { format!("\n{line}") } else { line };
        *torn = true;
        append(&self.durable, &self.path, text.as_bytes())?;
        *torn = false;
        Ok(())
    }
}

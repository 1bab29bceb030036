//! JSON main files: pretty, with a trailing newline, every float exact.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, JobError};

/// Reads a JSON main file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, JobError> {
    let text = std::fs::read(path).map_err(|e| JobError::file(path, e))?;
    serde_json::from_slice(&text)
        .map_err(|e| JobError::file(path, format!("not what was expected: {e}")))
}

/// Writes a JSON main file into the unit's directory.
pub fn write_json<T: Serialize>(file: &str, value: &T, context: &Context) -> Result<(), JobError> {
    let path = context.file(file)?;
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| JobError::file(&path, e))?;
    text.push(b'\n');
    std::fs::write(&path, text).map_err(|e| JobError::file(&path, e))
}

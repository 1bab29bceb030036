//! Exported files: a listing, and the files themselves as companions.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{read_json, write_json};
use crate::{Context, JobError, Kind};

/// What an export wrote, and what the target format cannot hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileListing {
    /// The target format.
    pub format: String,
    /// The files, relative to the unit's directory.
    pub files: Vec<PathBuf>,
    /// What was lost on the way, in words.
    pub losses: Vec<String>,
}

/// A [`FileListing`] with its files.
#[derive(Clone, Copy, Debug)]
pub enum FilesKind {}

impl Kind for FilesKind {
    const NAME: &'static str = "files";
    type Value = FileListing;

    fn read(path: &Path, _: &Context) -> Result<FileListing, JobError> {
        read_json(path)
    }

    fn write(name: &str, value: &FileListing, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let file = format!("{name}.files.json");
        write_json(&file, value, context)?;
        Ok(std::iter::once(file.into())
            .chain(value.files.iter().cloned())
            .collect())
    }
}

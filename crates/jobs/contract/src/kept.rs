//! Steps inside a unit that outlive an interruption: names, and the plain form that tests use.
//!
//! A long unit (a refinement) keeps its state after every iteration. The engine's workspaces keep it durably, by the
//! unit's content key; [`KeptDirectory`] is the same promise without syncs and digests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{JobError, Note, Notes};

/// What an earlier attempt at a unit kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The directory as it was filled.
    pub directory: PathBuf,
    /// What the unit had remarked until then.
    pub notes: Notes,
}

/// Kept steps in a plain directory, one below it for each name.
#[derive(Clone, Debug)]
pub struct KeptDirectory {
    root: PathBuf,
}

/// In a kept step: what the job wrote.
const FILES: &str = "files";
/// In a kept step: what had been remarked.
const NOTES: &str = "notes.json";

/// Refuses names that are no plain file names: letters, digits and `-_.`, first a letter or digit, at most 100.
pub(crate) fn check_name(name: &str) -> Result<(), JobError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if first && name.len() <= 100 && name.chars().all(plain) {
        return Ok(());
    }
    Err(JobError::data(format!(
        "\"{name}\" cannot be the name of a kept step: expected at most 100 letters, digits and -_., first a letter or digit"
    )))
}

impl KeptDirectory {
    /// Kept steps in `.NAME.kept` beside a directory of this name.
    pub fn beside(scratch: &Path) -> Self {
        let name = scratch.file_name().unwrap_or_default().to_string_lossy();
        Self {
            root: scratch.with_file_name(format!(".{name}.kept")),
        }
    }

    /// The step of this name.
    ///
    /// # Errors
    /// The step's remarks cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Kept>, JobError> {
        let place = self.root.join(name);
        let directory = place.join(FILES);
        if !directory.is_dir() {
            return Ok(None);
        }
        let path = place.join(NOTES);
        let text = fs::read(&path).map_err(|e| JobError::file(&path, e))?;
        let notes = serde_json::from_slice(&text).map_err(|e| JobError::file(&path, e))?;
        Ok(Some(Kept { directory, notes }))
    }

    /// Lets `write` fill an empty directory aside and moves it to its name.
    ///
    /// # Errors
    /// What `write` says, or a file that cannot be written.
    pub fn keep(
        &self,
        name: &str,
        notes: &[Note],
        write: &mut dyn FnMut(&Path) -> Result<(), JobError>,
    ) -> Result<PathBuf, JobError> {
        let aside = self.root.join(format!(".{name}.partial"));
        let place = self.root.join(name);
        let absent_or = |path: &Path, result: std::io::Result<()>| match result {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(JobError::file(path, e)),
            _ => Ok(()),
        };
        absent_or(&aside, fs::remove_dir_all(&aside))?;
        let files = aside.join(FILES);
        fs::create_dir_all(&files).map_err(|e| JobError::file(&files, e))?;
        write(&files)?;
        let path = aside.join(NOTES);
        let text = serde_json::to_vec(notes).expect("notes are plain data");
        fs::write(&path, text).map_err(|e| JobError::file(&path, e))?;
        absent_or(&place, fs::remove_dir_all(&place))?;
        fs::rename(&aside, &place).map_err(|e| JobError::file(&place, e))?;
        Ok(place.join(FILES))
    }
}

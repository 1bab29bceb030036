//! Steps that a running unit keeps, so that an interrupted unit goes on from its last one.
//!
//! ```text
//! .thon/kept/KEY/        KEY: all digits of the unit's content key
//!   NAME/                one kept step, published by rename
//!     files/             what the job wrote
//!     kept.json          remarks, and every file with size and BLAKE3
//!   .NAME.partial/       on its way; never read
//!   .NAME.before/        what NAME was, while it is being replaced
//! ```
//!
//! A step counts only when its `kept.json` agrees with its files, all of them and no others. What does not count is
//! not there: no error, the work is done again. Kept steps are no results: nothing in a manifest names them, and they
//! may be removed at any time at the cost of time alone.
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{ContentKey, Digest};
use crate::durable::{Access, Durable, EntryKind};
use crate::error::ProjectError;
use crate::job::to_json;
use crate::unit::{FileRecord, seal, survey};

const FILES: &str = "files";
const RECORD: &str = "kept.json";
/// Version of `kept.json`.
const FORMAT: u32 = 1;

/// The kept steps of one unit.
#[derive(Clone, Debug)]
pub struct KeptSteps {
    durable: Durable,
    key: ContentKey,
    base: PathBuf,
    directory: PathBuf,
}

/// A kept step whose files are all as they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptStep {
    /// The directory that was filled.
    pub directory: PathBuf,
    /// What was handed over with it.
    pub remarks: Value,
}

/// A step being written: fill [`KeptWork::path`], by any means, then publish it.
#[derive(Debug)]
pub struct KeptWork {
    name: String,
    aside: PathBuf,
    files: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    key: ContentKey,
    name: String,
    remarks: Value,
    files: Vec<FileRecord>,
}

impl KeptWork {
    /// The step's directory, empty at first.
    pub fn path(&self) -> &Path {
        &self.files
    }
}

/// A plain file name that hides nothing.
fn check_name(name: &str) -> Result<(), ProjectError> {
    let why = if name.is_empty() || name.starts_with('.') {
        "the name of a kept step is empty or starts with a dot"
    } else if name.contains(['/', '\\', '\0', ':']) {
        "the name of a kept step has a separator or zero byte"
    } else {
        return Ok(());
    };
    Err(ProjectError::BadPath {
        path: name.to_string(),
        why,
    })
}

impl KeptSteps {
    /// The steps of the unit with this key, in a directory of the key's name below `base`.
    pub fn new(durable: &Durable, base: &Path, key: &ContentKey) -> Self {
        Self {
            durable: durable.clone(),
            key: *key,
            base: base.to_path_buf(),
            directory: base.join(key.to_string()),
        }
    }

    fn before(&self, name: &str) -> PathBuf {
        self.directory.join(format!(".{name}.before"))
    }

    /// The step of this name, when it is there and whole.
    ///
    /// # Errors
    /// A bad name, or a disk that does not answer.
    pub fn find(&self, name: &str) -> Result<Option<KeptStep>, ProjectError> {
        check_name(name)?;
        for place in [self.directory.join(name), self.before(name)] {
            if let Some(step) = self.read(&place, name)? {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    fn read(&self, place: &Path, name: &str) -> Result<Option<KeptStep>, ProjectError> {
        let Some(bytes) = self.durable.read_if_present(&place.join(RECORD))? else {
            return Ok(None);
        };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else {
            return Ok(None);
        };
        let directory = place.join(FILES);
        let found = self.durable.inspect(&directory)?;
        let there = found.is_some_and(|entry| entry.kind == EntryKind::Directory);
        let own = record.key == self.key && record.name == name;
        if record.format != FORMAT || !own || !there {
            return Ok(None);
        }
        Ok(self.agrees(&directory, &record.files)?.then_some(KeptStep {
            directory,
            remarks: record.remarks,
        }))
    }

    /// Whether a directory holds exactly these files: names and sizes first, contents when those agree.
    fn agrees(&self, directory: &Path, files: &[FileRecord]) -> Result<bool, ProjectError> {
        let Some(found) = survey(&self.durable, directory)? else {
            return Ok(false);
        };
        let same = |(record, (path, size)): (&FileRecord, &(_, u64))| {
            record.path == *path && record.size == *size
        };
        if found.len() != files.len() || !files.iter().zip(&found).all(same) {
            return Ok(false);
        }
        for file in files {
            let (_, digest) = Digest::of_file(&self.durable, &file.path.under(directory))?;
            if digest != file.digest {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the directory of a step, aside.
    ///
    /// # Errors
    /// A bad name, or a directory that cannot be made.
    pub fn begin(&self, name: &str) -> Result<KeptWork, ProjectError> {
        check_name(name)?;
        for directory in [&self.base, &self.directory] {
            if self.durable.inspect(directory)?.is_none() {
                self.durable.ensure_directory(directory, Access::Shared)?;
                let parent = directory.parent().unwrap_or(Path::new("."));
                self.durable.sync_directory(parent)?;
            }
        }
        let aside = self.directory.join(format!(".{name}.partial"));
        self.durable.remove_tree(&aside)?;
        self.durable.create_directory(&aside, Access::Shared)?;
        let files = aside.join(FILES);
        self.durable.create_directory(&files, Access::Shared)?;
        Ok(KeptWork {
            name: name.to_string(),
            aside,
            files,
        })
    }

    /// Makes a step durable and visible; at every instant the old step of this name or the new one is found.
    /// Returns the directory that was filled, where it lies now.
    ///
    /// # Errors
    /// A link or device among the files, or a disk that fails.
    pub fn publish(&self, work: KeptWork, remarks: &Value) -> Result<PathBuf, ProjectError> {
        let KeptWork { name, aside, files } = work;
        let record = Record {
            format: FORMAT,
            key: self.key,
            name: name.clone(),
            remarks: remarks.clone(),
            files: seal(&self.durable, &files)?,
        };
        self.durable
            .write_new(&aside.join(RECORD), &to_json(&record))?;
        self.durable.sync_directory(&aside)?;
        let place = self.directory.join(&name);
        let before = self.before(&name);
        if self.durable.inspect(&place)?.is_some() {
            if self.read(&place, &name)?.is_some() {
                self.durable.remove_tree(&before)?;
                self.durable.publish_rename(&place, &before)?;
            } else {
                self.durable.remove_tree(&place)?;
            }
        }
        self.durable.publish_rename(&aside, &place)?;
        self.durable.remove_tree(&before)?;
        Ok(place.join(FILES))
    }

    /// Removes all steps of the unit; called when its result counts.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn clear(&self) -> Result<(), ProjectError> {
        self.durable.remove_tree(&self.directory)
    }
}

//! What a running job is handed: files, progress, notes. Jobs do all their I/O through it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use thon_compute::Progress;

use crate::{Item, ItemRecord, JobError, Kind, Rejection};

/// Where a unit reads and writes; the engine implements it, tests use [`DirectoryWorkspace`].
pub trait Workspace: Sync {
    /// Turns a path of a record or parameter into one that can be opened: relative paths are
    /// relative to the project, absolute ones stay.
    fn resolve(&self, path: &Path) -> PathBuf;

    /// The private directory that this unit writes into; it is published by renaming.
    fn scratch(&self) -> PathBuf;

    /// Where a file of the scratch directory will lie after publishing, relative to the project.
    fn published(&self, file: &Path) -> PathBuf;
}

/// A remark of a running unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum Note {
    /// Something a person should read.
    Warning {
        /// The text.
        text: String,
    },
    /// Something that did not come out.
    Rejected(Rejection),
    /// A number worth a column in a table.
    Metric {
        /// Name with its unit: `resolution (Å)`.
        name: String,
        /// Value.
        value: f64,
    },
}

/// The remarks of a unit, in order.
pub type Notes = Vec<Note>;

/// What a running job is handed.
pub struct Context<'a> {
    workspace: &'a dyn Workspace,
    progress: &'a dyn Progress,
    /// Memory that the unit may use, in bytes.
    pub memory: u64,
    notes: Mutex<Notes>,
}

impl<'a> Context<'a> {
    /// A context over a workspace.
    pub fn new(workspace: &'a dyn Workspace, progress: &'a dyn Progress, memory: u64) -> Self {
        Self {
            workspace,
            progress,
            memory,
            notes: Mutex::new(Vec::new()),
        }
    }

    /// Progress and cancellation, to be handed to kernels.
    pub fn progress(&self) -> &'a dyn Progress {
        self.progress
    }

    /// A path that can be opened; see [`Workspace::resolve`].
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.workspace.resolve(path)
    }

    /// Path to write the unit's file `name` to; parent directories exist.
    pub fn file(&self, name: impl AsRef<Path>) -> Result<PathBuf, JobError> {
        let path = self.workspace.scratch().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| JobError::file(parent, e))?;
        }
        Ok(path)
    }

    /// Where the unit's file `name` will be found later, relative to the project: the form in which
    /// a path is stored in an item.
    pub fn published(&self, name: impl AsRef<Path>) -> PathBuf {
        self.workspace.published(name.as_ref())
    }

    /// Reads an item.
    pub fn load<K: Kind>(&self, item: &Item<K>) -> Result<K::Value, JobError> {
        let main = item.record.files.first().ok_or_else(|| {
            JobError::data(format!("{} {} has no file", K::NAME, item.record.name))
        })?;
        K::read(&self.resolve(main), self)
    }

    /// Writes an item into the unit's directory.
    pub fn store<K: Kind>(&self, name: &str, value: &K::Value) -> Result<ItemRecord, JobError> {
        let files = K::write(name, value, self)?;
        Ok(ItemRecord {
            name: name.into(),
            files,
            digest: String::new(),
        })
    }

    /// Records an item whose files the job has already written itself; main file first, names
    /// relative to the unit's directory.
    pub fn stored(&self, name: &str, files: Vec<PathBuf>) -> ItemRecord {
        ItemRecord {
            name: name.into(),
            files,
            digest: String::new(),
        }
    }

    /// Tells people something.
    pub fn warn(&self, text: impl Into<String>) {
        self.note(Note::Warning { text: text.into() });
    }

    /// Names something that goes no further, with the reason.
    pub fn reject(&self, name: impl Into<String>, reason: impl Into<String>) {
        self.note(Note::Rejected(Rejection {
            name: name.into(),
            reason: reason.into(),
        }));
    }

    /// Records a number.
    pub fn metric(&self, name: impl Into<String>, value: f64) {
        self.note(Note::Metric {
            name: name.into(),
            value,
        });
    }

    /// The remarks so far; empties the list.
    pub fn take_notes(&self) -> Notes {
        std::mem::take(
            &mut self
                .notes
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    fn note(&self, note: Note) {
        self.notes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(note);
    }
}

/// A workspace over a plain directory: stand-alone runs and tests.
#[derive(Clone, Debug)]
pub struct DirectoryWorkspace {
    /// Directory that relative paths start from and files are written to.
    pub root: PathBuf,
}

impl Workspace for DirectoryWorkspace {
    fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    fn scratch(&self) -> PathBuf {
        self.root.clone()
    }

    fn published(&self, file: &Path) -> PathBuf {
        file.to_path_buf()
    }
}

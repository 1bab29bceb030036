//! What a running job is handed: files, progress, notes. Jobs do all their I/O through it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use thon_compute::Progress;

use crate::border::ForeignReader;
use crate::kept::{Kept, KeptDirectory, check_name};
use crate::{Item, ItemRecord, JobError, Kind, Reading, Rejection, Team};

/// Where a unit reads and writes; the engine implements it, tests use [`DirectoryWorkspace`].
pub trait Workspace: Sync {
    /// Turns a path of a record or parameter into one that can be opened: relative paths are
    /// relative to the project, absolute ones stay.
    fn resolve(&self, path: &Path) -> PathBuf;

    /// The private directory that this unit writes into; it is published by renaming.
    fn scratch(&self) -> PathBuf;

    /// Where a file of the scratch directory will lie after publishing, relative to the project.
    fn published(&self, file: &Path) -> PathBuf;

    /// Readers of the foreign files that may fill slots; none by default.
    fn foreign_readers(&self) -> &'static [ForeignReader] {
        &[]
    }

    /// The processes that work at this unit; none by default: this one alone.
    fn team(&self) -> Option<&dyn Team> {
        None
    }

    /// Passes on what the unit says of itself while it runs; nobody listens by default.
    fn tell(&self, _reading: &Reading) {}

    /// What an interrupted attempt at the same unit kept under a name. The default forgets: it cannot know whether
    /// it is the same unit.
    ///
    /// # Errors
    /// The disk does not answer. What is damaged or half written is not there.
    fn kept(&self, _name: &str) -> Result<Option<Kept>, JobError> {
        Ok(None)
    }

    /// Lets `write` fill an empty directory and keeps it with the notes under a name; what it kept before under this
    /// name is replaced. The default keeps beside the scratch directory.
    ///
    /// # Errors
    /// What `write` says, or a file that cannot be written.
    fn keep(
        &self,
        name: &str,
        notes: &[Note],
        write: &mut dyn FnMut(&Path) -> Result<(), JobError>,
    ) -> Result<PathBuf, JobError> {
        KeptDirectory::beside(&self.scratch()).keep(name, notes, write)
    }
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
    sources: Mutex<BTreeMap<String, Vec<PathBuf>>>,
}

impl<'a> Context<'a> {
    /// A context over a workspace.
    pub fn new(workspace: &'a dyn Workspace, progress: &'a dyn Progress, memory: u64) -> Self {
        Self {
            workspace,
            progress,
            memory,
            notes: Mutex::new(Vec::new()),
            sources: Mutex::default(),
        }
    }

    /// Progress and cancellation, to be handed to kernels.
    pub fn progress(&self) -> &'a dyn Progress {
        self.progress
    }

    /// The processes that work at this unit, when there are several.
    pub fn team(&self) -> Option<&dyn Team> {
        self.workspace.team()
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

    /// What an earlier, interrupted attempt at this same unit (operation, version, parameters, inputs) kept under
    /// `name`: its directory, to be read only; `None` when there is none. What the unit had remarked until then is
    /// remarked again, so that an interrupted and resumed unit tells the same as an uninterrupted one.
    ///
    /// # Errors
    /// A name that is no plain file name, or a disk that does not answer.
    pub fn kept(&self, name: &str) -> Result<Option<PathBuf>, JobError> {
        check_name(name)?;
        let Some(kept) = self.workspace.kept(name)? else {
            return Ok(None);
        };
        let mut notes = self.locked_notes();
        // One story, told up to two moments: the longer part holds the shorter.
        if kept.notes.len() > notes.len() {
            *notes = kept.notes;
        }
        Ok(Some(kept.directory))
    }

    /// Lets `write` fill an empty directory and publishes it durably under `name` (written aside, synced, renamed):
    /// a later attempt at this same unit finds it with [`Context::kept`]. What was kept under the name before is
    /// replaced. Kept directories go when the unit is published; they are no part of the result.
    ///
    /// # Errors
    /// A name that is no plain file name, what `write` says, or a file that cannot be written.
    pub fn keep(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> Result<(), JobError>,
    ) -> Result<PathBuf, JobError> {
        check_name(name)?;
        let notes = self.locked_notes().clone();
        let mut write = Some(write);
        self.workspace.keep(name, &notes, &mut |directory| {
            let write = write.take().expect("a workspace fills a directory once");
            write(directory)
        })
    }

    /// Reads an item: of a job, or from the plain file of another program, whose losses and remarks are told once.
    ///
    /// # Errors
    /// A file that cannot be read or does not hold what it should.
    pub fn load<K: Kind>(&self, item: &Item<K>) -> Result<K::Value, JobError> {
        let main = item.record.files.first().ok_or_else(|| {
            JobError::data(format!("{} {} has no file", K::NAME, item.record.name))
        })?;
        let mut readers = self.workspace.foreign_readers().iter();
        let Some(reader) = readers.find(|reader| reader.reads(K::NAME, main)) else {
            return K::read(&self.resolve(main), self);
        };
        let read = (reader.read)(main, &item.record.name, self)?;
        for text in read.remarks {
            let note = Note::Warning { text };
            let told = self.locked_notes().contains(&note);
            if !told {
                self.note(note);
            }
        }
        match read.value.downcast::<K::Value>() {
            Ok(value) => Ok(*value),
            Err(_) => Err(JobError::file(main, format!("was not read as {}", K::NAME))),
        }
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

    /// Says that an item was made from these of the job's external files alone ([`crate::Job::external_files`]): whoever
    /// works on it then depends on them, and not on those of its neighbours. Items of which nothing is said depend on all.
    pub fn made_from(&self, item: impl Into<String>, files: Vec<PathBuf>) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.insert(item.into(), files);
    }

    /// What was said by [`Context::made_from`]; empties it.
    pub fn take_sources(&self) -> BTreeMap<String, Vec<PathBuf>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut sources)
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

    /// Says how things stand after a step, such as an iteration, for whoever watches; it is no part of the result. What is not
    /// a number is left out.
    pub fn reading(&self, step: u64, values: &[(&str, f64)]) {
        let known = values.iter().filter(|(_, value)| value.is_finite());
        let values = known.map(|(name, value)| ((*name).to_owned(), *value));
        self.workspace.tell(&Reading {
            step,
            values: values.collect(),
        });
    }

    /// The remarks so far; empties the list.
    pub fn take_notes(&self) -> Notes {
        std::mem::take(&mut self.locked_notes())
    }

    fn note(&self, note: Note) {
        self.locked_notes().push(note);
    }

    fn locked_notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
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

//! Curations: what a person decides about picks, edit by edit, until a job takes what it came to.
//!
//! ```text
//! curations/3/
//!   curation.json     the tomograms and the particle set it is about; never changed
//!   edits.jsonl       an edit each line, synced before it is acknowledged
//!   lock              held while an edit is added
//!   curation-3-17.edits.json   the first 17 edits, as a job takes them; never changed
//! ```
//!
//! Edits are numbered by their lines. Whoever adds some says how many there were, so that two who edit at once notice, and
//! an answer that was lost can be asked for again without doubling anything.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::ParticleColumns;
use thon_contract::{ItemRecord, UnitInputs};
use thon_model::{CuratedSet, Edit, Edits};
use thon_project::durable::{Access, DiskLock, EntryKind};
use thon_project::{Durable, JobNumber, Project, ProjectError, lines};

use crate::EngineError;

/// Directory of the curations, in a project.
const CURATIONS: &str = "curations";
const RECORD_FILE: &str = "curation.json";
const EDITS_FILE: &str = "edits.jsonl";
const LOCK_FILE: &str = "lock";
/// How long another's edit is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An output slot of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CuratedOutput {
    /// The job.
    pub job: JobNumber,
    /// Its output slot.
    pub slot: String,
}

/// What a curation is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurationRecord {
    /// Its number, from 1.
    pub number: u32,
    /// When it was begun.
    pub created: Timestamp,
    /// The tomograms in which is looked.
    pub tomograms: Option<CuratedOutput>,
    /// The set whose particles are curated; points are only added when absent.
    pub particles: Option<CuratedOutput>,
    /// That set as it was.
    pub set: Option<CuratedSet>,
}

/// A curation of a project.
#[derive(Clone, Debug)]
pub struct Curation {
    durable: Durable,
    root: PathBuf,
    directory: PathBuf,
    /// What it is about.
    pub record: CurationRecord,
}

fn refused(number: u32, message: impl Into<String>) -> EngineError {
    EngineError::Curation {
        number,
        message: message.into(),
    }
}

/// The one item of a slot of a finished job.
fn item(project: &Project, output: &CuratedOutput, kind: &str) -> Result<ItemRecord, EngineError> {
    let manifest = project.recorded_result(output.job)?;
    let outputs: UnitInputs = serde_json::from_value(manifest.outputs.clone()).unwrap_or_default();
    let wrong = |message: String| refused(0, message);
    let Some(slot) = outputs.get(&output.slot) else {
        let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
        return Err(wrong(format!(
            "job {} has no output {}\nhint: its outputs are {}",
            output.job,
            output.slot,
            names.join(", ")
        )));
    };
    match slot.items.as_slice() {
        [first, ..] if slot.kind == kind => Ok(first.clone()),
        [] => Err(wrong(format!("{}.{} is empty", output.job, output.slot))),
        _ => Err(wrong(format!("expected {kind}, found {}", slot.kind))),
    }
}

impl Curation {
    /// Begins a curation of a particle set, or of points still to be added, in some tomograms.
    ///
    /// # Errors
    /// Outputs that are not there or of another kind; a disk that does not answer.
    pub fn start(
        project: &Project,
        tomograms: Option<CuratedOutput>,
        particles: Option<CuratedOutput>,
    ) -> Result<Self, EngineError> {
        if let Some(output) = &tomograms {
            item(project, output, "tomogram")?;
        }
        let set = match &particles {
            None => None,
            Some(output) => {
                let item = item(project, output, "particles")?;
                let path = project.root().join(&item.files[0]);
                let columns =
                    ParticleColumns::open(&path).map_err(|e| refused(0, e.to_string()))?;
                let count = u32::try_from(columns.len())
                    .map_err(|_| refused(0, "the set is larger than can be curated"))?;
                let digest = item.digest;
                Some(CuratedSet { digest, count })
            }
        };
        let durable = project.durable();
        let above = project.root().join(CURATIONS);
        durable.ensure_directory(&above, Access::Shared)?;
        let mut number = numbers(durable, &above)?.last().copied().unwrap_or(0) + 1;
        let directory = loop {
            let directory = above.join(number.to_string());
            match durable.create_directory(&directory, Access::Shared) {
                Ok(()) => break directory,
                // Somebody else began one at the same time.
                Err(error) if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) => {
                    number += 1;
                }
                Err(error) => return Err(error.into()),
            }
        };
        durable.write_new(&directory.join(EDITS_FILE), b"")?;
        durable.write_new(&directory.join(LOCK_FILE), b"")?;
        let record = CurationRecord {
            number,
            created: Timestamp::now(),
            tomograms,
            particles,
            set,
        };
        let text = serde_json::to_vec_pretty(&record).expect("a curation is plain data");
        durable.publish(&directory.join(RECORD_FILE), &text)?;
        durable.sync_directory(&above)?;
        Ok(Self {
            durable: durable.clone(),
            root: project.root().to_path_buf(),
            directory,
            record,
        })
    }

    /// A curation by its number.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn open(project: &Project, number: u32) -> Result<Self, EngineError> {
        let directory = project.root().join(CURATIONS).join(number.to_string());
        let path = directory.join(RECORD_FILE);
        let durable = project.durable();
        let Some(bytes) = durable.read_if_present(&path)? else {
            return Err(refused(number, "there is no such curation"));
        };
        let record = serde_json::from_slice(&bytes).map_err(|e| ProjectError::Damaged {
            path,
            what: e.to_string(),
        })?;
        Ok(Self {
            durable: durable.clone(),
            root: project.root().to_path_buf(),
            directory,
            record,
        })
    }

    /// All curations of a project, by number; what was not begun to the end is left out.
    ///
    /// # Errors
    /// A disk that does not answer, or a damaged curation.
    pub fn all(project: &Project) -> Result<Vec<Self>, EngineError> {
        let above = project.root().join(CURATIONS);
        if project.durable().inspect(&above)?.is_none() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for number in numbers(project.durable(), &above)? {
            match Self::open(project, number) {
                Err(EngineError::Curation { .. }) => {}
                found => all.push(found?),
            }
        }
        Ok(all)
    }

    /// All edits so far.
    ///
    /// # Errors
    /// A disk that does not answer.
    pub fn edits(&self) -> Result<Edits, EngineError> {
        let read = lines::read::<Edit>(&self.durable, &self.directory.join(EDITS_FILE))?;
        Ok(Edits {
            particles: self.record.set.clone(),
            edits: read.records,
        })
    }

    /// Adds edits, durably; answers how many there are now. With `after`, only when there were that many.
    ///
    /// # Errors
    /// Edits that make no sense, [`EngineError::CurationMoved`] when there are others than `after`, or a disk that does not
    /// answer. Nothing is added then.
    pub fn append(&self, after: Option<usize>, more: &[Edit]) -> Result<usize, EngineError> {
        let _lock = self.lock()?;
        let mut edits = self.edits()?;
        let before = edits.edits.len();
        if after.is_some_and(|after| after != before) {
            return Err(EngineError::CurationMoved {
                number: self.record.number,
                edits: before,
            });
        }
        edits.edits.extend_from_slice(more);
        edits
            .curated()
            .map_err(|e| refused(self.record.number, e.to_string()))?;
        // An earlier line may be torn: an empty line costs nothing.
        let mut text = String::from("\n");
        for edit in more {
            text.push_str(&lines::encode(edit));
        }
        let path = self.directory.join(EDITS_FILE);
        self.durable.append_sync(&path, text.as_bytes())?;
        Ok(before + more.len())
    }

    /// Writes the edits so far into a file that a job can take, which never changes; its path in the project.
    ///
    /// # Errors
    /// A disk that does not answer.
    pub fn seal(&self) -> Result<PathBuf, EngineError> {
        let _lock = self.lock()?;
        let edits = self.edits()?;
        let number = self.record.number;
        let name = format!("curation-{number}-{}.edits.json", edits.edits.len());
        let path = self.directory.join(&name);
        if self.durable.inspect(&path)?.is_none() {
            let mut text = serde_json::to_vec(&edits).expect("edits are plain data");
            text.push(b'\n');
            self.durable.publish(&path, &text)?;
        }
        let inside = path.strip_prefix(&self.root).unwrap_or(&path);
        Ok(inside.to_path_buf())
    }

    fn lock(&self) -> Result<DiskLock, EngineError> {
        let began = Instant::now();
        loop {
            if let Some(lock) = self.durable.lock(&self.directory.join(LOCK_FILE))? {
                return Ok(lock);
            }
            if began.elapsed() > PATIENCE {
                let message = "somebody else edits it and does not come to an end";
                return Err(refused(self.record.number, message));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The numbers of the curations in a directory, ascending.
fn numbers(durable: &Durable, above: &Path) -> Result<Vec<u32>, ProjectError> {
    let entries = durable.list(above)?.into_iter();
    let directories = entries.filter(|entry| entry.kind == EntryKind::Directory);
    let mut found: Vec<u32> = directories
        .filter_map(|entry| entry.name.parse().ok())
        .collect();
    found.sort_unstable();
    Ok(found)
}

//! One attempt at a job: its private directory, the units it publishes, and how it ends.
//!
//! A unit is written under `attempt-N/work/`, synced, moved by one rename to `units/` of the job, and then
//! recorded by one synced line in `attempt-N/units.jsonl`. Only the line makes it count: a published directory
//! without a line is removed before the work is done again, so a killed run leaves no trace in the result.
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clean::Cleaned;
use crate::digest::ContentKey;
use crate::durable::{Access, Durable, DurableFile};
use crate::error::ProjectError;
use crate::index::Index;
use crate::job::{JobRecord, to_json};
use crate::layout::{self, ProjectPath};
use crate::lines::LineWriter;
use crate::manifest::{Manifest, ManifestDraft};
use crate::owner::{Owner, ProcessIdentity};
use crate::project::Project;
use crate::state::{self, JobFacts};
use crate::submission::job_path;
use crate::sweep::sweep;
use crate::unit::UnitRecord;

mod record;
mod units;

pub use record::{AttemptRecord, Outcome};
pub use units::UnitWork;

/// The recorded units of a job by key and item.
pub type RecordedUnits = BTreeMap<(ContentKey, String), UnitRecord>;

/// A running attempt; may be shared among threads.
pub struct Attempt {
    durable: Durable,
    root: PathBuf,
    job: JobRecord,
    job_directory: ProjectPath,
    record: AttemptRecord,
    directory: PathBuf,
    units: LineWriter,
    events: LineWriter,
    log: Mutex<DurableFile>,
    recorded: Mutex<RecordedUnits>,
    works: AtomicU64,
    index: Arc<Mutex<Index>>,
    /// The owner, where the attempt runs in its process.
    owner: Option<Arc<Owner>>,
    /// Of an attempt beside the owner: the file that says that it is superseded.
    fence: Option<PathBuf>,
    /// Whether the directory holds a part of an attempt.
    is_part: bool,
}

/// Where an attempt works.
struct Place {
    durable: Durable,
    root: PathBuf,
    job: JobRecord,
    job_directory: ProjectPath,
    directory: PathBuf,
}

impl Place {
    /// Fills the directory with the files of an attempt; it counts as started once `attempt.json` is there.
    fn attempt(
        self,
        number: u32,
        process: ProcessIdentity,
        recorded: RecordedUnits,
        index: Arc<Mutex<Index>>,
        owner: Option<Arc<Owner>>,
    ) -> Result<Attempt, ProjectError> {
        let Self {
            durable,
            root,
            job,
            job_directory,
            directory,
        } = self;
        durable.create_directory(&directory.join(layout::WORK), Access::Shared)?;
        let units = LineWriter::create(&durable, &directory.join(layout::UNITS_FILE))?;
        let events = LineWriter::create(&durable, &directory.join(layout::EVENTS_FILE))?;
        let log = Mutex::new(durable.create(&directory.join(layout::LOG_FILE))?);
        let record = AttemptRecord {
            attempt: number,
            token: Uuid::new_v4(),
            process,
            started: Timestamp::now(),
        };
        durable.publish(&directory.join(layout::ATTEMPT_FILE), &to_json(&record))?;
        let (recorded, works) = (Mutex::new(recorded), AtomicU64::new(0));
        Ok(Attempt {
            durable,
            root,
            job,
            job_directory,
            record,
            directory,
            units,
            events,
            log,
            recorded,
            works,
            index,
            owner,
            fence: None,
            is_part: false,
        })
    }
}

/// Whether a directory is that of a part.
fn is_part(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    layout::part_number(&name).is_some()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Attempt {
    /// Sweeps what dead attempts left behind and makes the directory of the next one.
    pub(crate) fn start(
        durable: &Durable,
        root: &Path,
        job: JobRecord,
        job_directory: ProjectPath,
        index: Arc<Mutex<Index>>,
        owner: &Arc<Owner>,
    ) -> Result<Self, ProjectError> {
        let place = job_directory.under(root);
        let recorded = state::recorded_units(durable, &place)?;
        sweep(durable, root, &place, &recorded)?;
        let last = state::attempt_numbers(durable, &place)?
            .last()
            .copied()
            .unwrap_or(0);
        let number = last + 1;
        let directory = place.join(layout::attempt_directory(number));
        durable.create_directory(&directory, Access::Shared)?;
        let process = owner.identity().clone();
        let place_of = Place {
            durable: durable.clone(),
            root: root.to_path_buf(),
            job,
            job_directory,
            directory,
        };
        let attempt =
            place_of.attempt(number, process, recorded, index, Some(Arc::clone(owner)))?;
        durable.sync_directory(&place)?;
        owner.attempt_begins(attempt.record.token);
        Ok(attempt)
    }

    /// Begins a submitted attempt, or a part of one, whose directory is there and claimed.
    pub(crate) fn begin(
        project: &Project,
        facts: JobFacts,
        directory: PathBuf,
        number: u32,
    ) -> Result<Self, ProjectError> {
        let part = is_part(&directory);
        let attempt_directory = if part {
            directory.parent().unwrap_or(&directory).to_path_buf()
        } else {
            directory.clone()
        };
        let place = Place {
            durable: project.durable().clone(),
            root: project.root().to_path_buf(),
            job_directory: job_path(&facts)?,
            job: facts.record,
            directory,
        };
        let process = ProcessIdentity::this();
        let index = project.shared_index();
        let mut attempt = place.attempt(number, process, facts.units, index, None)?;
        attempt.fence = Some(attempt_directory.join(layout::SUPERSEDED_FILE));
        attempt.is_part = part;
        Ok(attempt)
    }

    /// Refuses to go on when another attempt took this one's place.
    pub(crate) fn check_fence(&self) -> Result<(), ProjectError> {
        match &self.fence {
            Some(fence) if self.durable.inspect(fence)?.is_some() => {
                Err(ProjectError::Superseded(self.job.job))
            }
            _ => Ok(()),
        }
    }

    /// The request this attempt works on.
    pub fn job(&self) -> &JobRecord {
        &self.job
    }

    /// Number, token and start of the attempt.
    pub fn record(&self) -> &AttemptRecord {
        &self.record
    }

    /// The attempt's private directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a line to `events.jsonl`; not synced, since nothing depends on it.
    pub fn event(&self, kind: &str, details: &Value) -> Result<(), ProjectError> {
        self.events
            .note(&json!({ "time": Timestamp::now(), "event": kind, "details": details }))
    }

    /// Adds text for people to `log.txt`; not synced, since nothing depends on it.
    pub fn log(&self, text: &str) -> Result<(), ProjectError> {
        let path = self.directory.join(layout::LOG_FILE);
        let line = format!("{:.3} {text}\n", Timestamp::now());
        locked(&self.log)
            .write_all(line.as_bytes())
            .map_err(|source| ProjectError::disk("append to", &path, source))
    }

    /// Whether somebody asked this attempt to stop.
    pub fn cancel_requested(&self) -> Result<bool, ProjectError> {
        let asks = |directory: &Path| self.durable.inspect(&directory.join(layout::CANCEL_FILE));
        let above = self.directory.parent().filter(|_| self.is_part);
        let of_all = above.map_or(Ok(None), asks)?;
        Ok(of_all.is_some() || asks(&self.directory)?.is_some())
    }

    /// Ends the attempt with a result: checks that all its files are there and writes the manifest, last.
    pub fn finish(&self, draft: ManifestDraft) -> Result<Manifest, ProjectError> {
        let times = json!({
            "started": self.record.started, "finished": Timestamp::now(), "performance": draft.performance,
            "units": draft.units.iter().map(|(item, unit)| json!({ "item": item, "seconds": unit.seconds })).collect::<Vec<_>>(),
        });
        let manifest = Manifest::new(&self.job, draft)?;
        if let Some(reason) = manifest.missing(&self.durable, &self.root)? {
            return Err(ProjectError::NoResult {
                job: self.job.job,
                reason,
            });
        }
        self.check_fence()?;
        let place = self.job_directory.under(&self.root);
        let cleaned = Cleaned::read(&self.durable, &place)?;
        if let Some(why) = cleaned
            .as_ref()
            .and_then(|before| before.differs(&manifest))
        {
            return Err(ProjectError::NoResult {
                job: self.job.job,
                reason: why,
            });
        }
        sweep(&self.durable, &self.root, &place, &locked(&self.recorded))?;
        self.durable
            .publish(&self.directory.join(layout::TIMES_FILE), &to_json(&times))?;
        self.durable
            .publish(&place.join(layout::MANIFEST_FILE), &to_json(&manifest))?;
        if cleaned.is_some() {
            self.durable
                .remove_file(&place.join(layout::CLEANED_FILE))?;
        }
        self.refresh_index()?;
        Ok(manifest)
    }

    /// Ends the attempt without a result. Its finished units stay and are used again by the next attempt.
    pub fn end(&self, outcome: &Outcome) -> Result<(), ProjectError> {
        self.durable
            .remove_tree(&self.directory.join(layout::WORK))?;
        self.durable.publish(
            &self.directory.join(layout::OUTCOME_FILE),
            &to_json(outcome),
        )?;
        self.refresh_index()
    }

    fn refresh_index(&self) -> Result<(), ProjectError> {
        let directory = &self.job_directory.as_str()[layout::JOBS.len() + 1..];
        locked(&self.index)
            .refresh_job(&self.durable, &self.root, directory)
            .map(|_| ())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.attempt_is_over(&self.record.token);
        }
    }
}

//! One attempt at a job: its private directory, the units it publishes, and how it ends.
//!
//! A unit is written under `attempt-N/work/`, synced, moved by one rename to `units/` of the job, and then
//! recorded by one synced line in `attempt-N/units.jsonl`. Only the line makes it count: a published directory
//! without a line is removed before the work is done again, so a killed run leaves no trace in the result.
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::canonical;
use crate::digest::ContentKey;
use crate::durable::{Access, Durable, DurableFile};
use crate::error::ProjectError;
use crate::index::Index;
use crate::job::{JobRecord, to_json};
use crate::layout::{self, ProjectPath};
use crate::lines::LineWriter;
use crate::manifest::{Manifest, ManifestDraft};
use crate::owner::{Owner, ProcessIdentity};
use crate::state;
use crate::sweep::sweep;
use crate::unit::{UnitIdentity, UnitRecord, seal};
use crate::verify::Check;

/// The content of `attempt.json`; its presence says that the attempt started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptRecord {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Random token, so that nothing from another attempt is taken for this one's.
    pub token: Uuid,
    /// The process that runs it.
    pub process: ProcessIdentity,
    /// When it started.
    pub started: Timestamp,
}

/// How an attempt ended without a result: the content of `outcome.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// It could not be done.
    Failed {
        /// Why, for people.
        reason: String,
        /// Anything else the engine knows.
        details: Value,
    },
    /// Somebody asked it to stop.
    Cancelled {
        /// Who or why.
        reason: String,
    },
}

/// The recorded units of a job by key and item.
pub type RecordedUnits = BTreeMap<(ContentKey, String), UnitRecord>;

/// A unit being worked on: write its files under [`UnitWork::path`], by any means, then publish it.
#[derive(Debug)]
pub struct UnitWork {
    item: String,
    identity: UnitIdentity,
    path: PathBuf,
    began: Instant,
}

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
    owner: Arc<Owner>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl UnitWork {
    /// The unit's private directory, empty at first.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Attempt {
    /// Sweeps what dead attempts left behind and makes the directory of the next one.
    pub(crate) fn start(
        durable: &Durable,
        root: &Path,
        job: JobRecord,
        job_directory: ProjectPath,
        index: Arc<Mutex<Index>>,
        owner: Arc<Owner>,
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
        durable.create_directory(&directory.join(layout::WORK), Access::Shared)?;
        let units = LineWriter::create(durable, &directory.join(layout::UNITS_FILE))?;
        let events = LineWriter::create(durable, &directory.join(layout::EVENTS_FILE))?;
        let log = Mutex::new(durable.create(&directory.join(layout::LOG_FILE))?);
        let process = owner.identity().clone();
        let record = AttemptRecord {
            attempt: number,
            token: Uuid::new_v4(),
            process,
            started: Timestamp::now(),
        };
        durable.publish(&directory.join(layout::ATTEMPT_FILE), &to_json(&record))?;
        durable.sync_directory(&place)?;
        owner.attempt_begins(record.token);
        let (durable, root) = (durable.clone(), root.to_path_buf());
        let (recorded, works) = (Mutex::new(recorded), AtomicU64::new(0));
        Ok(Self {
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
        })
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

    /// A finished unit with this identity whose files are all there: of this job and item first, else of the
    /// lowest-numbered other job. `None` means the work has to be done.
    pub fn find_unit(
        &self,
        identity: &UnitIdentity,
        item: &str,
    ) -> Result<Option<UnitRecord>, ProjectError> {
        let key = identity.key();
        let own = locked(&self.recorded)
            .get(&(key, item.to_string()))
            .cloned();
        let others = || locked(&self.index).find_units(&key, self.job.job, item);
        let candidates = own.into_iter().chain(others()?);
        for candidate in candidates {
            if candidate.is_intact(&self.durable, &self.root, Check::Sizes)? {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// Makes the private directory of a unit.
    pub fn begin_unit(&self, identity: UnitIdentity, item: &str) -> Result<UnitWork, ProjectError> {
        let number = self.works.fetch_add(1, Ordering::Relaxed);
        let name = format!("{number}-{}", layout::unit_directory(item, &identity.key()));
        let path = self.directory.join(layout::WORK).join(name);
        self.durable.create_directory(&path, Access::Shared)?;
        Ok(UnitWork {
            item: item.to_string(),
            identity,
            path,
            began: Instant::now(),
        })
    }

    /// Makes the unit durable and visible, and records it; returns only when all of it survives a power cut.
    ///
    /// `result` and `metrics` must be the same for equal identities; durations do not belong there.
    pub fn publish_unit(
        &self,
        work: UnitWork,
        mut result: Value,
        mut metrics: Value,
    ) -> Result<UnitRecord, ProjectError> {
        canonical::sort_keys(&mut result);
        canonical::sort_keys(&mut metrics);
        let files = seal(&self.durable, &work.path)?;
        let key = work.identity.key();
        let name = ProjectPath::new(format!(
            "{}/{}",
            layout::UNITS,
            layout::unit_directory(&work.item, &key)
        ))?;
        let directory = self.job_directory.join(&name);
        let UnitWork {
            item,
            identity,
            path,
            began,
        } = work;
        let seconds = began.elapsed().as_secs_f64();
        let mut record = UnitRecord {
            key,
            item,
            directory,
            files,
            result,
            metrics,
            identity,
            seconds,
        };

        let mut recorded = locked(&self.recorded);
        let of_key = recorded
            .range((key, String::new())..)
            .map(|(_, other)| other)
            .take_while(|other| other.key == key);
        let twin = of_key
            .into_iter()
            .find(|other| other.directory == record.directory)
            .cloned();
        match twin {
            // Two items whose names look the same and whose work is the same share one directory.
            Some(twin) if twin.is_intact(&self.durable, &self.root, Check::Sizes)? => {
                record.files = twin.files;
                self.durable.remove_tree(&path)?;
            }
            _ => {
                let place = record.directory.under(&self.root);
                self.durable.remove_tree(&place)?;
                self.durable.publish_rename(&path, &place)?;
            }
        }
        self.units.append(&record)?;
        recorded.insert((key, record.item.clone()), record.clone());
        locked(&self.index).put_unit(self.job.job, &record)?;
        Ok(record)
    }

    /// Throws away the work on a unit.
    pub fn discard_unit(&self, work: UnitWork) -> Result<(), ProjectError> {
        let UnitWork { path, .. } = work;
        self.durable.remove_tree(&path)
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
        Ok(self
            .durable
            .inspect(&self.directory.join(layout::CANCEL_FILE))?
            .is_some())
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
        let place = self.job_directory.under(&self.root);
        sweep(&self.durable, &self.root, &place, &locked(&self.recorded))?;
        self.durable
            .publish(&self.directory.join(layout::TIMES_FILE), &to_json(&times))?;
        self.durable
            .publish(&place.join(layout::MANIFEST_FILE), &to_json(&manifest))?;
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
        self.owner.attempt_is_over(&self.record.token);
    }
}

//! What a job's directory says about the job. The directory is the truth; nothing else decides.
//!
//! Evidence, first that speaks: a manifest whose files are there (done), a manifest that contradicts the disk
//! (damaged), the last started attempt's outcome (failed, cancelled), its process (running, interrupted, or
//! unknown where it cannot be looked at), no attempt at all (draft).
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::attempt::{AttemptRecord, Outcome, RecordedUnits};
use crate::clean::Cleaned;
use crate::durable::{Durable, EntryKind};
use crate::error::ProjectError;
use crate::history::{self, HistoryLine, QueuePhase};
use crate::job::{JobRecord, read_json_if_present};
use crate::layout;
use crate::lines;
use crate::manifest::Manifest;
use crate::owner::{Liveness, Owner};
use crate::unit::UnitRecord;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Asked for, never started.
    Draft,
    /// In the queue: results it needs are not there yet.
    Waiting,
    /// In the queue, and cannot run: what it needs failed, or is more than there is.
    Blocked,
    /// In the queue, to run as soon as there is room.
    Ready,
    /// Handed to an executor.
    Submitted,
    /// An attempt is running.
    Running,
    /// It has its result.
    Done,
    /// The last attempt could not do it.
    Failed,
    /// The last attempt was asked to stop.
    Cancelled,
    /// The process of the last attempt ended without a word.
    Interrupted,
    /// The last attempt runs or ran where this process cannot look.
    Unknown,
    /// There is a manifest, and files on the disk contradict it.
    Damaged,
    /// It had its result, whose files were cleaned away; they are made again when they are needed.
    Cleaned,
}

/// State and why it is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobStatus {
    /// The state.
    pub state: JobState,
    /// The evidence in words.
    pub evidence: String,
}

/// What files alone say: everything but whether a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordedState {
    Draft,
    Open,
    Done,
    Failed,
    Cancelled,
    Interrupted,
    Damaged,
    Cleaned,
}

/// One attempt as found on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptFacts {
    /// Number of the attempt.
    pub number: u32,
    /// Its start, absent when it never got that far.
    pub record: Option<AttemptRecord>,
    /// Its end without a result.
    pub outcome: Option<Outcome>,
}

/// Everything a job's directory says.
#[derive(Clone, Debug, PartialEq)]
pub struct JobFacts {
    /// Name of the directory under `jobs/`.
    pub directory: String,
    /// The request.
    pub record: JobRecord,
    /// The attempts, ascending.
    pub attempts: Vec<AttemptFacts>,
    /// The recorded units.
    pub units: RecordedUnits,
    /// What the queue wrote down, oldest first.
    pub history: Vec<HistoryLine>,
    /// The manifest, when it can be read.
    pub manifest: Option<Manifest>,
    /// What is wrong with the result, if anything.
    pub damage: Option<String>,
    /// What remains of a result whose files were cleaned away.
    pub cleaned: Option<Cleaned>,
}

impl RecordedState {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Damaged => "damaged",
            Self::Cleaned => "cleaned",
        }
    }
}

/// The numbers of the attempts in a job directory, ascending.
pub(crate) fn attempt_numbers(durable: &Durable, place: &Path) -> Result<Vec<u32>, ProjectError> {
    let entries = durable.list(place)?;
    let directories = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Directory);
    let mut numbers: Vec<u32> = directories
        .filter_map(|entry| layout::attempt_number(&entry.name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The directories of all attempts and of their parts, ascending.
pub(crate) fn attempt_places(
    durable: &Durable,
    place: &Path,
) -> Result<Vec<PathBuf>, ProjectError> {
    let mut places = Vec::new();
    for number in attempt_numbers(durable, place)? {
        let attempt = place.join(layout::attempt_directory(number));
        let entries = durable.list(&attempt)?;
        let mut parts: Vec<u32> = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Directory)
            .filter_map(|entry| layout::part_number(&entry.name))
            .collect();
        parts.sort_unstable();
        let below = parts
            .into_iter()
            .map(|n| attempt.join(layout::part_directory(n)));
        let below: Vec<PathBuf> = below.collect();
        places.push(attempt);
        places.extend(below);
    }
    Ok(places)
}

/// The units recorded by all attempts of a job; of two lines for the same key and item the later counts.
pub(crate) fn recorded_units(
    durable: &Durable,
    place: &Path,
) -> Result<RecordedUnits, ProjectError> {
    let mut units = RecordedUnits::new();
    for attempt in attempt_places(durable, place)? {
        let path = attempt.join(layout::UNITS_FILE);
        for unit in lines::read::<UnitRecord>(durable, &path)?.records {
            units.insert((unit.key, unit.item.clone()), unit);
        }
    }
    Ok(units)
}

/// A small file that says nothing when it is absent or damaged.
fn lenient<T: DeserializeOwned>(durable: &Durable, path: &Path) -> Result<Option<T>, ProjectError> {
    match read_json_if_present(durable, path) {
        Err(ProjectError::Damaged { .. }) => Ok(None),
        answer => answer,
    }
}

/// Name and length of every file a job's facts are read from: equal fingerprints, equal facts.
pub(crate) fn fingerprint(durable: &Durable, place: &Path) -> Result<String, ProjectError> {
    let mut text = String::new();
    for name in [
        layout::JOB_FILE,
        layout::MANIFEST_FILE,
        layout::CLEANED_FILE,
    ] {
        let _ = write!(
            text,
            "{name}:{:?};",
            durable.file_length(&place.join(name))?
        );
    }
    for (number, attempt) in attempt_places(durable, place)?.into_iter().enumerate() {
        let known = [
            layout::ATTEMPT_FILE,
            layout::UNITS_FILE,
            layout::OUTCOME_FILE,
        ];
        let _ = write!(text, "{number}:");
        for entry in durable
            .list(&attempt)?
            .iter()
            .filter(|entry| known.contains(&entry.name.as_str()))
        {
            let _ = write!(text, "{}:{};", entry.name, entry.size);
        }
    }
    Ok(text)
}

impl JobFacts {
    /// Reads a job's directory, given by name, and checks that the files of its result have their sizes.
    pub fn read(durable: &Durable, root: &Path, directory: &str) -> Result<Self, ProjectError> {
        let place = root.join(layout::JOBS).join(directory);
        let record = JobRecord::read(durable, &place)?;
        if layout::job_number(directory) != Some(record.job) {
            let what = format!(
                "it is the request of job {}, in the directory `{directory}`",
                record.job
            );
            return Err(ProjectError::damaged(&place.join(layout::JOB_FILE), what));
        }
        let mut attempts = Vec::new();
        for number in attempt_numbers(durable, &place)? {
            let attempt = place.join(layout::attempt_directory(number));
            attempts.push(AttemptFacts {
                number,
                record: lenient(durable, &attempt.join(layout::ATTEMPT_FILE))?,
                outcome: lenient(durable, &attempt.join(layout::OUTCOME_FILE))?,
            });
        }
        let (manifest, damage) = match Manifest::read(durable, &place) {
            Ok(None) => (None, None),
            Ok(Some(manifest)) => {
                let damage = Self::contradiction(&record, &manifest)
                    .map_or_else(|| manifest.missing(durable, root), |what| Ok(Some(what)))?;
                (Some(manifest), damage)
            }
            Err(ProjectError::Damaged { what, .. }) => (
                None,
                Some(format!("{} cannot be read: {what}", layout::MANIFEST_FILE)),
            ),
            Err(error) => return Err(error),
        };
        let units = recorded_units(durable, &place)?;
        let history = history::read(durable, &place)?;
        let cleaned = Cleaned::read(durable, &place)?;
        Ok(Self {
            cleaned,
            history,
            directory: directory.to_string(),
            record,
            attempts,
            units,
            manifest,
            damage,
        })
    }

    fn contradiction(record: &JobRecord, manifest: &Manifest) -> Option<String> {
        let same = manifest.job == record.job && manifest.request == record.request.digest();
        (!same).then(|| {
            format!(
                "{} belongs to another request than {}",
                layout::MANIFEST_FILE,
                layout::JOB_FILE
            )
        })
    }

    /// The last attempt that really started.
    pub fn last_attempt(&self) -> Option<(&AttemptFacts, &AttemptRecord)> {
        self.attempts
            .iter()
            .rev()
            .find_map(|attempt| attempt.record.as_ref().map(|record| (attempt, record)))
    }

    /// What files alone say, with the evidence.
    pub(crate) fn recorded(&self) -> (RecordedState, String) {
        if let Some(damage) = &self.damage {
            return (RecordedState::Damaged, damage.clone());
        }
        if let Some(manifest) = &self.manifest {
            let files = manifest.files().count();
            return (
                RecordedState::Done,
                format!("the manifest and its {files} files are there"),
            );
        }
        if let Some(cleaned) = &self.cleaned {
            return (RecordedState::Cleaned, cleaned.evidence());
        }
        match self.last_attempt() {
            None => (RecordedState::Draft, "no attempt was started".into()),
            Some((attempt, record)) => match &attempt.outcome {
                Some(Outcome::Failed { reason, .. }) => (RecordedState::Failed, reason.clone()),
                Some(Outcome::Cancelled { reason }) => (RecordedState::Cancelled, reason.clone()),
                Some(Outcome::Interrupted { reason }) => {
                    (RecordedState::Interrupted, reason.clone())
                }
                Some(Outcome::OutOfMemory { reason }) => {
                    (RecordedState::Failed, format!("out of memory: {reason}"))
                }
                Some(Outcome::DiskFull { reason }) => (
                    RecordedState::Interrupted,
                    format!("the disk is full: {reason}"),
                ),
                Some(Outcome::Part { units }) => (
                    RecordedState::Open,
                    format!("{units} units of a part are done"),
                ),
                None => (
                    RecordedState::Open,
                    format!(
                        "attempt {} by {} left no outcome",
                        attempt.number, record.process
                    ),
                ),
            },
        }
    }

    /// The state now, with the evidence. `owner` is this process' ownership of the project, if it has it.
    pub fn status(&self, owner: Option<&Owner>) -> JobStatus {
        let (recorded, evidence) = self.recorded();
        let settled = matches!(recorded, RecordedState::Done | RecordedState::Damaged);
        if let Some(status) = self.queued().filter(|_| !settled) {
            return status;
        }
        let state = match recorded {
            RecordedState::Draft => JobState::Draft,
            RecordedState::Done => JobState::Done,
            RecordedState::Failed => JobState::Failed,
            RecordedState::Cancelled => JobState::Cancelled,
            RecordedState::Interrupted => JobState::Interrupted,
            RecordedState::Damaged => JobState::Damaged,
            RecordedState::Cleaned => JobState::Cleaned,
            RecordedState::Open => return self.open_status(owner, &evidence),
        };
        JobStatus { state, evidence }
    }

    /// What the queue says, while it has the last word: after the job was asked and until its end.
    fn queued(&self) -> Option<JobStatus> {
        let last = self.history.last()?;
        let here = self.last_attempt().map(|(_, record)| record);
        let newer = here.is_none_or(|record| record.started <= last.time || self.in_queue(record));
        let state = match last.phase {
            QueuePhase::Asked | QueuePhase::Waiting => JobState::Waiting,
            QueuePhase::Blocked => JobState::Blocked,
            QueuePhase::Ready => JobState::Ready,
            QueuePhase::Submitting | QueuePhase::Submitted => JobState::Submitted,
            QueuePhase::Running | QueuePhase::Cancelling => JobState::Running,
            QueuePhase::Unknown => JobState::Unknown,
            QueuePhase::Failed => JobState::Failed,
            QueuePhase::Cancelled => JobState::Cancelled,
            QueuePhase::CancelAsked | QueuePhase::Done => return None,
        };
        newer.then(|| JobStatus {
            state,
            evidence: last.evidence.clone(),
        })
    }

    /// Whether the attempt was submitted by the queue.
    fn in_queue(&self, record: &AttemptRecord) -> bool {
        let of = |line: &&HistoryLine| line.phase == QueuePhase::Submitting;
        let last = self.history.iter().rev().find(of);
        last.is_some_and(|line| line.attempt == record.attempt)
    }

    fn open_status(&self, owner: Option<&Owner>, evidence: &str) -> JobStatus {
        let Some((_, record)) = self.last_attempt() else {
            return JobStatus {
                state: JobState::Unknown,
                evidence: evidence.to_string(),
            };
        };
        let forgotten = owner.is_some_and(|owner| !owner.is_active(&record.token));
        let (state, words) = match record.process.liveness() {
            Liveness::This if forgotten => {
                (JobState::Interrupted, "this process no longer works on it")
            }
            Liveness::This | Liveness::Alive => (JobState::Running, "the process is alive"),
            Liveness::Dead => (JobState::Interrupted, "the process ended"),
            Liveness::Unknown => (
                JobState::Unknown,
                "the process cannot be looked at from here",
            ),
        };
        JobStatus {
            state,
            evidence: format!("{evidence}; {words}"),
        }
    }
}

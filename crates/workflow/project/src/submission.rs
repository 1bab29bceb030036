//! An attempt that is run by another process: written down, claimed once, fenced when it is given up.
//!
//! ```text
//! attempt-2/
//!   task.json      what is to be run and how; durable before an executor hears of it
//!   handle.json    the executor's number for it, when it answered
//!   claim          made exclusively by whoever begins it, or by the owner so that nobody begins it any more
//!   beat           a number that grows while it lives
//!   superseded     it publishes nothing any more
//!   part-3/        for an attempt in parts: the same files for each part
//! ```
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::attempt::{Attempt, Outcome};
use crate::durable::{Access, Durable};
use crate::error::ProjectError;
use crate::index::{Index, job_directories};
use crate::job::{self, JobRecord, read_json, read_json_if_present, to_json};
use crate::layout::{self, JobNumber, ProjectPath};
use crate::manifest::Manifest;
use crate::project::Project;
use crate::state::{self, JobFacts};
use crate::sweep::sweep;
use crate::unit::UnitRecord;

/// Version of `task.json`.
const FORMAT: u32 = 1;

/// One of several parts of an attempt: the units whose position leaves this remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which one, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

/// The content of `task.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Version of this format.
    pub format: u32,
    /// The job.
    pub job: JobNumber,
    /// The attempt.
    pub attempt: u32,
    /// The mark by which executors know it.
    pub token: Uuid,
    /// Name of the executor.
    pub executor: String,
    /// Number of parts; 1 is the attempt itself.
    pub parts: u32,
    /// How to run, in the engine's words.
    pub settings: Value,
    /// Finished units of other jobs that serve this one.
    pub known: Vec<UnitRecord>,
}

/// What an attempt's directory says to whoever waits for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Sign {
    /// Nothing.
    Nothing,
    /// It was begun; the number grows.
    Beat(u64),
    /// All parts are done and wait to be put together.
    PartsDone,
    /// It ended without a result.
    Ended(Outcome),
    /// The job has its result.
    Result,
}

impl Project {
    fn attempt_place(&self, job: JobNumber, attempt: u32) -> Result<PathBuf, ProjectError> {
        let directory = self.job_directory(job)?.under(self.root());
        Ok(directory.join(layout::attempt_directory(attempt)))
    }

    /// Writes a line of a job's history, durably.
    ///
    /// # Errors
    /// A project opened to read, or a disk that fails.
    pub fn append_history(
        &self,
        job: JobNumber,
        line: &crate::HistoryLine,
    ) -> Result<(), ProjectError> {
        self.owner()?;
        let directory = self.job_directory(job)?.under(self.root());
        crate::history::append(self.durable(), &directory, line)
    }

    /// Writes an attempt down for an executor; nothing of an earlier attempt may be under way. Durable on return.
    ///
    /// # Errors
    /// [`ProjectError::AlreadyDone`], an attempt of this number, or a disk that fails.
    pub fn prepare_attempt(&self, task: &Task) -> Result<PathBuf, ProjectError> {
        self.owner()?;
        let durable = self.durable();
        let facts = self.facts(task.job)?;
        if facts.manifest.is_some() {
            return Err(ProjectError::AlreadyDone(task.job));
        }
        let place = self.job_directory(task.job)?.under(self.root());
        sweep(durable, self.root(), &place, &facts.units)?;
        let directory = self.attempt_place(task.job, task.attempt)?;
        durable.create_directory(&directory, Access::Shared)?;
        if task.parts > 1 {
            for part in 0..task.parts {
                let part = directory.join(layout::part_directory(part));
                durable.create_directory(&part, Access::Shared)?;
            }
        }
        durable.publish(&directory.join(layout::TASK_FILE), &to_json(task))?;
        durable.sync_directory(&place)?;
        Ok(directory)
    }

    /// The task of an attempt, `None` when it was not submitted by the queue.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn task(&self, job: JobNumber, attempt: u32) -> Result<Option<Task>, ProjectError> {
        let path = self.attempt_place(job, attempt)?.join(layout::TASK_FILE);
        read_json_if_present(self.durable(), &path)
    }

    /// Number of the last attempt directory of a job, 0 when there is none.
    ///
    /// # Errors
    /// A directory that cannot be listed.
    pub fn last_attempt_number(&self, job: JobNumber) -> Result<u32, ProjectError> {
        let place = self.job_directory(job)?.under(self.root());
        let numbers = state::attempt_numbers(self.durable(), &place)?;
        Ok(numbers.last().copied().unwrap_or(0))
    }

    /// Keeps the executor's number of an attempt.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn keep_handle(
        &self,
        job: JobNumber,
        attempt: u32,
        handle: u64,
    ) -> Result<(), ProjectError> {
        let path = self.attempt_place(job, attempt)?.join(layout::HANDLE_FILE);
        self.durable().publish(&path, &to_json(&handle))
    }

    /// The executor's number of an attempt, when it was kept.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn handle(&self, job: JobNumber, attempt: u32) -> Result<Option<u64>, ProjectError> {
        let path = self.attempt_place(job, attempt)?.join(layout::HANDLE_FILE);
        read_json_if_present(self.durable(), &path)
    }

    /// What the directory says of an attempt.
    ///
    /// # Errors
    /// A disk that does not answer.
    pub fn sign(&self, job: JobNumber, attempt: u32) -> Result<Sign, ProjectError> {
        let durable = self.durable();
        let place = self.job_directory(job)?.under(self.root());
        if let Ok(Some(manifest)) = Manifest::read(durable, &place) {
            let whole = manifest.job == job && manifest.missing(durable, self.root())?.is_none();
            if whole {
                return Ok(Sign::Result);
            }
        }
        let directory = place.join(layout::attempt_directory(attempt));
        let own = sign_of(durable, &directory)?;
        let parts = self.task(job, attempt)?.map_or(1, |task| task.parts);
        if parts < 2 || own != Sign::Nothing {
            return Ok(own);
        }
        let (mut beats, mut done, mut worst) = (0, 0, None);
        for part in 0..parts {
            match sign_of(durable, &directory.join(layout::part_directory(part)))? {
                Sign::Beat(beat) => beats += beat + 1,
                Sign::Ended(Outcome::Part { .. }) => done += 1,
                Sign::Ended(outcome) => {
                    done += 1;
                    worst = Some(outcome);
                }
                _ => {}
            }
        }
        // A part that ended badly waits for the others: nothing of theirs is thrown away.
        Ok(match worst {
            Some(outcome) if done == parts => Sign::Ended(outcome),
            None if done == parts => Sign::PartsDone,
            _ if beats + u64::from(done) > 0 => Sign::Beat(beats + u64::from(done) * 1_000_000),
            _ => Sign::Nothing,
        })
    }

    /// Makes sure that nobody begins the attempt (true), or finds that somebody has (false).
    ///
    /// # Errors
    /// A disk that fails.
    pub fn close_attempt(&self, job: JobNumber, attempt: u32) -> Result<bool, ProjectError> {
        self.owner()?;
        let directory = self.attempt_place(job, attempt)?;
        let parts = self.task(job, attempt)?.map_or(1, |task| task.parts);
        let mut free = claim(self.durable(), &directory, "owner")?;
        for part in 0..parts * u32::from(parts > 1) {
            let part = directory.join(layout::part_directory(part));
            free &= claim(self.durable(), &part, "owner")?;
        }
        Ok(free)
    }

    /// Marks an attempt as superseded: whoever works on it publishes nothing any more.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn supersede_attempt(&self, job: JobNumber, attempt: u32) -> Result<(), ProjectError> {
        self.owner()?;
        let path = self
            .attempt_place(job, attempt)?
            .join(layout::SUPERSEDED_FILE);
        self.durable().publish(&path, b"superseded\n")
    }

    /// Asks a submitted attempt to stop, begun or not.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn ask_attempt_to_stop(
        &self,
        job: JobNumber,
        attempt: u32,
        reason: &str,
    ) -> Result<(), ProjectError> {
        let directory = self.attempt_place(job, attempt)?;
        let text = to_json(&serde_json::json!({ "reason": reason }));
        if self.durable().inspect(&directory)?.is_none() {
            return Ok(());
        }
        self.durable()
            .publish(&directory.join(layout::CANCEL_FILE), &text)
    }

    /// Opens a project for one attempt at one job, beside its owner: only that job and what it needs are looked at.
    ///
    /// # Errors
    /// No such job, or a project that cannot be read.
    pub fn open_for_attempt(
        durable: &Durable,
        root: &Path,
        job: JobNumber,
    ) -> Result<Self, ProjectError> {
        let record = Self::read_record(durable, root)?;
        let mut index = Index::in_memory(record.uuid)?;
        let names = job_directories(durable, root)?;
        let named = |number: JobNumber| {
            let mut names = names.iter();
            names.find(|name| layout::job_number(name) == Some(number))
        };
        let own = named(job).ok_or(ProjectError::NoSuchJob(job))?;
        let request = JobRecord::read(durable, &root.join(layout::JOBS).join(own))?.request;
        for number in request.upstream.into_iter().chain([job]) {
            if let Some(name) = named(number) {
                index.refresh_job(durable, root, name)?;
            }
        }
        Ok(Self::beside(durable, root, record, index))
    }

    /// Begins a submitted attempt, or a part of it, in this process.
    ///
    /// # Errors
    /// [`ProjectError::Taken`] when somebody has, or when it is not to be begun any more.
    pub fn claim_attempt(&self, task: &Task, part: Option<u32>) -> Result<Attempt, ProjectError> {
        let mut directory = self.attempt_place(task.job, task.attempt)?;
        if let Some(part) = part {
            directory = directory.join(layout::part_directory(part));
        }
        let facts = self.facts(task.job)?;
        let taken = ProjectError::Taken {
            job: task.job,
            attempt: task.attempt,
        };
        if facts.manifest.is_some() || !claim(self.durable(), &directory, "worker")? {
            return Err(taken);
        }
        for unit in &task.known {
            self.index().put_unit(JobNumber(0), unit)?;
        }
        Attempt::begin(self, facts, directory, task.attempt)
    }

    /// The parts of [`Attempt`] that a submitted one shares with the others.
    pub(crate) fn shared_index(&self) -> Arc<Mutex<Index>> {
        Arc::clone(&self.index)
    }
}

/// What one directory, of an attempt or of a part, says.
fn sign_of(durable: &Durable, directory: &Path) -> Result<Sign, ProjectError> {
    let outcome = read_json_if_present(durable, &directory.join(layout::OUTCOME_FILE));
    if let Ok(Some(outcome)) = outcome {
        return Ok(Sign::Ended(outcome));
    }
    if let Some(bytes) = durable.read_if_present(&directory.join(layout::BEAT_FILE))? {
        let text = String::from_utf8_lossy(&bytes);
        return Ok(text.trim().parse().map_or(Sign::Nothing, Sign::Beat));
    }
    Ok(Sign::Nothing)
}

/// Takes the claim of a directory; false when somebody has.
fn claim(durable: &Durable, directory: &Path, who: &str) -> Result<bool, ProjectError> {
    let path = directory.join(layout::CLAIM_FILE);
    match durable.write_new(&path, who.as_bytes()) {
        Ok(()) => {
            durable.sync_directory(directory)?;
            Ok(true)
        }
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads the task of an attempt directory.
///
/// # Errors
/// A file that cannot be read, or is of a newer release.
pub fn read_task(durable: &Durable, directory: &Path) -> Result<Task, ProjectError> {
    let path = directory.join(layout::TASK_FILE);
    let task: Task = read_json(durable, &path)?;
    job::check_format(&path, task.format, FORMAT)?;
    Ok(task)
}

/// Ends an attempt from outside the process that ran it, unless it ended by itself; `directory` is that of the attempt
/// or part.
///
/// # Errors
/// A disk that fails.
pub fn end_from_outside(
    durable: &Durable,
    directory: &Path,
    outcome: &Outcome,
) -> Result<(), ProjectError> {
    let path = directory.join(layout::OUTCOME_FILE);
    if durable.inspect(&path)?.is_some() {
        return Ok(());
    }
    durable.publish(&path, &to_json(outcome))
}

impl Task {
    /// A task of this release.
    pub fn new(job: JobNumber, attempt: u32, executor: &str, parts: u32) -> Self {
        Self {
            format: FORMAT,
            job,
            attempt,
            token: Uuid::new_v4(),
            executor: executor.to_owned(),
            parts,
            settings: Value::Null,
            known: Vec::new(),
        }
    }
}

/// Where the directory of a job lies, for messages.
pub(crate) fn job_path(facts: &JobFacts) -> Result<ProjectPath, ProjectError> {
    ProjectPath::new(format!("{}/{}", layout::JOBS, facts.directory))
}

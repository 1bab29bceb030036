//! What an executor does: takes attempts, says how they fare, stops them.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::configuration::{ExecutorEntry, Kind};
use super::local::Local;
use super::slurm::Slurm;
use crate::EngineError;
use crate::machine::{Capacity, Handle, LookupAnswer, Need, QueueAnswer, SubmitAnswer};

/// By what an attempt is known wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Random, in the command line of every process of the attempt and in the name of its cluster job.
    pub token: Uuid,
    /// The job.
    pub job: u32,
    /// The attempt.
    pub attempt: u32,
}

/// An attempt to be run; its `task.json` is durable.
#[derive(Clone, Debug)]
pub struct Submission {
    /// By what it is known.
    pub mark: Mark,
    /// What it may use.
    pub need: Need,
    /// Number of parts, each a process of its own.
    pub parts: u32,
    /// Processes that share a unit.
    pub processes: usize,
    /// Predicted seconds of one core.
    pub seconds: f64,
    /// The attempt's directory.
    pub directory: PathBuf,
}

/// A place where attempts run.
pub trait Executor: Send {
    /// What it has.
    fn capacity(&self) -> Capacity;
    /// Hands an attempt over; only called once for each.
    fn submit(&mut self, submission: &Submission) -> SubmitAnswer;
    /// Whether it knows the mark.
    fn lookup(&mut self, mark: &Mark) -> LookupAnswer;
    /// How a number fares.
    fn poll(&mut self, handle: Handle, mark: &Mark) -> QueueAnswer;
    /// Asks for a number to be stopped.
    fn stop(&mut self, handle: Handle);
}

/// The executor that an entry describes.
///
/// # Errors
/// A description that cannot be used.
pub(super) fn make(
    entry: &ExecutorEntry,
    root: &Path,
    program: &Path,
) -> Result<Box<dyn Executor>, EngineError> {
    Ok(match entry.kind {
        Kind::Local => Box::new(Local::new(entry, root, program)),
        Kind::Slurm => Box::new(Slurm::new(entry, root, program)?),
    })
}

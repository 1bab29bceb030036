//! `history.jsonl`: what became of a job in the queue, line by line, each with the evidence for it.
//!
//! The queue writes a line durably before it acts on it. A line says nothing against the directory: a manifest is a
//! result whatever the last line says.
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::durable::Durable;
use crate::error::ProjectError;
use crate::layout::HISTORY_FILE;
use crate::lines;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueuePhase {
    /// Somebody asked for it to be run.
    Asked,
    /// Somebody asked for it to stop.
    CancelAsked,
    /// Results it needs are not there yet.
    Waiting,
    /// It cannot run.
    Blocked,
    /// It can run as soon as there is room.
    Ready,
    /// An attempt is written down and handed to an executor.
    Submitting,
    /// The executor has it.
    Submitted,
    /// It runs.
    Running,
    /// Nobody has said anything about it for a while.
    Unknown,
    /// It is being stopped.
    Cancelling,
    /// It has its result.
    Done,
    /// It cannot be done as asked.
    Failed,
    /// It was stopped because somebody asked.
    Cancelled,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// When it was written.
    pub time: Timestamp,
    /// What it says.
    pub phase: QueuePhase,
    /// Why that is believed.
    pub evidence: String,
    /// The current attempt, 0 before the first.
    #[serde(default)]
    pub attempt: u32,
    /// The executor asked for, and the number of processes, in lines that ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// Processes per unit, in lines that ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<usize>,
}

/// The lines of a job directory, oldest first.
///
/// # Errors
/// A disk that does not answer; torn lines are left out.
pub fn read(durable: &Durable, directory: &Path) -> Result<Vec<HistoryLine>, ProjectError> {
    Ok(lines::read(durable, &directory.join(HISTORY_FILE))?.records)
}

/// Adds a line durably.
///
/// # Errors
/// A disk that fails.
pub fn append(durable: &Durable, directory: &Path, line: &HistoryLine) -> Result<(), ProjectError> {
    let path = directory.join(HISTORY_FILE);
    if durable.inspect(&path)?.is_none() {
        durable.write_new(&path, b"")?;
        durable.sync_directory(directory)?;
    }
    // An earlier line may be torn: an empty line costs nothing.
    let text = format!("\n{}", lines::encode(line));
    durable.append_sync(&path, text.as_bytes())
}

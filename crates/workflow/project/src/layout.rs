//! Where things are: names and paths inside a project directory.
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::ContentKey;
use crate::error::ProjectError;

/// The project's own description.
pub const PROJECT_FILE: &str = "project.toml";
/// Index, owner mark and lock.
pub const PRIVATE: &str = ".thon";
/// In the private directory: what running units keep of their finished steps.
pub const KEPT: &str = "kept";
/// The job directories.
pub const JOBS: &str = "jobs";
/// The request of a job.
pub const JOB_FILE: &str = "job.json";
/// The result of a job, written last.
pub const MANIFEST_FILE: &str = "manifest.json";
/// What remains of a result whose files were cleaned away, in a job directory.
pub const CLEANED_FILE: &str = "cleaned.json";
/// Where cleaned files are until the trash is emptied, in the project directory.
pub const TRASH: &str = "trash";
/// The published unit directories of a job.
pub const UNITS: &str = "units";
/// In an attempt: who runs it since when.
pub const ATTEMPT_FILE: &str = "attempt.json";
/// In an attempt: the units it finished, line by line.
pub const UNITS_FILE: &str = "units.jsonl";
/// In an attempt: what happened, line by line.
pub const EVENTS_FILE: &str = "events.jsonl";
/// In an attempt: text for people.
pub const LOG_FILE: &str = "log.txt";
/// In an attempt: unit directories not published yet.
pub const WORK: &str = "work";
/// In an attempt: durations and other things that differ between equal runs.
pub const TIMES_FILE: &str = "times.json";
/// In an attempt that ended without a result: how and why.
pub const OUTCOME_FILE: &str = "outcome.json";
/// What became of a job, line by line: asked, waiting, submitted, …, each with its evidence.
pub const HISTORY_FILE: &str = "history.jsonl";
/// In a submitted attempt: what is to be run, and how.
pub const TASK_FILE: &str = "task.json";
/// In a submitted attempt: made by whoever begins it, or by the owner so that nobody begins it any more.
pub const CLAIM_FILE: &str = "claim";
/// In a submitted attempt: it publishes nothing any more.
pub const SUPERSEDED_FILE: &str = "superseded";
/// In a submitted attempt: the executor's number.
pub const HANDLE_FILE: &str = "handle.json";
/// In a submitted attempt: a number that grows while it lives.
pub const BEAT_FILE: &str = "beat";
/// In an attempt: somebody asks it to stop.
pub const CANCEL_FILE: &str = "cancel.json";

/// Number of a job, from 1, never used again; shown with five digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobNumber(pub u32);

/// A path relative to the project directory: `/` between names, no `.`, `..`, empty name or backslash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectPath(String);

impl fmt::Display for JobNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:05}", self.0)
    }
}

impl FromStr for JobNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl ProjectPath {
    /// Checks and takes a relative path.
    pub fn new(path: impl Into<String>) -> Result<Self, ProjectError> {
        let path = path.into();
        let why = if path.is_empty() {
            "it is empty"
        } else if path.contains(['\\', '\0', ':']) {
            "it has a backslash, colon or zero byte"
        } else if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
            "it is absolute or has an empty, `.` or `..` part"
        } else {
            return Ok(Self(path));
        };
        Err(ProjectError::BadPath { path, why })
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A path below this one.
    pub fn join(&self, inner: &ProjectPath) -> ProjectPath {
        Self(format!("{}/{}", self.0, inner.0))
    }

    /// The place on disk, given the project directory (or the directory it is relative to).
    pub fn under(&self, root: &Path) -> PathBuf {
        self.0
            .split('/')
            .fold(root.to_path_buf(), |path, name| path.join(name))
    }
}

impl fmt::Display for ProjectPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for ProjectPath {
    type Error = ProjectError;

    fn try_from(path: String) -> Result<Self, ProjectError> {
        Self::new(path)
    }
}

impl From<ProjectPath> for String {
    fn from(path: ProjectPath) -> Self {
        path.0
    }
}

/// A name of `length` characters at most, of letters, digits and `-_.` alone, that starts with a letter or digit.
fn plain(text: &str, length: usize) -> String {
    let replaced = text.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() || "-_.".contains(letter) {
            letter
        } else {
            '_'
        }
    });
    let name: String = replaced
        .skip_while(|letter| !letter.is_ascii_alphanumeric())
        .take(length)
        .collect();
    if name.is_empty() { "item".into() } else { name }
}

/// Directory name of a job: number and the last word of the operation (`tomogram.reconstruct-wbp`).
pub fn job_directory(number: JobNumber, operation: &str) -> String {
    let word = operation.rsplit('.').next().unwrap_or(operation);
    format!("{number}-{}", plain(&word.to_ascii_lowercase(), 40))
}

/// The number in a job directory's name, `None` for anything else.
pub fn job_number(directory: &str) -> Option<JobNumber> {
    let (digits, word) = directory.split_once('-')?;
    let plain =
        digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty();
    digits
        .parse()
        .ok()
        .filter(|number| plain && *number > 0)
        .map(JobNumber)
}

/// Directory name of an attempt, numbered from 1.
pub fn attempt_directory(number: u32) -> String {
    format!("attempt-{number}")
}

/// The number in an attempt directory's name, `None` for anything else.
pub fn attempt_number(directory: &str) -> Option<u32> {
    let digits = directory.strip_prefix("attempt-")?;
    digits
        .parse()
        .ok()
        .filter(|number| *number > 0 && attempt_directory(*number) == directory)
}

/// Directory name of a part of an attempt, numbered from 0.
pub fn part_directory(number: u32) -> String {
    format!("part-{number}")
}

/// The number in the directory name of a part, `None` for anything else.
pub fn part_number(directory: &str) -> Option<u32> {
    let digits = directory.strip_prefix("part-")?;
    digits
        .parse()
        .ok()
        .filter(|number| part_directory(*number) == directory)
}

/// Directory name of a unit: its item for people, the first 16 digits of its key for certainty.
pub fn unit_directory(item: &str, key: &ContentKey) -> String {
    format!("{}-{}", plain(item, 48), key.prefix(16))
}

//! Errors of the project: what failed, on which file, and what to do about it.
use std::io;
use std::path::{Path, PathBuf};

use crate::layout::JobNumber;

/// Everything that can go wrong with a project on disk.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Disk {
        /// The operation as a verb phrase, such as `write` or `rename to`.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The directory holds no `project.toml`.
    #[error("{} is not a thon project: it has no project.toml (hint: `thon new {}`)", path.display(), path.display())]
    NotAProject {
        /// The directory.
        path: PathBuf,
    },
    /// A project is there already.
    #[error("{} is already a thon project", path.display())]
    AlreadyAProject {
        /// The directory.
        path: PathBuf,
    },
    /// The project was written by a newer release.
    #[error("{} has project format {found}, this binary knows up to {known} (hint: use a newer thon)", path.display())]
    NewerFormat {
        /// The project directory.
        path: PathBuf,
        /// Format version found.
        found: u32,
        /// Newest format version known here.
        known: u32,
    },
    /// Another living process owns the project.
    #[error("{} is in use by {owner} (hint: wait for it, stop it, or only read the project)", path.display())]
    Owned {
        /// The project directory.
        path: PathBuf,
        /// Host, pid and start of the owner in words.
        owner: String,
    },
    /// The project was opened to read only.
    #[error("the project was opened to read; this needs its owner")]
    ReadOnly,
    /// A file of the project cannot be understood.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        what: String,
    },
    /// No job has this number.
    #[error("there is no job {0} in this project (hint: `thon ls`)")]
    NoSuchJob(JobNumber),
    /// The job already has its result, which never changes.
    #[error("job {0} is done; a result never changes (hint: make a new job)")]
    AlreadyDone(JobNumber),
    /// The job has no usable result.
    #[error("job {job} has no result: {reason}")]
    NoResult {
        /// The job.
        job: JobNumber,
        /// Its state and the evidence.
        reason: String,
    },
    /// Another attempt took the place of this one.
    #[error("this attempt at job {0} was superseded; nothing more is written")]
    Superseded(JobNumber),
    /// The attempt was begun by somebody else, or is not to be begun any more.
    #[error("attempt {attempt} at job {job} is taken")]
    Taken {
        /// The job.
        job: JobNumber,
        /// The attempt.
        attempt: u32,
    },
    /// Items went in and neither came out nor were rejected with a reason.
    #[error(
        "job {job} would lose items silently: {items_in} in, {items_out} out, {rejected} rejected"
    )]
    ItemsLost {
        /// The job.
        job: JobNumber,
        /// Number of items that went in.
        items_in: u64,
        /// Number of items that came out.
        items_out: u64,
        /// Number of items rejected with a reason.
        rejected: u64,
    },
    /// A unit left something that is neither a file nor a directory, or a name that is not UTF-8.
    #[error("a unit may only leave plain files and directories with UTF-8 names, found {}", path.display())]
    NotPlain {
        /// The offending entry.
        path: PathBuf,
    },
    /// A path that would leave the project, or is otherwise not allowed.
    #[error("`{path}` is not a path inside the project: {why}")]
    BadPath {
        /// The path as given.
        path: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// The SQLite index failed.
    #[error("the index {} failed: {source} (hint: `thon project rebuild`)", path.display())]
    Index {
        /// The database file.
        path: PathBuf,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
}

impl ProjectError {
    /// Wraps an I/O error with the operation and the file.
    pub fn disk(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Disk {
            operation,
            path: path.to_path_buf(),
            source,
        }
    }

    /// A file whose content contradicts its format.
    pub fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            what: what.into(),
        }
    }

    /// Whether the cause is a full disk or quota: the work can go on once there is space again.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Disk { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// The kind of the underlying I/O error, when there is one.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Disk { source, .. } => Some(source.kind()),
            _ => None,
        }
    }
}

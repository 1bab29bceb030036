//! Why a job stopped.

use std::path::PathBuf;

use thiserror::Error;

use crate::Finding;

/// Why a unit of a job did not finish.
#[derive(Debug, Error)]
pub enum JobError {
    /// Somebody asked it to stop; nothing was written that counts.
    #[error("cancelled")]
    Cancelled,
    /// Parameters or inputs were refused.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Finding>),
    /// A file could not be read or written.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong, with a hint where one helps.
        message: String,
    },
    /// The data cannot be processed.
    #[error("{message}{}", if hint.is_empty() { String::new() } else { format!("\nhint: {hint}") })]
    Data {
        /// What is wrong: where, expected against found.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// An output failed its check: empty, constant or not finite.
    #[error("bad output {name}: {message}")]
    BadOutput {
        /// Which output.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

impl JobError {
    /// A data error without a hint.
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data {
            message: message.into(),
            hint: String::new(),
        }
    }

    /// A file error.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "errors are handed over as they come"
    )]
    pub fn file(path: impl Into<PathBuf>, message: impl ToString) -> Self {
        Self::File {
            path: path.into(),
            message: message.to_string(),
        }
    }
}

impl From<thon_compute::Cancelled> for JobError {
    fn from(_: thon_compute::Cancelled) -> Self {
        Self::Cancelled
    }
}

//! What can go wrong: the server that cannot start, and the answer that says no.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use thon_engine::EngineError;
use thon_project::ProjectError;

/// Why the server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The project cannot be opened.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The port is taken or not allowed.
    #[error(
        "cannot listen on 127.0.0.1:{port}: {source}\nhint: `--port` takes another; 0 takes any free one"
    )]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// A directory for the file picker that is not there.
    #[error("cannot open {}: {source}", path.display())]
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The binary holds no page.
    #[error(
        "this thon was built without its page: {0}\nhint: install Node.js 20 with npm and build again"
    )]
    NoPage(&'static str),
    /// Anything else of the system.
    #[error("the server stopped: {0}")]
    System(#[from] std::io::Error),
}

/// An answer that says no.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Refusal {
    /// HTTP status.
    #[serde(skip)]
    pub(crate) status: u16,
    /// What is wrong.
    pub(crate) error: String,
    /// What to do about it; empty when there is nothing to say.
    pub(crate) hint: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, error: impl Into<String>) -> Self {
        let error = error.into();
        let (text, hint) = error.split_once("\nhint: ").unwrap_or((&error, ""));
        Self {
            status,
            error: text.into(),
            hint: hint.into(),
        }
    }

    /// The request makes no sense.
    pub(crate) fn bad(error: impl Into<String>) -> Self {
        Self::new(400, error)
    }

    /// There is no such thing.
    pub(crate) fn absent(error: impl Into<String>) -> Self {
        Self::new(404, error)
    }

    /// What is asked does not fit the state of things.
    pub(crate) fn conflict(error: impl Into<String>) -> Self {
        Self::new(409, error)
    }

    /// The server's own fault, or the disk's.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::new(500, error.to_string())
    }
}

impl From<ProjectError> for Refusal {
    fn from(error: ProjectError) -> Self {
        let status = match &error {
            ProjectError::NoSuchJob(_) => 404,
            ProjectError::NoResult { .. }
            | ProjectError::AlreadyDone(_)
            | ProjectError::Owned { .. } => 409,
            _ => 500,
        };
        Self::new(status, error.to_string())
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        let status = match &error {
            EngineError::UnknownJob { .. } => 404,
            EngineError::Refused(_) | EngineError::Input { .. } | EngineError::Curation { .. } => {
                422
            }
            EngineError::Project(_) => 409,
            _ => 500,
        };
        Self::new(status, error.to_string())
    }
}

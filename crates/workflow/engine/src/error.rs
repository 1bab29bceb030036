//! Why a job or pipeline could not be run.

use std::path::PathBuf;

use thiserror::Error;
use thon_contract::{Finding, JobError};
use thon_project::{JobNumber, ProjectError};

/// Why a job or pipeline could not be run.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No such job in the catalogue.
    #[error("there is no job \"{id}\"{}", nearest.as_ref().map(|n| format!("\nhint: did you mean `{n}`?")).unwrap_or_default())]
    UnknownJob {
        /// As asked.
        id: String,
        /// The known id closest to it.
        nearest: Option<String>,
    },
    /// Parameters or inputs were refused before anything started.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<Finding>),
    /// An input slot cannot be filled.
    #[error("input {slot} of {job}: {message}")]
    Input {
        /// The job's id.
        job: String,
        /// The slot.
        slot: String,
        /// What is wrong, with a hint.
        message: String,
    },
    /// A pipeline file makes no sense.
    #[error("{}: {message}", path.display())]
    Pipeline {
        /// The file.
        path: PathBuf,
        /// What is wrong, with a hint.
        message: String,
    },
    /// A unit failed.
    #[error("{item}: {source}")]
    Unit {
        /// The item.
        item: String,
        /// Why.
        source: JobError,
    },
    /// Units of a job failed; the others are done and kept.
    #[error("job {job}: {} of {of} items failed\n{}", failures.len(), failures.iter().map(|(item, why)| format!("  {item}: {why}")).collect::<Vec<_>>().join("\n"))]
    Failed {
        /// The job.
        job: JobNumber,
        /// Number of items.
        of: usize,
        /// What failed and why.
        failures: Vec<(String, String)>,
    },
    /// Somebody asked it to stop.
    #[error("cancelled")]
    Cancelled,
    /// The manifest of a plug-in makes no sense.
    #[error("{}: {message}", path.display())]
    Plugin {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, with a hint.
        message: String,
    },
    /// The executors cannot be used as they are described.
    #[error("{}: {message}", path.display())]
    Executors {
        /// The file that describes them.
        path: PathBuf,
        /// What is wrong, with a hint.
        message: String,
    },
    /// A set cannot be watched as asked.
    #[error("set {name}: {message}")]
    Set {
        /// Its name.
        name: String,
        /// What is wrong, with a hint.
        message: String,
    },
    /// A curation cannot be begun, found or changed as asked.
    #[error("curation {number}: {message}")]
    Curation {
        /// Its number; 0 while it has none.
        number: u32,
        /// What is wrong, with a hint.
        message: String,
    },
    /// Somebody else has edited it meanwhile.
    #[error("curation {number} has {edits} edits by now")]
    CurationMoved {
        /// Its number.
        number: u32,
        /// How many edits there are.
        edits: usize,
    },
    /// The project could not be read or written.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A file of a stand-alone run.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl EngineError {
    /// Whether the cause is a full disk: the work can go on once there is space again.
    pub fn is_disk_full(&self) -> bool {
        // Jobs tell what the system said in its own words.
        let told = |text: &str| {
            ["No space left on device", "Disk quota exceeded"]
                .iter()
                .any(|words| text.contains(words))
        };
        match self {
            Self::Project(error) => error.is_disk_full(),
            Self::Unit {
                source: JobError::File { message, .. },
                ..
            } => told(message),
            _ => false,
        }
    }
}

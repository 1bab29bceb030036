//! The trait that a job file implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Context, Finding, JobError};

/// A job: one method, declared once.
///
/// The doc comment of `Params` is the manual: its first line is the summary on every surface.
pub trait Job: Send + Sync + 'static {
    /// `room.verb-noun`, kebab-case, unique: `tomogram.reconstruct-wbp`.
    const ID: &'static str;
    /// Raised whenever the same parameters and inputs give other numbers.
    const VERSION: u32 = 1;
    /// Whether the work of a unit can be shared out among processes ([`Context::team`]).
    const SHARES: bool = false;
    /// Parameters; their `Default` is the only place where defaults are written.
    type Params: Serialize + DeserializeOwned + JsonSchema + Default;
    /// A struct of [`crate::Artifact`], [`crate::Each`] and `Option`s of them; or [`None`].
    type Inputs: DeserializeOwned + JsonSchema;
    /// A struct of [`crate::Output`].
    type Outputs: Serialize + JsonSchema;

    /// Looks at parameters and the headers of the inputs; an error refuses the job before it starts.
    fn check(params: &Self::Params, inputs: &Self::Inputs, context: &Context) -> Vec<Finding>;

    /// Predicts what the unit will need.
    fn cost(params: &Self::Params, inputs: &Self::Inputs, context: &Context) -> Cost;

    /// Runs one unit.
    fn run(
        params: &Self::Params,
        inputs: &Self::Inputs,
        context: &Context,
    ) -> Result<Self::Outputs, JobError>;

    /// The sentence for the paper, and whom to cite.
    fn methods(params: &Self::Params) -> Methods;

    /// Files outside the project that the parameters name; their contents are part of the cache key.
    fn external_files(
        _params: &Self::Params,
        _context: &Context,
    ) -> Result<Vec<std::path::PathBuf>, JobError> {
        Ok(Vec::new())
    }
}

/// Inputs of a job that takes none.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct None {}

/// Resident memory of a process of thon that has opened a project and does nothing yet: mostly its own code. Part of every
/// [`Cost::memory`].
pub const PROCESS_MEMORY: u64 = 27 << 20;

/// Predicted needs of one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Peak resident memory of the process that runs the unit, bytes; [`PROCESS_MEMORY`] is part of it.
    pub memory: u64,
    /// Bytes written.
    pub disk: u64,
    /// Seconds of one core.
    pub cpu_seconds: f64,
}

/// How to write the job up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Methods {
    /// The sentence for the paper.
    pub text: String,
    /// Whom to cite.
    pub citations: Vec<Citation>,
}

/// A publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// First author and year: `Bharat & Scheres 2016`.
    pub key: String,
    /// Digital object identifier; empty when there is none.
    pub doi: String,
}

impl Citation {
    /// A citation by key and DOI.
    pub fn new(key: &str, doi: &str) -> Self {
        Self {
            key: key.into(),
            doi: doi.into(),
        }
    }
}

//! `job.json`: what was asked, immutable, durable before the job is acknowledged.
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::durable::Durable;
use crate::error::ProjectError;
use crate::layout::{JOB_FILE, JobNumber};

/// Version of the format of `job.json`.
pub const FORMAT: u32 = 1;

/// The step of a pipeline a job was made for, so that running the pipeline again finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Name of the step within it.
    pub step: String,
}

/// What is asked of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// Id of the operation, such as `tomogram.reconstruct-wbp`.
    pub operation: String,
    /// Version of the operation, raised when its numbers change.
    pub version: u32,
    /// Words for people; they affect nothing.
    pub title: String,
    /// Parameters with all defaults filled in.
    pub parameters: Value,
    /// Inputs by slot, in the engine's words.
    pub inputs: Value,
    /// The jobs whose results are used, ascending.
    pub upstream: Vec<JobNumber>,
    /// Seed of all randomness.
    pub seed: Option<u64>,
    /// The pipeline step it was made for.
    pub origin: Option<Origin>,
}

/// The content of `job.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRecord {
    /// Version of this format.
    pub format: u32,
    /// Number of the job.
    pub job: JobNumber,
    /// When it was made.
    pub created: Timestamp,
    /// What was asked.
    pub request: JobRequest,
}

impl JobRequest {
    /// Digest of everything that affects the result: operation, version, parameters, inputs, seed.
    pub fn digest(&self) -> Digest {
        Digest::of_value(&json!({
            "operation": self.operation, "version": self.version, "parameters": self.parameters,
            "inputs": self.inputs, "seed": self.seed,
        }))
    }
}

impl JobRecord {
    /// Reads `job.json` of a job directory.
    pub fn read(durable: &Durable, directory: &Path) -> Result<Self, ProjectError> {
        let path = directory.join(JOB_FILE);
        let record: Self = read_json(durable, &path)?;
        check_format(&path, record.format, FORMAT)?;
        Ok(record)
    }
}

/// Reads a JSON file of the project.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(
    durable: &Durable,
    path: &Path,
) -> Result<T, ProjectError> {
    serde_json::from_slice(&durable.read(path)?)
        .map_err(|error| ProjectError::damaged(path, error.to_string()))
}

/// Reads a JSON file of the project, `None` when it is absent.
pub(crate) fn read_json_if_present<T: serde::de::DeserializeOwned>(
    durable: &Durable,
    path: &Path,
) -> Result<Option<T>, ProjectError> {
    let Some(bytes) = durable.read_if_present(path)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| ProjectError::damaged(path, error.to_string()))
}

/// Refuses a format newer than this binary knows.
pub(crate) fn check_format(path: &Path, found: u32, known: u32) -> Result<(), ProjectError> {
    if found == 0 || found > known {
        return Err(ProjectError::NewerFormat {
            path: path.to_path_buf(),
            found,
            known,
        });
    }
    Ok(())
}

/// The text of a JSON file of the project: indented, with a final newline.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("records are structs with text keys");
    bytes.push(b'\n');
    bytes
}

//! `manifest.json`: the result of a job, written last, with nothing in it that differs between equal runs.
//!
//! It names every file by project-relative path, size and BLAKE3, and accounts for every item:
//! `items_in = items_out + rejected`. Times, hosts and attempt numbers are elsewhere (`attempt-N/`).
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical;
use crate::digest::{ContentKey, Digest};
use crate::durable::Durable;
use crate::error::ProjectError;
use crate::job::{JobRecord, check_format, read_json_if_present};
use crate::layout::{JobNumber, MANIFEST_FILE, ProjectPath};
use crate::unit::{FileRecord, UnitRecord};

/// Version of the format of `manifest.json`.
pub const FORMAT: u32 = 1;

/// An item that went in and did not come out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// The item.
    pub item: String,
    /// Why it did not come out.
    pub reason: String,
}

/// What the engine says when a job is done.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestDraft {
    /// Outputs by slot, in the engine's words; must not depend on time, host or attempt.
    pub outputs: Value,
    /// The units that make the result, in the order of the work, each with the item it serves here.
    pub units: Vec<(String, UnitRecord)>,
    /// Number of items that went in.
    pub items_in: u64,
    /// Number of items that came out.
    pub items_out: u64,
    /// The items that did not, each with its reason.
    pub rejected: Vec<Rejection>,
    /// Durations, memory and the like for `times.json`.
    pub performance: Value,
}

/// One unit of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestUnit {
    /// The item it serves in this job.
    pub item: String,
    /// Content key.
    pub key: ContentKey,
    /// Its directory relative to the project; another job's when the unit came from the cache.
    pub directory: ProjectPath,
    /// Its files, sorted by path.
    pub files: Vec<FileRecord>,
    /// What it found.
    pub result: Value,
    /// Numbers about the result.
    pub metrics: Value,
}

/// The content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// Number of the job.
    pub job: JobNumber,
    /// Id of the operation.
    pub operation: String,
    /// Version of the operation.
    pub version: u32,
    /// Digest of the request.
    pub request: Digest,
    /// Outputs by slot.
    pub outputs: Value,
    /// Number of items that went in.
    pub items_in: u64,
    /// Number of items that came out.
    pub items_out: u64,
    /// The items that did not, each with its reason.
    pub rejected: Vec<Rejection>,
    /// The units of the result in the order of the work.
    pub units: Vec<ManifestUnit>,
}

impl Manifest {
    /// Makes the manifest of a job from what the engine says.
    ///
    /// # Errors
    /// [`ProjectError::ItemsLost`] when the items do not add up.
    pub fn new(job: &JobRecord, draft: ManifestDraft) -> Result<Self, ProjectError> {
        let rejected = draft.rejected.len() as u64;
        if draft.items_out.checked_add(rejected) != Some(draft.items_in) {
            let (items_in, items_out) = (draft.items_in, draft.items_out);
            return Err(ProjectError::ItemsLost {
                job: job.job,
                items_in,
                items_out,
                rejected,
            });
        }
        let mut outputs = draft.outputs;
        canonical::sort_keys(&mut outputs);
        let units = draft.units.into_iter().map(|(item, unit)| ManifestUnit {
            item,
            key: unit.key,
            directory: unit.directory,
            files: unit.files,
            result: unit.result,
            metrics: unit.metrics,
        });
        Ok(Self {
            format: FORMAT,
            job: job.job,
            operation: job.request.operation.clone(),
            version: job.request.version,
            request: job.request.digest(),
            outputs,
            items_in: draft.items_in,
            items_out: draft.items_out,
            rejected: draft.rejected,
            units: units.collect(),
        })
    }

    /// Reads the manifest of a job directory, `None` when there is none.
    pub fn read(durable: &Durable, directory: &Path) -> Result<Option<Self>, ProjectError> {
        let path = directory.join(MANIFEST_FILE);
        let manifest: Option<Self> = read_json_if_present(durable, &path)?;
        if let Some(manifest) = &manifest {
            check_format(&path, manifest.format, FORMAT)?;
        }
        Ok(manifest)
    }

    /// Every file of the result: path relative to the project, size, digest.
    pub fn files(&self) -> impl Iterator<Item = (ProjectPath, u64, Digest)> + '_ {
        self.units.iter().flat_map(|unit| {
            unit.files
                .iter()
                .map(|file| (unit.directory.join(&file.path), file.size, file.digest))
        })
    }

    /// The first file that is absent or has another size, in words; `None` when the result is whole.
    pub fn missing(&self, durable: &Durable, root: &Path) -> Result<Option<String>, ProjectError> {
        for (path, size, _) in self.files() {
            match durable.file_length(&path.under(root))? {
                Some(found) if found == size => {}
                Some(found) => {
                    return Ok(Some(format!(
                        "{path} has {found} bytes, the manifest says {size}"
                    )));
                }
                None => return Ok(Some(format!("{path} of the manifest is not there"))),
            }
        }
        Ok(None)
    }
}

//! Where inputs come from: outputs of jobs, or plain files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thon_contract::{AnyJob, InputSlot, SlotRecord, UnitInputs};
use thon_project::{JobNumber, Project};

use crate::plain_files::plain_files;
use crate::{Catalogue, EngineError};

/// What fills an input slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An output slot of a job of the same project.
    Job {
        /// The job.
        job: JobNumber,
        /// Its output slot.
        slot: String,
    },
    /// Plain files; relative paths start at the project.
    Files(Vec<PathBuf>),
}

/// Where a job looks for its inputs.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In a project: outputs of its jobs, and files by paths relative to it.
    Project(&'a Project),
    /// Without a project: files by paths relative to this directory.
    Directory(&'a Path),
}

impl Place<'_> {
    /// Where relative paths start.
    pub(crate) fn root(&self) -> &Path {
        match self {
            Self::Project(project) => project.root(),
            Self::Directory(directory) => directory,
        }
    }
}

/// Finds the items behind the sources of a job.
pub(crate) fn resolve(
    catalogue: &Catalogue,
    job: &dyn AnyJob,
    sources: &std::collections::BTreeMap<String, Source>,
    place: Place,
) -> Result<UnitInputs, EngineError> {
    let slots = job.inputs();
    let known = |name: &String| slots.iter().any(|slot| slot.name == *name);
    if let Some(name) = sources.keys().find(|name| !known(name)) {
        let names: Vec<&str> = slots.iter().map(|s| s.name.as_str()).collect();
        let near = thon_contract::schema::nearest(name, names.iter().copied());
        let hint = near.map_or(format!("inputs: {}", names.join(", ")), |n| {
            format!("did you mean `{n}`?")
        });
        return Err(refused(
            job,
            name,
            format!("there is no such input\nhint: {hint}"),
        ));
    }
    let mut resolved = UnitInputs::new();
    for slot in &slots {
        match sources.get(&slot.name) {
            Some(source) => {
                resolved.insert(
                    slot.name.clone(),
                    records(catalogue, job, slot, source, place)?,
                );
            }
            None if slot.required => {
                let hint = format!(
                    "give `--input {}=JOB.SLOT` or a file of kind {}",
                    slot.name, slot.kind
                );
                return Err(refused(
                    job,
                    &slot.name,
                    format!("it is required and empty\nhint: {hint}"),
                ));
            }
            None => {}
        }
    }
    Ok(resolved)
}

fn refused(job: &dyn AnyJob, slot: &str, message: String) -> EngineError {
    EngineError::Input {
        job: job.id().into(),
        slot: slot.into(),
        message,
    }
}

fn records(
    catalogue: &Catalogue,
    job: &dyn AnyJob,
    slot: &InputSlot,
    source: &Source,
    place: Place,
) -> Result<SlotRecord, EngineError> {
    let found = match (source, place) {
        (Source::Files(paths), _) => plain_files(catalogue, &slot.kind, paths, place)
            .map_err(|message| refused(job, &slot.name, message))?,
        (
            Source::Job {
                job: number,
                slot: output,
            },
            Place::Project(project),
        ) => job_output(project, *number, output).map_err(|e| refused(job, &slot.name, e))?,
        (Source::Job { .. }, Place::Directory(_)) => {
            return Err(refused(
                job,
                &slot.name,
                "outputs of jobs need a project".into(),
            ));
        }
    };
    if found.kind != slot.kind {
        let message = format!(
            "expected an artifact of kind {}, found {}",
            slot.kind, found.kind
        );
        return Err(refused(job, &slot.name, message));
    }
    Ok(found)
}

fn job_output(project: &Project, number: JobNumber, slot: &str) -> Result<SlotRecord, String> {
    // What was cleaned away says what it was; it is made again before anything is read.
    let manifest = project.recorded_result(number).map_err(|e| e.to_string())?;
    let outputs: UnitInputs = serde_json::from_value(manifest.outputs.clone())
        .map_err(|e| format!("job {number}: {e}"))?;
    outputs.get(slot).cloned().ok_or_else(|| {
        let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
        format!(
            "job {number} has no output {slot}\nhint: its outputs are {}",
            names.join(", ")
        )
    })
}

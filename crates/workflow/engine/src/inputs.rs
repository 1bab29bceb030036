//! Where inputs come from: outputs of jobs, or plain files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thon_contract::{AnyJob, InputSlot, ItemRecord, SlotRecord, UnitInputs};
use thon_project::{Digest, Durable, JobNumber, Project};

use crate::EngineError;

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

/// Finds the items behind the sources of a job.
pub(crate) fn resolve(
    job: &dyn AnyJob,
    sources: &std::collections::BTreeMap<String, Source>,
    project: Option<&Project>,
    root: &Path,
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
                    records(job, slot, source, project, root)?,
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
    job: &dyn AnyJob,
    slot: &InputSlot,
    source: &Source,
    project: Option<&Project>,
    root: &Path,
) -> Result<SlotRecord, EngineError> {
    let found = match (source, project) {
        (Source::Files(paths), _) => plain_files(&slot.kind, paths, root)
            .map_err(|message| refused(job, &slot.name, message))?,
        (
            Source::Job {
                job: number,
                slot: output,
            },
            Some(project),
        ) => job_output(project, *number, output).map_err(|e| refused(job, &slot.name, e))?,
        (Source::Job { .. }, None) => {
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
    let manifest = project.result(number).map_err(|e| e.to_string())?;
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

/// Plain files become items named after the file, without its extensions.
fn plain_files(kind: &str, paths: &[PathBuf], root: &Path) -> Result<SlotRecord, String> {
    let mut items = Vec::new();
    for path in paths {
        let full = root.join(path);
        let (_, digest) = Digest::of_file(&Durable::default(), &full)
            .map_err(|e| format!("{}: {e}", path.display()))?;
        let file_name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = file_name.split('.').next().unwrap_or_default().to_owned();
        items.push(ItemRecord {
            name,
            files: vec![path.clone()],
            digest: digest.to_string(),
        });
    }
    items.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = items.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(format!(
            "two files make an item named {}\nhint: rename one of them",
            pair[0].name
        ));
    }
    Ok(SlotRecord {
        kind: kind.into(),
        items,
    })
}

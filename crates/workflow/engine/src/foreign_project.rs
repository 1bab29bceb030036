//! Projects of other programs: taken over as a graph of jobs here, and ours handed over as a project of theirs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use thon_contract::{Context, ForeignProject, JobError, OwnJob, UnitOutputs};
use thon_project::{JobNumber, JobState};

use crate::extract::changed;
use crate::graph::ancestors;
use crate::workspace::UnitWorkspace;
use crate::{Engine, EngineError, JobSpec, Source};

/// What became of a job of another program.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// What that program calls it.
    pub name: String,
    /// The job that stands for it.
    pub job: JobNumber,
    /// Its state here.
    pub state: JobState,
    /// Why.
    pub evidence: String,
}

/// Records a job for each job of another program's project; those that are here already stay.
///
/// # Errors
/// A project that cannot be read.
pub fn adopt_project(
    engine: &Engine<'_>,
    kind: &ForeignProject,
    directory: &Path,
) -> Result<Vec<Adopted>, EngineError> {
    let workspace = UnitWorkspace::looking(engine.project.root(), &engine.catalogue);
    let progress = thon_compute::Quiet;
    let context = Context::new(&workspace, &progress, engine.settings.memory);
    let failed = |source: JobError| EngineError::Unit {
        item: directory.display().to_string(),
        source,
    };
    let jobs = (kind.read)(directory, &context).map_err(failed)?;
    let pipeline = format!("{}:{}", kind.name, directory.display());
    let mut numbers: Vec<JobNumber> = Vec::new();
    let mut adopted = Vec::new();
    for job in jobs {
        let input = |(slot, index, output): (String, usize, String)| {
            let job = numbers[index];
            (slot, Source::Job { job, slot: output })
        };
        let spec = JobSpec {
            operation: job.operation.into(),
            title: job.title,
            parameters: job.parameters,
            inputs: job.inputs.into_iter().map(input).collect(),
            origin: Some((pipeline.clone(), job.name.clone())),
        };
        let request = spec.request(&engine.catalogue)?;
        let mut known = None;
        let same_step = engine.project.index().jobs_of_step(&pipeline, &job.name)?;
        for before in same_step {
            if engine.project.facts(before)?.record.request == request {
                known = Some(before);
            }
        }
        let number = match known {
            Some(number) => number,
            None => engine.draft(&spec)?,
        };
        let state = engine.project.status(number)?.state;
        if job.ended && !matches!(state, JobState::Done) {
            match engine.run(number) {
                // Its end there is its end here; the reason is in its record.
                Ok(_)
                | Err(
                    EngineError::Refused(_)
                    | EngineError::Failed { .. }
                    | EngineError::Input { .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
        let status = engine.project.status(number)?;
        numbers.push(number);
        adopted.push(Adopted {
            name: job.name,
            job: number,
            state: status.state,
            evidence: status.evidence,
        });
    }
    Ok(adopted)
}

/// Writes jobs and all that they came from as another program's project into a directory that is new or empty; answers
/// how many, and what it cannot hold.
///
/// # Errors
/// A directory that holds something, or files that cannot be written.
pub fn export_project(
    engine: &Engine<'_>,
    kind: &ForeignProject,
    jobs: &[JobNumber],
    to: &Path,
) -> Result<(usize, Vec<String>), EngineError> {
    let file = |source| EngineError::File {
        path: to.into(),
        source,
    };
    std::fs::create_dir_all(to).map_err(file)?;
    if std::fs::read_dir(to).map_err(file)?.next().is_some() {
        return Err(file(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut own = Vec::new();
    for number in ancestors(engine.project, jobs)? {
        let facts = engine.project.facts(number)?;
        let Some(manifest) = facts.manifest else {
            continue;
        };
        let request = facts.record.request;
        let job = engine.catalogue.find(&request.operation)?;
        let sources: BTreeMap<String, Source> =
            serde_json::from_value(request.inputs).unwrap_or_default();
        let input = |(slot, source): (String, Source)| match source {
            Source::Job { job, slot: output } => Some((slot, job.0, output)),
            Source::Files(_) => None,
        };
        let outputs: UnitOutputs = serde_json::from_value::<Value>(manifest.outputs)
            .and_then(serde_json::from_value)
            .unwrap_or_default();
        own.push(OwnJob {
            number: number.0,
            operation: request.operation,
            title: request.title,
            parameters: changed(&request.parameters, &job.default_params()),
            inputs: sources.into_iter().filter_map(input).collect(),
            outputs,
        });
    }
    let workspace = UnitWorkspace::looking(engine.project.root(), &engine.catalogue);
    let progress = thon_compute::Quiet;
    let context = Context::new(&workspace, &progress, engine.settings.memory);
    let losses = (kind.write)(&own, to, &context).map_err(|source| EngineError::Unit {
        item: to.display().to_string(),
        source,
    })?;
    Ok((own.len(), losses))
}

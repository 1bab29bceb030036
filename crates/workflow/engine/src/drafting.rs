//! Records the jobs of a pipeline without running them: for the queue, and for what comes in while a microscope runs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use thon_project::JobNumber;

use crate::pipeline::{Pipeline, Step, spec, variables};
use crate::{Engine, EngineError};

/// Which steps are recorded, and which recorded jobs are used again.
pub(crate) struct Draft<'a> {
    /// Whether a step is recorded.
    pub(crate) takes: &'a dyn Fn(&Step) -> bool,
    /// Jobs of a step with numbers above this are used again when their request is the same.
    pub(crate) after: &'a dyn Fn(&Step) -> JobNumber,
    /// Title of the new jobs of a step; empty for that of the job.
    pub(crate) title: &'a dyn Fn(&Step) -> String,
}

/// The jobs of the recorded steps.
pub(crate) struct Drafted {
    /// Step and job, in order.
    pub(crate) jobs: Vec<(String, JobNumber)>,
    /// Those that have no result yet.
    pub(crate) open: Vec<JobNumber>,
}

/// Records the jobs of a pipeline without running them, and answers those that are to be run: steps that were recorded
/// before with the same request are used again.
///
/// # Errors
/// A pipeline that makes no sense; what was recorded until then stays.
pub fn draft_pipeline(
    engine: &Engine<'_>,
    pipeline: &Pipeline,
    path: &Path,
    given: &BTreeMap<String, Value>,
) -> Result<Vec<JobNumber>, EngineError> {
    let draft = Draft {
        takes: &|_| true,
        after: &|_| JobNumber(0),
        title: &|_| String::new(),
    };
    Ok(draft_steps(engine, pipeline, path, given, &draft)?.open)
}

/// The same for some of the steps.
pub(crate) fn draft_steps(
    engine: &Engine<'_>,
    pipeline: &Pipeline,
    path: &Path,
    given: &BTreeMap<String, Value>,
    draft: &Draft<'_>,
) -> Result<Drafted, EngineError> {
    let wrong = |message: String| EngineError::Pipeline {
        path: path.into(),
        message,
    };
    let variables = variables(pipeline, given).map_err(wrong)?;
    let mut drafted = Drafted {
        jobs: Vec::new(),
        open: Vec::new(),
    };
    for step in pipeline.steps.iter().filter(|step| (draft.takes)(step)) {
        let jobs: Vec<(&str, JobNumber)> = drafted
            .jobs
            .iter()
            .map(|(name, job)| (name.as_str(), *job))
            .collect();
        let mut spec = spec(pipeline, step, &variables, &jobs).map_err(wrong)?;
        spec.title = (draft.title)(step);
        let request = spec.request(&engine.catalogue)?;
        let known = engine
            .project
            .index()
            .jobs_of_step(&pipeline.name, &step.name)?;
        let mut same = None;
        for job in known {
            if job <= (draft.after)(step) {
                continue;
            }
            let facts = engine.project.facts(job)?;
            if facts.record.request == request {
                same = Some((job, facts.manifest.is_some()));
            }
        }
        let (job, done) = match same {
            Some(found) => found,
            None => (engine.draft(&spec)?, false),
        };
        drafted.jobs.push((step.name.clone(), job));
        if !done {
            drafted.open.push(job);
        }
    }
    Ok(drafted)
}

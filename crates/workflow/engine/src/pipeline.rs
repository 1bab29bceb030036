//! Pipelines: jobs and how they feed each other, in a TOML file.
//!
//! ```toml
//! name = "first-light"
//!
//! [variables]
//! data = "../data"
//!
//! [[step]]
//! name = "import"
//! job = "import.mdoc"
//! parameters = { mdoc = "${data}/*.mdoc" }
//!
//! [[step]]
//! name = "reconstruct"
//! job = "tomogram.reconstruct-wbp"
//! inputs = { tilt_series = "import.tilt_series" }
//! ```
//!
//! An input is `step.slot` of an earlier step, or a file, or a list of files. Running a pipeline
//! again finds the jobs of its steps: a finished one with the same request is used, an unfinished
//! one is taken up, anything else becomes a new job (whose unchanged units come from the cache).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thon_project::{JobNumber, JobState, Manifest};

use crate::variables::substitute;
use crate::{Engine, EngineError, Event, JobSpec, Source};

/// A pipeline file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Name; jobs remember it.
    pub name: String,
    /// Values for `${…}`.
    #[serde(default)]
    pub variables: BTreeMap<String, Value>,
    /// The steps, in order.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
    /// What is looked at while an acquisition is processed, one column each.
    #[serde(default, rename = "quality", skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<QualityColumn>,
}

/// A column of the table of quality of a running acquisition: a number that a step says of each item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityColumn {
    /// Heading with its unit.
    pub name: String,
    /// The step that tells it.
    pub step: String,
    /// The name of the number; of one that names its item in front (`TS_01: hand margin`), what follows.
    pub metric: String,
    /// Less than this is an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// More than this is an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Name, unique in the pipeline.
    pub name: String,
    /// Id of the job.
    pub job: String,
    /// Given parameters.
    #[serde(default)]
    pub parameters: Value,
    /// What fills the input slots: `step.slot`, a file, or a list of files.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub struct StepOutcome {
    /// Name of the step.
    pub step: String,
    /// Its job.
    pub job: JobNumber,
    /// The result.
    pub manifest: Manifest,
    /// True when nothing had to be run.
    pub already_done: bool,
}

impl Pipeline {
    /// Reads a pipeline file.
    ///
    /// # Errors
    /// Unreadable file, TOML that makes no sense (with line and column), steps of the same name.
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let text = std::fs::read_to_string(path).map_err(|source| EngineError::File {
            path: path.into(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Parses the text of a pipeline file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, EngineError> {
        let wrong = |message: String| EngineError::Pipeline {
            path: path.into(),
            message,
        };
        let pipeline: Self = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        for (i, step) in pipeline.steps.iter().enumerate() {
            if pipeline.steps[..i]
                .iter()
                .any(|earlier| earlier.name == step.name)
            {
                return Err(wrong(format!("two steps are named {}", step.name)));
            }
        }
        let known = |name: &str| pipeline.steps.iter().any(|step| step.name == name);
        if let Some(column) = pipeline.quality.iter().find(|column| !known(&column.step)) {
            let (name, step) = (&column.name, &column.step);
            return Err(wrong(format!(
                "quality \"{name}\": there is no step {step}"
            )));
        }
        Ok(pipeline)
    }
}

/// Runs a pipeline in the engine's project; `given` overrides its variables.
///
/// # Errors
/// The first step that cannot be run; the steps before it stay done.
pub fn run_pipeline(
    engine: &Engine<'_>,
    pipeline: &Pipeline,
    path: &Path,
    given: &BTreeMap<String, Value>,
) -> Result<Vec<StepOutcome>, EngineError> {
    let wrong = |message: String| EngineError::Pipeline {
        path: path.into(),
        message,
    };
    let variables = variables(pipeline, given).map_err(wrong)?;
    let mut outcomes: Vec<StepOutcome> = Vec::new();
    for (index, step) in pipeline.steps.iter().enumerate() {
        let event = Event::Step {
            name: &step.name,
            number: index + 1,
            of: pipeline.steps.len(),
        };
        engine.observer.tell(event);
        let jobs: Vec<(&str, JobNumber)> =
            outcomes.iter().map(|o| (o.step.as_str(), o.job)).collect();
        let spec = spec(pipeline, step, &variables, &jobs).map_err(wrong)?;
        outcomes.push(run_step(engine, &pipeline.name, &step.name, &spec)?);
    }
    Ok(outcomes)
}

/// The variables of a pipeline with those that are given.
pub(crate) fn variables(
    pipeline: &Pipeline,
    given: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, String> {
    let mut variables = pipeline.variables.clone();
    if let Some(unknown) = given.keys().find(|name| !variables.contains_key(*name)) {
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        return Err(format!(
            "there is no variable {unknown}\nhint: variables: {}",
            names.join(", ")
        ));
    }
    variables.extend(given.clone());
    Ok(variables)
}

/// A step as a job to be asked for.
pub(crate) fn spec(
    pipeline: &Pipeline,
    step: &Step,
    variables: &BTreeMap<String, Value>,
    jobs: &[(&str, JobNumber)],
) -> Result<JobSpec, String> {
    let unset = |name: String| format!("step {}: the variable {name} is not set", step.name);
    let mut inputs = BTreeMap::new();
    for (slot, value) in &step.inputs {
        let value = substitute(value, variables).map_err(unset)?;
        let source =
            source(&value, jobs).map_err(|e| format!("step {}, input {slot}: {e}", step.name))?;
        inputs.insert(slot.clone(), source);
    }
    Ok(JobSpec {
        operation: step.job.clone(),
        title: String::new(),
        parameters: substitute(&step.parameters, variables).map_err(unset)?,
        inputs,
        origin: Some((pipeline.name.clone(), step.name.clone())),
    })
}

fn source(value: &Value, jobs: &[(&str, JobNumber)]) -> Result<Source, String> {
    let step_slot = |text: &str| {
        let (step, slot) = text.split_once('.')?;
        let (_, job) = jobs.iter().find(|(name, _)| *name == step)?;
        Some(Source::Job {
            job: *job,
            slot: slot.into(),
        })
    };
    match value {
        Value::String(text) => {
            Ok(step_slot(text).unwrap_or_else(|| Source::Files(vec![PathBuf::from(text)])))
        }
        Value::Array(list) => {
            let path = |v: &Value| {
                v.as_str()
                    .map(PathBuf::from)
                    .ok_or(format!("expected a file, found {v}"))
            };
            list.iter()
                .map(path)
                .collect::<Result<_, _>>()
                .map(Source::Files)
        }
        other => Err(format!(
            "expected `step.slot`, a file or a list of files, found {other}"
        )),
    }
}

/// Uses, takes up or makes the job of a step.
fn run_step(
    engine: &Engine<'_>,
    pipeline: &str,
    step: &str,
    spec: &JobSpec,
) -> Result<StepOutcome, EngineError> {
    let request = spec.request(&engine.catalogue)?;
    let known = engine.project.index().jobs_of_step(pipeline, step)?;
    for job in known.into_iter().rev() {
        let facts = engine.project.facts(job)?;
        if facts.record.request != request {
            continue;
        }
        match engine.project.status(job)?.state {
            JobState::Done => {
                let manifest = engine.project.result(job)?;
                return Ok(StepOutcome {
                    step: step.into(),
                    job,
                    manifest,
                    already_done: true,
                });
            }
            JobState::Draft
            | JobState::Interrupted
            | JobState::Failed
            | JobState::Cancelled
            | JobState::Cleaned => {
                let manifest = engine.run(job)?;
                return Ok(StepOutcome {
                    step: step.into(),
                    job,
                    manifest,
                    already_done: false,
                });
            }
            JobState::Waiting
            | JobState::Blocked
            | JobState::Ready
            | JobState::Submitted
            | JobState::Running
            | JobState::Unknown
            | JobState::Damaged => {}
        }
    }
    let job = engine.submit(spec)?;
    let manifest = engine.run(job)?;
    Ok(StepOutcome {
        step: step.into(),
        job,
        manifest,
        already_done: false,
    })
}

//! The jobs of the project in short: the graph.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use thon_contract::SlotRecord;
use thon_engine::{Catalogue, Source};
use thon_project::state::JobFacts;
use thon_project::{JobNumber, JobState};

use crate::access::Role;
use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::progress::{self, Live};
use crate::server::Server;

/// The state of a job with its result, which never changes.
pub(crate) const DONE: &str = "done";
const RUNNING: &str = "running";

/// What an input slot is filled with.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Filled {
    /// The input slot.
    pub(crate) input: String,
    /// The job whose output it is.
    pub(crate) job: u32,
    /// The output slot.
    pub(crate) output: String,
}

/// An output slot with results.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct OutputSummary {
    /// The slot.
    pub(crate) slot: String,
    /// Kind of artifact.
    pub(crate) kind: String,
    /// Number of items.
    pub(crate) items: usize,
}

/// A job in short.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Summary {
    /// Its number.
    pub(crate) job: u32,
    /// Its operation.
    pub(crate) operation: String,
    /// Its title.
    pub(crate) title: String,
    /// Its state.
    pub(crate) state: String,
    /// Why that is believed.
    pub(crate) evidence: String,
    /// When it was asked for.
    pub(crate) created: String,
    /// When its last attempt started.
    pub(crate) started: Option<String>,
    /// Seconds its units took in all, once it is done.
    pub(crate) seconds: Option<f64>,
    /// Items that are done.
    pub(crate) items_done: u64,
    /// Items that failed or were rejected.
    pub(crate) items_failed: u64,
    /// Items there are, where that is known.
    pub(crate) items_total: Option<u64>,
    /// Share of the work that is done, while it runs.
    pub(crate) progress: Option<f64>,
    /// Where its inputs come from.
    pub(crate) inputs: Vec<Filled>,
    /// What it declares to give.
    pub(crate) outputs: Vec<OutputSummary>,
}

/// The graph.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Graph {
    /// The jobs, by number.
    jobs: Vec<Summary>,
    /// Directories that could not be understood, and why.
    problems: Vec<(String, String)>,
}

/// A state as a word.
pub(crate) fn word(state: JobState) -> String {
    let word = serde_json::to_value(state).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

/// State and evidence; `queued` is what was asked for and not yet taken up.
pub(crate) fn state_of(server: &Server, facts: &JobFacts) -> (String, String) {
    let status = facts.status(None);
    let state = word(status.state);
    match server.launcher.word(facts.record.job.0, &state) {
        Some(Ok(())) => ("queued".into(), "it was asked for just now".into()),
        Some(Err(problem)) => (state, problem),
        None => (state, status.evidence),
    }
}

fn outputs_of(catalogue: &Catalogue, facts: &JobFacts) -> Vec<OutputSummary> {
    let made: BTreeMap<String, SlotRecord> = facts
        .manifest
        .as_ref()
        .and_then(|manifest| serde_json::from_value(manifest.outputs.clone()).ok())
        .unwrap_or_default();
    let job = catalogue.find(&facts.record.request.operation);
    let declared = job.map(thon_contract::AnyJob::outputs).unwrap_or_default();
    if declared.is_empty() {
        let all = made.into_iter().map(|(slot, record)| OutputSummary {
            slot,
            items: record.items.len(),
            kind: record.kind,
        });
        return all.collect();
    }
    let declared = declared.into_iter().map(|slot| OutputSummary {
        items: made.get(&slot.name).map_or(0, |record| record.items.len()),
        slot: slot.name,
        kind: slot.kind,
    });
    declared.collect()
}

/// What is said of a job in short.
pub(crate) fn summary(server: &Server, number: JobNumber) -> Result<Summary, Refusal> {
    let facts = server.project.facts(number)?;
    summary_of(server, &facts)
}

pub(crate) fn summary_of(server: &Server, facts: &JobFacts) -> Result<Summary, Refusal> {
    let live = progress::read(&server.project, facts)?;
    let found = state_of(server, facts);
    Ok(made(&server.settings.catalogue, facts, found, &live))
}

/// The summary of a job with its result, which needs nothing but the facts.
pub(crate) fn summary_of_done(catalogue: &Catalogue, facts: &JobFacts) -> Option<Summary> {
    let status = facts.status(None);
    let done = status.state == JobState::Done;
    let found = (DONE.to_owned(), status.evidence);
    done.then(|| made(catalogue, facts, found, &Live::default()))
}

fn made(
    catalogue: &Catalogue,
    facts: &JobFacts,
    (state, evidence): (String, String),
    live: &Live,
) -> Summary {
    let request = &facts.record.request;
    let sources: BTreeMap<String, Source> =
        serde_json::from_value(request.inputs.clone()).unwrap_or_default();
    let inputs = sources
        .into_iter()
        .filter_map(|(input, source)| match source {
            Source::Job { job, slot } => Some(Filled {
                input,
                job: job.0,
                output: slot,
            }),
            Source::Files(_) => None,
        });
    let (done, failed, total) = match &facts.manifest {
        Some(m) => (m.items_out, m.rejected.len() as u64, Some(m.items_in)),
        None => (facts.units.len() as u64, live.failed, live.total),
    };
    let seconds: f64 = facts.units.values().map(|unit| unit.seconds).sum();
    Summary {
        job: facts.record.job.0,
        operation: request.operation.clone(),
        title: request.title.clone(),
        seconds: (state == DONE).then_some(seconds),
        progress: live.share.filter(|_| state == RUNNING),
        state,
        evidence,
        created: facts.record.created.to_string(),
        started: facts
            .last_attempt()
            .map(|(_, record)| record.started.to_string()),
        items_done: done,
        items_failed: failed,
        items_total: total,
        inputs: inputs.collect(),
        outputs: outputs_of(catalogue, facts),
    }
}

/// All jobs.
pub(crate) fn graph(server: &Server, _: &Call) -> Answered {
    let (jobs, _) = server.look()?;
    Answer::json(&Graph {
        jobs,
        problems: server.project.problems().to_vec(),
    })
}

/// The project as a whole.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ProjectSummary {
    /// Name of its directory.
    name: String,
    /// Its directory.
    directory: String,
    /// Version of the program.
    version: &'static str,
    /// What whoever asks may do.
    role: Role,
}

/// The project as a whole.
pub(crate) fn project(server: &Server, call: &Call) -> Answered {
    let root = server.project.root();
    Answer::json(&ProjectSummary {
        name: root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        directory: root.display().to_string(),
        version: server.settings.version,
        role: call.role,
    })
}

//! One job in full: parameters, inputs, what came out of every item, how to write it up.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use thon_contract::{Methods, Note, SlotRecord};
use thon_project::state::JobFacts;
use thon_project::{JobNumber, Manifest};

use crate::call::{Answer, Answered, Call};
use crate::commands;
use crate::jobs::{Summary, summary_of};
use crate::server::Server;

/// What was made of an item.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct UnitSummary {
    /// The item.
    item: String,
    /// Seconds it took, where known.
    seconds: Option<f64>,
    /// Numbers about the result.
    metrics: Value,
    /// What a person should read.
    warnings: Vec<String>,
    /// What did not come out, and why.
    rejected: Vec<(String, String)>,
}

/// A job in full.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Detail {
    /// The same in short.
    summary: Summary,
    /// Its parameters, all of them.
    parameters: Value,
    /// Its inputs: an output of a job, or files, by slot.
    sources: Value,
    /// Items whose result is there.
    units: Vec<UnitSummary>,
    /// Items that did not come out, and why.
    rejected: Vec<(String, String)>,
    /// What came out, by slot.
    outputs: BTreeMap<String, Vec<ItemSummary>>,
    /// Sentence for the paper.
    methods: String,
    /// Whom to cite: key and DOI.
    citations: Vec<(String, String)>,
    /// Jobs that use its results.
    downstream: Vec<u32>,
    /// Bytes of its results.
    bytes: u64,
    /// Number of the last attempt.
    attempt: Option<u32>,
    /// The same as a command.
    command: String,
}

/// One item of an output.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ItemSummary {
    /// Name.
    name: String,
    /// Digest of its content.
    digest: String,
    /// Names of its files.
    files: Vec<String>,
}

/// One job.
pub(crate) fn job(server: &Server, call: &Call) -> Answered {
    server.project.notice_jobs()?;
    let number = JobNumber(call.number("job")?);
    let facts = server.project.facts(number)?;
    let request = &facts.record.request;
    let known = server.settings.catalogue.find(&request.operation).ok();
    let methods = known.map(|job| job.methods(&request.parameters));
    let methods: Methods = methods.and_then(Result::ok).unwrap_or_default();
    let command = known.map_or(String::new(), |job| commands::of_request(job, request));
    let rejected = facts.manifest.iter().flat_map(|m| &m.rejected);
    let downstream = server.project.index().downstream(number)?;
    Answer::json(&Detail {
        summary: summary_of(server, &facts)?,
        parameters: request.parameters.clone(),
        sources: request.inputs.clone(),
        units: units(&facts),
        rejected: rejected
            .map(|r| (r.item.clone(), r.reason.clone()))
            .collect(),
        outputs: facts.manifest.as_ref().map(items).unwrap_or_default(),
        methods: methods.text,
        citations: methods
            .citations
            .into_iter()
            .map(|c| (c.key, c.doi))
            .collect(),
        downstream: downstream.into_iter().map(|job| job.0).collect(),
        bytes: facts
            .manifest
            .iter()
            .flat_map(Manifest::files)
            .map(|(_, size, _)| size)
            .sum(),
        attempt: facts.last_attempt().map(|(attempt, _)| attempt.number),
        command,
    })
}

fn items(manifest: &Manifest) -> BTreeMap<String, Vec<ItemSummary>> {
    let slots: BTreeMap<String, SlotRecord> =
        serde_json::from_value(manifest.outputs.clone()).unwrap_or_default();
    let item = |item: thon_contract::ItemRecord| ItemSummary {
        name: item.name,
        digest: item.digest,
        files: item
            .files
            .iter()
            .map(|file| {
                file.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect(),
    };
    let slots = slots.into_iter();
    slots
        .map(|(name, slot)| (name, slot.items.into_iter().map(item).collect()))
        .collect()
}

fn units(facts: &JobFacts) -> Vec<UnitSummary> {
    let seconds = |item: &str| {
        let mut own = facts.units.values();
        own.find(|unit| unit.item == item).map(|unit| unit.seconds)
    };
    let unit = |item: &str, result: &Value, metrics: &Value| {
        let notes: Vec<Note> = serde_json::from_value(result["notes"].clone()).unwrap_or_default();
        let (mut warnings, mut rejected) = (Vec::new(), Vec::new());
        for note in notes {
            match note {
                Note::Warning { text } => warnings.push(text),
                Note::Rejected(lost) => rejected.push((lost.name, lost.reason)),
                Note::Metric { .. } => {}
            }
        }
        UnitSummary {
            item: item.to_owned(),
            seconds: seconds(item),
            metrics: metrics.clone(),
            warnings,
            rejected,
        }
    };
    if let Some(manifest) = &facts.manifest {
        let units = manifest.units.iter();
        units
            .map(|u| unit(&u.item, &u.result, &u.metrics))
            .collect()
    } else {
        let units = facts.units.values();
        units
            .map(|u| unit(&u.item, &u.result, &u.metrics))
            .collect()
    }
}

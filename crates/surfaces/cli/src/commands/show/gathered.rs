//! What a job's directory says, gathered: remarks, times, and the whole as one document.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use thon_contract::{AnyJob, Methods, Note};
use thon_project::state::JobFacts;

use crate::parameters;

pub(super) fn found_methods(facts: &JobFacts, declared: Option<&dyn AnyJob>) -> Methods {
    let methods = declared.map(|job| job.methods(&facts.record.request.parameters));
    methods.and_then(Result::ok).unwrap_or_default()
}

pub(super) fn seconds(facts: &JobFacts) -> f64 {
    facts
        .units
        .values()
        .map(|unit| unit.seconds)
        .fold(0.0, |sum, s| sum + s)
}

/// The remarks of all units, with the item each is about.
pub(super) fn notes(facts: &JobFacts) -> Vec<(String, Note)> {
    let read = |result: &Value| -> Vec<Note> {
        serde_json::from_value(result["notes"].clone()).unwrap_or_default()
    };
    let mut found = Vec::new();
    let mut add = |item: &str, result: &Value| {
        found.extend(read(result).into_iter().map(|note| (item.to_owned(), note)));
    };
    match &facts.manifest {
        Some(manifest) => manifest.units.iter().for_each(|u| add(&u.item, &u.result)),
        None => facts.units.values().for_each(|u| add(&u.item, &u.result)),
    }
    found
}

/// Everything that did not come out: items, and rows within items.
pub(super) fn rejections(facts: &JobFacts) -> Vec<(String, String)> {
    let manifest = facts.manifest.iter().flat_map(|m| m.rejected.iter());
    let mut found: Vec<(String, String)> = manifest
        .map(|r| (r.item.clone(), r.reason.clone()))
        .collect();
    for (item, note) in notes(facts) {
        if let Note::Rejected(r) = note {
            found.push((format!("{item}/{}", r.name), r.reason));
        }
    }
    found
}

pub(super) fn warnings(facts: &JobFacts) -> Vec<(String, String)> {
    let warning = |(item, note)| match note {
        Note::Warning { text } => Some((item, text)),
        _ => None,
    };
    notes(facts).into_iter().filter_map(warning).collect()
}

pub(super) fn document(facts: &JobFacts, declared: Option<&dyn AnyJob>) -> Value {
    let (request, status) = (&facts.record.request, facts.status(None));
    let manifest = facts.manifest.as_ref();
    let metrics: BTreeMap<&str, &Value> = manifest
        .into_iter()
        .flat_map(|m| m.units.iter().map(|u| (u.item.as_str(), &u.metrics)))
        .collect();
    let pairs = |list: Vec<(String, String)>, what: &str| -> Vec<Value> {
        list.into_iter()
            .map(|(item, text)| json!({ "item": item, what: text }))
            .collect()
    };
    json!({
        "job": facts.record.job, "created": facts.record.created, "request": request,
        "state": status.state, "evidence": status.evidence, "attempts": facts.attempts.len(),
        "seconds": seconds(facts), "directory": facts.directory,
        "changed_parameters": declared.map(|job| changed_document(job, request)),
        "items_in": manifest.map(|m| m.items_in), "items_out": manifest.map(|m| m.items_out),
        "rejected": pairs(rejections(facts), "reason"),
        "warnings": pairs(warnings(facts), "text"),
        "outputs": manifest.map(|m| &m.outputs), "metrics": metrics,
        "methods": found_methods(facts, declared),
    })
}

pub(super) fn changed_document(job: &dyn AnyJob, request: &thon_project::JobRequest) -> Value {
    let changed = parameters::changed(job, &request.parameters);
    Value::Object(
        changed
            .into_iter()
            .map(|(field, value)| (field.name(), value))
            .collect(),
    )
}

//! A session at the microscope at a glance: each tilt series with what every job found of it, a picture, and what is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use thon_contract::{Note, SlotRecord};
use thon_project::JobNumber;
use thon_project::state::JobFacts;

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::jobs::{DONE, Summary};
use crate::server::Server;

/// Jobs that are looked at, the newest.
const MOST: usize = 500;
/// Kinds whose items are tilt series, by name, or made from one.
const OF_SERIES: [&str; 2] = ["tilt-series", "tomogram"];

/// Where a result is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Place {
    job: u32,
    slot: String,
    item: usize,
}

/// What a job found of a tilt series.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Step {
    job: u32,
    operation: String,
    /// Numbers about the result.
    metrics: Value,
    /// What a person should read.
    warnings: Vec<String>,
    /// Why nothing came out.
    problem: Option<String>,
}

/// A tilt series.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Series {
    name: String,
    /// When the first job that knows of it was asked for.
    since: String,
    /// From the first job to the newest.
    steps: Vec<Step>,
    /// Its newest result.
    result: Option<Place>,
    /// Its newest picture.
    picture: Option<Place>,
}

/// A session.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Session {
    /// The newest first.
    series: Vec<Series>,
    /// Older jobs are not looked at.
    more: bool,
}

/// What one job has to say of tilt series, by name.
#[derive(Debug, Default)]
pub(crate) struct Contribution {
    steps: Vec<(String, Step)>,
    results: Vec<(String, Place)>,
    pictures: Vec<(String, Place)>,
}

impl Contribution {
    fn of(facts: &JobFacts) -> Self {
        let (job, operation) = (facts.record.job.0, &facts.record.request.operation);
        let mut found = Self::default();
        let mut step = |item: &str, result: &Value, metrics: &Value| {
            let notes: Vec<Note> =
                serde_json::from_value(result["notes"].clone()).unwrap_or_default();
            let warning = |note: Note| match note {
                Note::Warning { text } => Some(text),
                _ => None,
            };
            let step = Step {
                job,
                operation: operation.clone(),
                metrics: metrics.clone(),
                warnings: notes.into_iter().filter_map(warning).collect(),
                problem: None,
            };
            found.steps.push((item.to_owned(), step));
        };
        let Some(manifest) = &facts.manifest else {
            for unit in facts.units.values() {
                step(&unit.item, &unit.result, &unit.metrics);
            }
            return found;
        };
        for unit in &manifest.units {
            step(&unit.item, &unit.result, &unit.metrics);
        }
        for lost in &manifest.rejected {
            let step = Step {
                job,
                operation: operation.clone(),
                metrics: Value::Null,
                warnings: Vec::new(),
                problem: Some(lost.reason.clone()),
            };
            found.steps.push((lost.item.clone(), step));
        }
        let slots: BTreeMap<String, SlotRecord> =
            serde_json::from_value(manifest.outputs.clone()).unwrap_or_default();
        for (slot, record) in slots {
            let list = match record.kind.as_str() {
                kind if OF_SERIES.contains(&kind) => &mut found.results,
                "picture" => &mut found.pictures,
                _ => continue,
            };
            for (item, record) in record.items.into_iter().enumerate() {
                let slot = slot.clone();
                list.push((record.name, Place { job, slot, item }));
            }
        }
        found
    }
}

fn touches_series(summary: &Summary) -> bool {
    let kinds = summary.outputs.iter().map(|output| output.kind.as_str());
    kinds.into_iter().any(|kind| OF_SERIES.contains(&kind))
}

/// Whether a picture or item is of a series: its name is the series' own, or goes on after it.
fn is_of(name: &str, series: &str) -> bool {
    let rest = name.strip_prefix(series);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// The tilt series of the project with what the newest jobs found of them.
pub(crate) fn session(server: &Server, _: &Call) -> Answered {
    let (jobs, _) = server.look()?;
    let mut touching: Vec<&Summary> = jobs.iter().filter(|job| touches_series(job)).collect();
    let more = touching.len() > MOST;
    touching.drain(..touching.len().saturating_sub(MOST));
    let mut known: BTreeMap<String, Series> = BTreeMap::new();
    for summary in touching {
        let contribution = contribution(server, summary)?;
        let names = contribution.results.iter().map(|(name, _)| name.clone());
        let of_units = contribution.steps.iter();
        // Items of set-wide jobs are no series; only what came out, or is known already, is.
        let lost = of_units.filter(|(_, step)| step.problem.is_some());
        for name in names.chain(lost.map(|(name, _)| name.clone())) {
            known.entry(name.clone()).or_insert_with(|| Series {
                name,
                since: summary.created.clone(),
                steps: Vec::new(),
                result: None,
                picture: None,
            });
        }
        for (name, series) in &mut known {
            let steps = contribution.steps.iter().filter(|(item, _)| item == name);
            series.steps.extend(steps.map(|(_, step)| step.clone()));
            let of = |list: &[(String, Place)]| {
                let found = list.iter().find(|(item, _)| is_of(item, name));
                found.map(|(_, place)| place.clone())
            };
            series.result = of(&contribution.results).or(series.result.take());
            series.picture = of(&contribution.pictures).or(series.picture.take());
        }
    }
    let mut series: Vec<Series> = known.into_values().collect();
    series.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.name.cmp(&b.name)));
    Answer::json(&Session { series, more })
}

fn contribution(server: &Server, summary: &Summary) -> Result<Arc<Contribution>, Refusal> {
    let read = || -> Result<Contribution, Refusal> {
        let facts = server.project.facts(JobNumber(summary.job))?;
        Ok(Contribution::of(&facts))
    };
    if summary.state != DONE {
        return Ok(Arc::new(read()?));
    }
    if let Some(known) = server.contributions().get(&summary.job) {
        return Ok(Arc::clone(known));
    }
    let read = Arc::new(read()?);
    let mut all = server.contributions();
    all.insert(summary.job, Arc::clone(&read));
    while all.len() > 2 * MOST {
        all.pop_first();
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_go_on_are_of_the_series_unless_they_are_another() {
        assert!(is_of("TS_1", "TS_1") && is_of("TS_1_defocus", "TS_1") && is_of("TS_1-xy", "TS_1"));
        assert!(!is_of("TS_10", "TS_1") && !is_of("TS_2", "TS_1") && !is_of("TS_1b", "TS_1"));
    }
}

//! The table of quality of a set: a row for each series, from what its jobs say of themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thon_project::{JobNumber, JobState, Project, ProjectError};

use crate::pipeline::QualityColumn;

/// One series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// Its name.
    pub name: String,
    /// `waiting` (for files), `processing`, `done`, `failed`, or `left out`.
    pub state: String,
    /// Why: what it waits for, which step runs or failed, why it was left out.
    pub evidence: String,
    /// Images, as its metadata promise them.
    pub views: usize,
    /// Numbers by column; absent while they are not known.
    pub values: BTreeMap<String, f64>,
    /// Columns that are out of their bounds.
    pub alarms: Vec<String>,
    /// What its jobs warned of.
    pub warnings: Vec<String>,
    /// Its jobs by step.
    pub jobs: Vec<(String, JobNumber)>,
}

/// Tells the state, the numbers and the warnings of the jobs of a series.
pub(super) fn row(
    project: &Project,
    columns: &[QualityColumn],
    name: &str,
    views: usize,
    jobs: &[(String, JobNumber)],
) -> Result<SeriesRow, ProjectError> {
    let mut row = SeriesRow {
        name: name.to_owned(),
        views,
        jobs: jobs.to_vec(),
        ..SeriesRow::default()
    };
    let mut open = None;
    for (step, job) in jobs {
        let facts = project.facts(*job)?;
        let status = facts.status(None);
        match status.state {
            JobState::Done => {}
            JobState::Failed | JobState::Blocked | JobState::Cancelled | JobState::Damaged => {
                if row.state.is_empty() {
                    row.state = "failed".into();
                    row.evidence = format!("{step} (job {job}): {}", status.evidence);
                }
            }
            _ => open = open.or_else(|| Some(format!("{step} (job {job})"))),
        }
        let Some(manifest) = &facts.manifest else {
            continue;
        };
        for unit in manifest.units.iter().filter(|unit| is_of(&unit.item, name)) {
            values(&mut row, columns, step, &unit.metrics);
            let notes = unit.result["notes"].as_array().into_iter().flatten();
            let warnings = notes.filter_map(|note| note["text"].as_str());
            row.warnings
                .extend(warnings.map(|text| format!("{step}: {text}")));
        }
    }
    if row.state.is_empty() {
        (row.state, row.evidence) = match open {
            Some(step) => ("processing".into(), step),
            None => ("done".into(), String::new()),
        };
    }
    Ok(row)
}

/// Whether a unit is that of a series, or of a job that is not divided into items.
fn is_of(item: &str, name: &str) -> bool {
    item == name || item == "all"
}

fn values(row: &mut SeriesRow, columns: &[QualityColumn], step: &str, metrics: &Value) {
    for column in columns.iter().filter(|column| column.step == step) {
        let mut entries = metrics.as_object().into_iter().flatten();
        let is = |name: &str| {
            let own = name.rsplit_once(": ").map_or(name, |(_, own)| own);
            name == column.metric || own == column.metric
        };
        let found = entries.find(|(name, _)| is(name));
        let Some(value) = found.and_then(|(_, value)| value.as_f64()) else {
            continue;
        };
        row.values.insert(column.name.clone(), value);
        let low = column.least.is_some_and(|least| value < least);
        let high = column.most.is_some_and(|most| value > most);
        if low || high {
            row.alarms.push(column.name.clone());
        }
    }
}

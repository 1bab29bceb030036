//! Why a job's units would run again, or would not.

use thon_project::{JobNumber, UnitIdentity};

use crate::{Engine, EngineError};

/// What is known of one unit.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The item.
    pub item: String,
    /// Where a finished unit with the same key was found.
    pub found_in: Option<String>,
    /// Otherwise, how it differs from the closest finished unit of the same operation and item.
    pub differences: Vec<String>,
}

/// Says for each unit of a job whether it would be run now, and why.
///
/// # Errors
/// When the job, its inputs or the project cannot be read.
pub fn explain(engine: &Engine<'_>, job: JobNumber) -> Result<Vec<Explanation>, EngineError> {
    let prepared = engine.prepare(job)?;
    let mut finished = Vec::new();
    for number in engine.project.jobs()? {
        finished.extend(engine.project.facts(number)?.units.into_values());
    }
    let explain_unit = |unit: &crate::plan::PlannedUnit| {
        let key = unit.identity.key();
        let same = finished.iter().find(|record| record.key == key);
        let closest = finished
            .iter()
            .filter(|r| r.item == unit.item && r.identity.operation == unit.identity.operation)
            .min_by_key(|r| unit.identity.differences(&r.identity).len());
        Explanation {
            item: unit.item.clone(),
            found_in: same.map(|record| record.directory.to_string()),
            differences: match (same, closest) {
                (None, Some(record)) => described(&unit.identity, &record.identity),
                (None, None) => vec!["it was never run".into()],
                (Some(_), _) => Vec::new(),
            },
        }
    };
    Ok(prepared.plan.units.iter().map(explain_unit).collect())
}

fn described(now: &UnitIdentity, before: &UnitIdentity) -> Vec<String> {
    let show = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or("nothing".into(), ToString::to_string)
    };
    let line = |d: &thon_project::unit::Difference| {
        format!("{} was {}, is {}", d.field, show(&d.was), show(&d.is))
    };
    now.differences(before).iter().map(line).collect()
}

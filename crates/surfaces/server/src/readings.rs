//! What a running job says of itself after each step, from the events of all its attempts: the curves that grow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use thon_contract::Reading;
use thon_project::durable::EntryKind;
use thon_project::state::JobFacts;
use thon_project::{JobNumber, Project, layout, lines};

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::server::Server;

/// Numbers of an item over its steps.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Readings {
    /// The item.
    item: String,
    /// Numbers of the steps, ascending.
    steps: Vec<u64>,
    /// Name with its unit, and a value for each step.
    values: Vec<(String, Vec<Option<f64>>)>,
}

/// All that a job has said.
pub(crate) fn readings(server: &Server, call: &Call) -> Answered {
    let facts = server.project.facts(JobNumber(call.number("job")?))?;
    Answer::json(&gathered(&events(&server.project, &facts)?))
}

/// The events of all attempts, and of their parts, the earliest first.
fn events(project: &Project, facts: &JobFacts) -> Result<Vec<Value>, Refusal> {
    let directory = project.root().join(layout::JOBS).join(&facts.directory);
    let durable = project.durable();
    let mut numbers: Vec<u32> = facts.attempts.iter().map(|one| one.number).collect();
    numbers.sort_unstable();
    let mut all = Vec::new();
    for number in numbers {
        let attempt = directory.join(layout::attempt_directory(number));
        let mut places = vec![attempt.clone()];
        let entries = durable.list(&attempt)?.into_iter();
        let parts = entries.filter(|entry| entry.kind == EntryKind::Directory);
        let parts = parts.filter_map(|entry| layout::part_number(&entry.name));
        places.extend(parts.map(|part| attempt.join(layout::part_directory(part))));
        for place in places {
            all.extend(lines::read::<Value>(durable, &place.join(layout::EVENTS_FILE))?.records);
        }
    }
    Ok(all)
}

/// Readings by item; of a step that was done twice, the later.
fn gathered(events: &[Value]) -> Vec<Readings> {
    let mut items: BTreeMap<String, BTreeMap<u64, Reading>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "reading") {
        let details = &event["details"];
        let item = details["item"].as_str().unwrap_or_default();
        if let Ok(reading) = serde_json::from_value::<Reading>(details.clone()) {
            let steps = items.entry(item.to_owned()).or_default();
            steps.insert(reading.step, reading);
        }
    }
    items
        .into_iter()
        .map(|(item, steps)| table(item, &steps))
        .collect()
}

fn table(item: String, steps: &BTreeMap<u64, Reading>) -> Readings {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in steps.values().flat_map(|reading| &reading.values) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let value = |reading: &Reading, name: &str| {
        let found = reading.values.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| *value)
    };
    let column = |name: &str| {
        let values = steps.values().map(|reading| value(reading, name));
        (name.to_owned(), values.collect())
    };
    Readings {
        item,
        steps: steps.keys().copied().collect(),
        values: names.into_iter().map(column).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_later_reading_of_a_step_counts() {
        let reading = |item: &str, step: u64, values: Value| json!({ "event": "reading", "details": { "item": item, "step": step, "values": values } });
        let found = gathered(&[
            reading("all", 1, json!([["a (Å)", 5.0], ["b", 1.0]])),
            json!({ "event": "progress", "details": { "item": "all", "done": 1, "total": 2 } }),
            reading("all", 2, json!([["a (Å)", 4.0]])),
            reading("all", 2, json!([["a (Å)", 3.0], ["c", 7.0]])),
            reading("other", 1, json!([])),
            json!({ "event": "reading", "details": { "item": "all", "step": "no" } }),
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].steps, [1, 2]);
        let values = [
            ("a (Å)", [Some(5.0), Some(3.0)]),
            ("b", [Some(1.0), None]),
            ("c", [None, Some(7.0)]),
        ];
        let values = values.map(|(name, values)| (name.to_owned(), values.to_vec()));
        assert_eq!(found[0].values, values);
    }
}

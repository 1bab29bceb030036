//! Which steps of a pipeline can take the tilt series of an acquisition one by one, as they come.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pipeline::Pipeline;
use crate::{Catalogue, EngineError};

/// What a step depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// On none of the series.
    Common,
    /// On one series at a time.
    Item,
    /// On all of them together: it waits until the set is closed.
    Set,
}

/// The reach of every step, by name, when the variable `files` stands for the series.
pub(super) fn reaches(
    pipeline: &Pipeline,
    catalogue: &Catalogue,
    files: &str,
) -> Result<BTreeMap<String, Reach>, EngineError> {
    let variable = format!("${{{files}}}");
    let mut reaches: BTreeMap<String, Reach> = BTreeMap::new();
    for step in &pipeline.steps {
        let job = catalogue.find(&step.job)?;
        let slots = job.inputs();
        let mut reach = if mentions(&step.parameters, &variable) {
            Reach::Item
        } else {
            Reach::Common
        };
        for (slot, value) in &step.inputs {
            if mentions(value, &variable) {
                reach = reach.max(Reach::Item);
            }
            let from = value.as_str().and_then(|text| text.split_once('.'));
            let above = from.and_then(|(name, _)| reaches.get(name));
            let each = slots.iter().any(|known| known.name == *slot && known.each);
            reach = reach.max(match above.copied() {
                Some(Reach::Item) if each => Reach::Item,
                Some(Reach::Item | Reach::Set) => Reach::Set,
                _ => Reach::Common,
            });
        }
        reaches.insert(step.name.clone(), reach);
    }
    Ok(reaches)
}

fn mentions(value: &Value, variable: &str) -> bool {
    match value {
        Value::String(text) => text.contains(variable),
        Value::Array(list) => list.iter().any(|entry| mentions(entry, variable)),
        Value::Object(map) => map.values().any(|entry| mentions(entry, variable)),
        _ => false,
    }
}

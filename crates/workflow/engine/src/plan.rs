//! Divides a job into units and gives each its identity.

use std::path::Path;

use serde_json::{Value, json};
use thon_contract::{AnyJob, Context, Rejection, SlotRecord, UnitInputs};
use thon_project::{Digest, Durable, UnitIdentity};

use crate::EngineError;

/// Name of the only unit of a job that is not mapped over items.
const WHOLE: &str = "all";

/// One unit to be run.
#[derive(Clone, Debug)]
pub(crate) struct PlannedUnit {
    /// The item it is for.
    pub(crate) item: String,
    /// What fills its slots.
    pub(crate) inputs: UnitInputs,
    /// What makes its key.
    pub(crate) identity: UnitIdentity,
}

/// The units of a job, and items that cannot take part.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Sorted by item.
    pub(crate) units: Vec<PlannedUnit>,
    /// Items absent from one of several mapped inputs.
    pub(crate) rejected: Vec<Rejection>,
}

/// Divides a job with completed parameters and resolved inputs into units.
pub(crate) fn plan(
    job: &dyn AnyJob,
    params: &Value,
    inputs: &UnitInputs,
    context: &Context,
) -> Result<Plan, EngineError> {
    let external = external_digests(job, params, context)?;
    let slots = job.inputs();
    let each: Vec<&str> = slots
        .iter()
        .filter(|slot| slot.each && inputs.contains_key(&slot.name))
        .map(|slot| slot.name.as_str())
        .collect();
    let identity = |inputs: &UnitInputs| UnitIdentity {
        operation: job.id().into(),
        version: job.version(),
        parameters: params.clone(),
        inputs: input_digests(inputs, &external),
        seed: None,
        part: Value::Null,
    };
    if each.is_empty() {
        let unit = PlannedUnit {
            item: WHOLE.into(),
            inputs: inputs.clone(),
            identity: identity(inputs),
        };
        return Ok(Plan {
            units: vec![unit],
            rejected: Vec::new(),
        });
    }
    let mut names: Vec<&str> = each
        .iter()
        .flat_map(|slot| inputs[*slot].items.iter().map(|item| item.name.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut plan = Plan {
        units: Vec::new(),
        rejected: Vec::new(),
    };
    for name in names {
        match narrowed(inputs, &each, name) {
            Ok(unit_inputs) => plan.units.push(PlannedUnit {
                item: name.into(),
                identity: identity(&unit_inputs),
                inputs: unit_inputs,
            }),
            Err(slot) => plan.rejected.push(Rejection {
                name: name.into(),
                reason: format!("input {slot} has no item of this name"),
            }),
        }
    }
    Ok(plan)
}

/// The inputs with each mapped slot reduced to one item; the slot that lacks it otherwise.
fn narrowed<'a>(inputs: &UnitInputs, each: &[&'a str], name: &str) -> Result<UnitInputs, &'a str> {
    let mut narrowed = inputs.clone();
    for slot in each {
        let item = inputs[*slot]
            .items
            .iter()
            .find(|item| item.name == name)
            .ok_or(*slot)?;
        let record = SlotRecord {
            kind: inputs[*slot].kind.clone(),
            items: vec![item.clone()],
        };
        narrowed.insert((*slot).to_owned(), record);
    }
    Ok(narrowed)
}

/// Names and digests of all inputs: what the key depends on, not where the files lie.
fn input_digests(inputs: &UnitInputs, external: &Value) -> Value {
    let slots: serde_json::Map<String, Value> = inputs
        .iter()
        .map(|(slot, record)| {
            let items = record
                .items
                .iter()
                .map(|item| json!([item.name, item.digest]))
                .collect();
            (slot.clone(), Value::Array(items))
        })
        .collect();
    json!({ "slots": slots, "external": external })
}

/// Contents of the files that the parameters name.
fn external_digests(
    job: &dyn AnyJob,
    params: &Value,
    context: &Context,
) -> Result<Value, EngineError> {
    let failed = |source| EngineError::Unit {
        item: job.id().into(),
        source,
    };
    let mut files = job.external_files(params, context).map_err(failed)?;
    files.sort();
    files.dedup();
    let digest = |path: &Path| -> Result<Value, EngineError> {
        let (size, digest) = Digest::of_file(&Durable::default(), &context.resolve(path))?;
        Ok(json!([path, size, digest.to_string()]))
    };
    files
        .iter()
        .map(|path| digest(path))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Array)
}

//! Any part of the graph as a pipeline file: run on the same data it is all known, with `--var` it runs on other data.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thon_contract::AnyJob;
use thon_project::JobNumber;

use crate::graph::ancestors;
use crate::{Engine, EngineError, Pipeline, Source, Step};

/// The pipeline of some jobs and everything they came from. Files from outside become variables.
///
/// # Errors
/// A job that is not there, or of an operation that this program does not have.
pub fn extract_pipeline(
    engine: &Engine<'_>,
    jobs: &[JobNumber],
    name: &str,
) -> Result<Pipeline, EngineError> {
    let mut names: BTreeMap<JobNumber, String> = BTreeMap::new();
    let mut variables = BTreeMap::new();
    let mut steps = Vec::new();
    for number in ancestors(engine.project, jobs)? {
        let request = engine.project.facts(number)?.record.request;
        let job = engine.catalogue.find(&request.operation)?;
        let given = request.origin.map(|origin| origin.step);
        let word = request.operation.rsplit('.').next().unwrap_or("step");
        let mut step = given.unwrap_or_else(|| word.to_owned());
        if names.values().any(|other| *other == step) {
            step = format!("{step}-{}", number.0);
        }
        let mut parameters = changed(&request.parameters, &job.default_params());
        let prefix = step.replace('-', "_");
        paths_to_variables(job, &mut parameters, &prefix, &mut variables);
        let sources: BTreeMap<String, Source> =
            serde_json::from_value(request.inputs).unwrap_or_default();
        let mut inputs = BTreeMap::new();
        for (slot, source) in sources {
            let value = match source {
                Source::Job { job, slot } => json!(format!("{}.{slot}", names[&job])),
                Source::Files(files) => {
                    let variable = format!("{prefix}_{slot}");
                    variables.insert(variable.clone(), json!(files));
                    json!(format!("${{{variable}}}"))
                }
            };
            inputs.insert(slot, value);
        }
        names.insert(number, step.clone());
        steps.push(Step {
            name: step,
            job: request.operation,
            parameters,
            inputs,
        });
    }
    Ok(Pipeline {
        name: name.to_owned(),
        variables,
        steps,
        quality: Vec::new(),
    })
}

/// The parameters that are not at their defaults.
pub(crate) fn changed(parameters: &Value, defaults: &Value) -> Value {
    let (Value::Object(given), Value::Object(defaults)) = (parameters, defaults) else {
        return parameters.clone();
    };
    let mut kept = Map::new();
    for (name, value) in given {
        match defaults.get(name) {
            Some(default) if default == value => {}
            Some(default @ Value::Object(_)) if value.is_object() => {
                kept.insert(name.clone(), changed(value, default));
            }
            // TOML has no word for nothing; nothing is what an absent value means.
            _ if value.is_null() => {}
            _ => {
                kept.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(kept)
}

/// Replaces the values of parameters that name files by variables.
fn paths_to_variables(
    job: &dyn AnyJob,
    parameters: &mut Value,
    prefix: &str,
    variables: &mut BTreeMap<String, Value>,
) {
    let schema = job.params_schema();
    let Value::Object(map) = parameters else {
        return;
    };
    for (name, value) in map {
        let property = &schema["properties"][name];
        let branches = property["anyOf"].as_array().into_iter().flatten();
        let names_files =
            property["x-path"] == true || branches.clone().any(|b| b["x-path"] == true);
        if names_files && !value.is_null() {
            let variable = format!("{prefix}_{name}");
            variables.insert(variable.clone(), value.clone());
            *value = json!(format!("${{{variable}}}"));
        }
    }
}

impl Pipeline {
    /// The text of a pipeline file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a pipeline without nulls is plain data")
    }
}

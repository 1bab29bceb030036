//! A job with its types erased to JSON: all that the engine and the surfaces know.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::{Context, Cost, Finding, Job, JobError, Methods, SlotRecord};

/// What fills the input slots of one unit.
pub type UnitInputs = BTreeMap<String, SlotRecord>;

/// What one unit wrote, per output slot; file names relative to the unit's directory.
pub type UnitOutputs = BTreeMap<String, SlotRecord>;

/// An input slot as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSlot {
    /// Field name.
    pub name: String,
    /// Kind of artifact.
    pub kind: String,
    /// True when the job is mapped over the items.
    pub each: bool,
    /// False when the slot may stay empty.
    pub required: bool,
    /// Documentation.
    pub doc: String,
}

/// An output slot as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSlot {
    /// Field name.
    pub name: String,
    /// Kind of artifact.
    pub kind: String,
    /// Documentation.
    pub doc: String,
}

/// A job as the engine and the surfaces see it.
pub trait AnyJob: Send + Sync {
    /// [`Job::ID`].
    fn id(&self) -> &'static str;
    /// [`Job::VERSION`].
    fn version(&self) -> u32;
    /// [`Job::SHARES`].
    fn shares(&self) -> bool;
    /// JSON schema of the parameters, sub-schemas inlined, in order of declaration.
    fn params_schema(&self) -> Value;
    /// All parameters at their defaults.
    fn default_params(&self) -> Value;
    /// Input slots in order of declaration.
    fn inputs(&self) -> Vec<InputSlot>;
    /// Output slots in order of declaration.
    fn outputs(&self) -> Vec<OutputSlot>;
    /// Completes parameters with defaults and checks names, types and ranges.
    fn complete_params(&self, given: &Value) -> Result<Value, Vec<Finding>>;
    /// [`Job::check`].
    fn check(&self, params: &Value, inputs: &UnitInputs, context: &Context) -> Vec<Finding>;
    /// [`Job::cost`].
    fn cost(
        &self,
        params: &Value,
        inputs: &UnitInputs,
        context: &Context,
    ) -> Result<Cost, JobError>;
    /// [`Job::run`].
    fn run(
        &self,
        params: &Value,
        inputs: &UnitInputs,
        context: &Context,
    ) -> Result<UnitOutputs, JobError>;
    /// [`Job::methods`].
    fn methods(&self, params: &Value) -> Result<Methods, JobError>;
    /// [`Job::external_files`].
    fn external_files(
        &self,
        params: &Value,
        context: &Context,
    ) -> Result<Vec<std::path::PathBuf>, JobError>;

    /// First line of the parameters' documentation.
    fn summary(&self) -> String {
        self.description()
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end_matches('.')
            .to_owned()
    }

    /// The parameters' documentation.
    fn description(&self) -> String {
        self.params_schema()["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl<J: Job> AnyJob for J {
    fn id(&self) -> &'static str {
        J::ID
    }

    fn version(&self) -> u32 {
        J::VERSION
    }

    fn shares(&self) -> bool {
        J::SHARES
    }

    fn params_schema(&self) -> Value {
        inlined_schema::<J::Params>()
    }

    fn default_params(&self) -> Value {
        serde_json::to_value(J::Params::default()).expect("parameters are plain data")
    }

    fn inputs(&self) -> Vec<InputSlot> {
        slots(&inlined_schema::<J::Inputs>())
            .map(|(name, schema, required)| InputSlot {
                kind: find(schema, "x-artifact")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .into(),
                each: find(schema, "x-each")
                    .and_then(Value::as_bool)
                    .unwrap_or_default(),
                required,
                doc: schema["description"].as_str().unwrap_or_default().into(),
                name: name.clone(),
            })
            .collect()
    }

    fn outputs(&self) -> Vec<OutputSlot> {
        slots(&inlined_schema::<J::Outputs>())
            .map(|(name, schema, _)| OutputSlot {
                kind: find(schema, "x-artifact")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .into(),
                doc: schema["description"].as_str().unwrap_or_default().into(),
                name: name.clone(),
            })
            .collect()
    }

    fn complete_params(&self, given: &Value) -> Result<Value, Vec<Finding>> {
        let completed =
            crate::schema::complete(&self.params_schema(), &self.default_params(), given)?;
        let typed = params::<J>(&completed).map_err(|e| vec![Finding::error("", e.to_string())])?;
        Ok(serde_json::to_value(typed).expect("parameters are plain data"))
    }

    fn check(&self, given: &Value, inputs: &UnitInputs, context: &Context) -> Vec<Finding> {
        match (params::<J>(given), typed_inputs::<J>(inputs)) {
            (Ok(params), Ok(inputs)) => J::check(&params, &inputs, context),
            (Err(e), _) | (_, Err(e)) => vec![Finding::error("", e.to_string())],
        }
    }

    fn cost(
        &self,
        given: &Value,
        inputs: &UnitInputs,
        context: &Context,
    ) -> Result<Cost, JobError> {
        Ok(J::cost(
            &params::<J>(given)?,
            &typed_inputs::<J>(inputs)?,
            context,
        ))
    }

    fn run(
        &self,
        given: &Value,
        inputs: &UnitInputs,
        context: &Context,
    ) -> Result<UnitOutputs, JobError> {
        let outputs = J::run(&params::<J>(given)?, &typed_inputs::<J>(inputs)?, context)?;
        let value = serde_json::to_value(outputs).expect("outputs are plain data");
        let mut record = UnitOutputs::new();
        for slot in self.outputs() {
            let items =
                serde_json::from_value(value[&slot.name]["items"].clone()).unwrap_or_default();
            record.insert(
                slot.name,
                SlotRecord {
                    kind: slot.kind,
                    items,
                },
            );
        }
        Ok(record)
    }

    fn methods(&self, given: &Value) -> Result<Methods, JobError> {
        Ok(J::methods(&params::<J>(given)?))
    }

    fn external_files(
        &self,
        given: &Value,
        context: &Context,
    ) -> Result<Vec<std::path::PathBuf>, JobError> {
        J::external_files(&params::<J>(given)?, context)
    }
}

fn params<J: Job>(given: &Value) -> Result<J::Params, JobError> {
    serde_json::from_value(given.clone())
        .map_err(|e| JobError::Refused(vec![Finding::error("parameters", e.to_string())]))
}

fn typed_inputs<J: Job>(inputs: &UnitInputs) -> Result<J::Inputs, JobError> {
    let value = serde_json::to_value(inputs).expect("records are plain data");
    serde_json::from_value(value)
        .map_err(|e| JobError::Refused(vec![Finding::error("inputs", e.to_string())]))
}

fn inlined_schema<T: schemars::JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().into()
}

fn slots(schema: &Value) -> impl Iterator<Item = (&String, &Value, bool)> {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(move |(name, property)| (name, property, required.contains(&name.as_str())))
}

/// A keyword of a property, looking through the `anyOf` that an `Option` becomes.
fn find<'a>(schema: &'a Value, keyword: &str) -> Option<&'a Value> {
    schema.get(keyword).or_else(|| {
        schema["anyOf"]
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|branch| branch.get(keyword))
    })
}

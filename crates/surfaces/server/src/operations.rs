//! The catalogue: what each job takes, gives and lets one choose; what an output can feed.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use thon_contract::AnyJob;
use thon_contract::schema::{Field, FieldType, fields};

use crate::call::{Answer, Answered, Call};
use crate::server::Server;

/// A slot of a job.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Slot {
    name: String,
    kind: String,
    /// Filled item by item; the job runs once for each.
    each: bool,
    required: bool,
    doc: String,
}

/// A job of the catalogue in short.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Operation {
    /// `room.verb-noun`.
    id: &'static str,
    /// What it does, in a line.
    summary: String,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
}

/// A value that can be chosen.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Choice {
    value: String,
    doc: String,
}

/// One parameter, as a form shows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Parameter {
    /// Path in the tree of parameters.
    path: Vec<String>,
    /// `number`, `integer`, `boolean`, `text`, `list` or `json`.
    kind: &'static str,
    /// Of a list: what it holds.
    element: Option<&'static str>,
    /// May stay empty.
    optional: bool,
    unit: Option<String>,
    default: Value,
    minimum: Option<f64>,
    maximum: Option<f64>,
    choices: Vec<Choice>,
    doc: String,
    /// For experts only.
    expert: bool,
    /// Names files.
    is_path: bool,
    /// What can be pointed at on the page to fill it, such as `tilt-images`.
    picks: Option<String>,
}

/// A job of the catalogue in full.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct OperationDetail {
    operation: Operation,
    description: String,
    parameters: Vec<Parameter>,
    /// Sentence for the paper with the default parameters.
    methods: String,
    /// Whom to cite: key and DOI.
    citations: Vec<(String, String)>,
    /// JSON schema of the parameters.
    schema: Value,
}

fn short(job: &dyn AnyJob) -> Operation {
    let input = |slot: thon_contract::InputSlot| Slot {
        name: slot.name,
        kind: slot.kind,
        each: slot.each,
        required: slot.required,
        doc: slot.doc,
    };
    let output = |slot: thon_contract::OutputSlot| Slot {
        name: slot.name,
        kind: slot.kind,
        each: false,
        required: false,
        doc: slot.doc,
    };
    Operation {
        id: job.id(),
        summary: job.summary(),
        inputs: job.inputs().into_iter().map(input).collect(),
        outputs: job.outputs().into_iter().map(output).collect(),
    }
}

fn word(kind: &FieldType) -> &'static str {
    match kind {
        FieldType::Number => "number",
        FieldType::Integer => "integer",
        FieldType::Boolean => "boolean",
        FieldType::Text => "text",
        FieldType::List(_) => "list",
        FieldType::Json => "json",
    }
}

fn parameter(schema: &Value, field: Field) -> Parameter {
    let names = field.path.iter();
    let place = names.fold(schema, |place, name| &place["properties"][name.as_str()]);
    Parameter {
        kind: word(&field.kind),
        element: match &field.kind {
            FieldType::List(element) => Some(word(element)),
            _ => None,
        },
        is_path: place["x-path"] == true,
        picks: place["x-picks"].as_str().map(str::to_owned),
        path: field.path,
        optional: field.optional,
        unit: field.unit,
        default: field.default,
        minimum: field.minimum,
        maximum: field.maximum,
        choices: field
            .choices
            .into_iter()
            .map(|choice| Choice {
                value: choice.value,
                doc: choice.doc,
            })
            .collect(),
        doc: field.doc,
        expert: field.expert,
    }
}

/// All jobs of the catalogue.
pub(crate) fn operations(server: &Server, _: &Call) -> Answered {
    let all: Vec<Operation> = server.settings.catalogue.jobs().map(short).collect();
    Answer::json(&all)
}

/// One job of the catalogue.
pub(crate) fn operation(server: &Server, call: &Call) -> Answered {
    let job = server.settings.catalogue.find(call.word("operation"))?;
    let schema = job.params_schema();
    let defaults = job.default_params();
    let methods = job.methods(&defaults).unwrap_or_default();
    let parameters = fields(&schema, &defaults).into_iter();
    Answer::json(&OperationDetail {
        operation: short(job),
        description: job.description(),
        parameters: parameters.map(|field| parameter(&schema, field)).collect(),
        methods: methods.text,
        citations: methods
            .citations
            .into_iter()
            .map(|c| (c.key, c.doi))
            .collect(),
        schema,
    })
}

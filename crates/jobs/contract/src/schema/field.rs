//! A parameter struct flattened into fields: one flag, one form control each.

use serde_json::Value;

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A real number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// Text; also paths.
    Text,
    /// A list of values of one type.
    List(Box<FieldType>),
    /// Anything else, given as JSON.
    Json,
}

/// One value of a closed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value as written.
    pub value: String,
    /// What it means.
    pub doc: String,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Path in the parameter tree: `["filter", "cutoff"]`.
    pub path: Vec<String>,
    /// What it holds.
    pub kind: FieldType,
    /// True when it may be left empty (`null`).
    pub optional: bool,
    /// Unit symbol.
    pub unit: Option<String>,
    /// Default value.
    pub default: Value,
    /// Smallest value allowed.
    pub minimum: Option<f64>,
    /// Largest value allowed.
    pub maximum: Option<f64>,
    /// The allowed values, when there is a closed list.
    pub choices: Vec<Choice>,
    /// Documentation.
    pub doc: String,
    /// True for parameters that only experts should see.
    pub expert: bool,
}

impl Field {
    /// Name of the command-line flag, without dashes: `filter-cutoff`.
    pub fn flag(&self) -> String {
        self.path.join("-").replace('_', "-")
    }

    /// Name in messages and TOML: `filter.cutoff`.
    pub fn name(&self) -> String {
        self.path.join(".")
    }
}

/// All fields of a parameter schema, in order of declaration; nested structs are groups.
pub fn fields(schema: &Value, defaults: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    let outermost = Group::default();
    collect(schema, defaults, &mut Vec::new(), outermost, &mut found);
    found
}

/// What all fields of a group have from it.
#[derive(Clone, Copy, Default)]
struct Group {
    /// Only experts see it.
    expert: bool,
    /// It may be absent as a whole, and with it all its fields.
    optional: bool,
}

fn collect(
    schema: &Value,
    defaults: &Value,
    path: &mut Vec<String>,
    group: Group,
    found: &mut Vec<Field>,
) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        let expert = group.expert || property["x-level"] == "expert";
        if property["properties"].is_object() {
            let optional = group.optional || allows_null(property);
            let inner = Group { expert, optional };
            collect(property, &defaults[name], path, inner, found);
        } else {
            let field = leaf(property, &defaults[name], path.clone());
            found.push(Field {
                expert,
                optional: field.optional || group.optional,
                ..field
            });
        }
        path.pop();
    }
}

/// A field that is not a group.
pub(super) fn leaf(schema: &Value, default: &Value, path: Vec<String>) -> Field {
    let branch = inner(schema);
    Field {
        path,
        kind: kind(branch),
        optional: allows_null(schema),
        unit: branch["x-unit"].as_str().map(Into::into),
        default: default.clone(),
        minimum: bound(schema, branch, "minimum")
            .or_else(|| bound(schema, branch, "exclusiveMinimum")),
        maximum: bound(schema, branch, "maximum")
            .or_else(|| bound(schema, branch, "exclusiveMaximum")),
        choices: choices(branch),
        doc: documentation(schema, branch),
        expert: false,
    }
}

fn bound(outer: &Value, inner: &Value, keyword: &str) -> Option<f64> {
    outer[keyword].as_f64().or_else(|| inner[keyword].as_f64())
}

/// The schema of the value itself, looking through the `anyOf` that an `Option` becomes.
fn inner(schema: &Value) -> &Value {
    let branches = schema["anyOf"].as_array();
    branches
        .and_then(|b| b.iter().find(|b| b["type"] != "null"))
        .unwrap_or(schema)
}

pub(super) fn allows_null(schema: &Value) -> bool {
    let listed = schema["type"]
        .as_array()
        .is_some_and(|types| types.iter().any(|t| t == "null"));
    listed
        || schema["anyOf"]
            .as_array()
            .is_some_and(|branches| branches.iter().any(|b| b["type"] == "null"))
}

fn kind(schema: &Value) -> FieldType {
    if !choices(schema).is_empty() {
        return FieldType::Text;
    }
    let name = schema["type"].as_str().or_else(|| {
        schema["type"].as_array().and_then(|types| {
            types
                .iter()
                .filter_map(Value::as_str)
                .find(|t| *t != "null")
        })
    });
    match name {
        Some("number") => FieldType::Number,
        Some("integer") => FieldType::Integer,
        Some("boolean") => FieldType::Boolean,
        Some("string") => FieldType::Text,
        Some("array") if schema["items"].is_object() => {
            FieldType::List(Box::new(kind(inner(&schema["items"]))))
        }
        _ => FieldType::Json,
    }
}

/// The field's documentation; of a choice with values inside, also how each is written.
fn documentation(schema: &Value, branch: &Value) -> String {
    let own = schema["description"]
        .as_str()
        .or(branch["description"].as_str());
    let mut text = own.unwrap_or_default().to_owned();
    if is_open_choice(branch) {
        let written = |variant: &Value| match variant["properties"]
            .as_object()
            .and_then(|p| p.keys().next())
        {
            Some(name) => format!("{{\"{name}\": …}}"),
            None => variant["const"]
                .as_str()
                .or(variant["enum"][0].as_str())
                .unwrap_or_default()
                .to_owned(),
        };
        let variants: Vec<String> = branch["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .map(written)
            .collect();
        text = format!("{text}\nOne of: {}.", variants.join(", "));
    }
    text
}

/// A choice of which some variants carry values.
fn is_open_choice(schema: &Value) -> bool {
    schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|variant| variant["properties"].is_object())
}

fn choices(schema: &Value) -> Vec<Choice> {
    let choice = |value: &Value, doc: &Value| {
        let value = value.as_str()?.to_owned();
        Some(Choice {
            value,
            doc: doc.as_str().unwrap_or_default().into(),
        })
    };
    let mut found = Vec::new();
    if is_open_choice(schema) {
        return found;
    }
    for value in schema["enum"].as_array().into_iter().flatten() {
        found.extend(choice(value, &Value::Null));
    }
    for branch in schema["oneOf"].as_array().into_iter().flatten() {
        if branch["const"].is_string() {
            found.extend(choice(&branch["const"], &branch["description"]));
        }
        for value in branch["enum"].as_array().into_iter().flatten() {
            found.extend(choice(value, &branch["description"]));
        }
    }
    found
}

/// Turns text from a command line into the field's JSON value; `none` empties an optional field.
pub fn parse_text(field: &Field, text: &str) -> Result<Value, String> {
    // Where "none" is one of the choices, it is that choice.
    let is_choice = field.choices.iter().any(|choice| choice.value == text);
    if field.optional && text == "none" && !is_choice {
        return Ok(Value::Null);
    }
    parse_kind(&field.kind, text).map_err(|expected| {
        let unit = field
            .unit
            .as_ref()
            .map(|u| format!(" in {u}"))
            .unwrap_or_default();
        format!("expected {expected}{unit}, found \"{text}\"")
    })
}

fn parse_kind(kind: &FieldType, text: &str) -> Result<Value, &'static str> {
    match kind {
        FieldType::Number => {
            let value: f64 = text.trim().parse().map_err(|_| "a number")?;
            serde_json::Number::from_f64(value)
                .map(Value::Number)
                .ok_or("a finite number")
        }
        FieldType::Integer => {
            let value: i64 = text.trim().parse().map_err(|_| "a whole number")?;
            Ok(value.into())
        }
        FieldType::Boolean => match text {
            "true" | "yes" => Ok(true.into()),
            "false" | "no" => Ok(false.into()),
            _ => Err("true or false"),
        },
        FieldType::Text => Ok(text.into()),
        FieldType::List(_) if text.trim_start().starts_with('[') => {
            serde_json::from_str(text).map_err(|_| "a JSON list")
        }
        FieldType::List(element) => text
            .split(',')
            .filter(|t| !t.is_empty())
            .map(|t| parse_kind(element, t))
            .collect(),
        FieldType::Json => {
            let word =
                !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            serde_json::from_str(text).or_else(|_| {
                if word {
                    Ok(text.into())
                } else {
                    Err("JSON or a word")
                }
            })
        }
    }
}

/// Puts a value at a path of a parameter tree, making groups on the way.
pub fn set(params: &mut Value, path: &[String], value: Value) {
    let mut place = params;
    for name in path {
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        place = &mut place[name.as_str()];
    }
    *place = value;
}

//! A job's parameters from a TOML file and from flags; flags go before the file.

use std::path::Path;

use clap::ArgMatches;
use serde_json::{Map, Value};
use thon_contract::AnyJob;
use thon_contract::schema::{Field, FieldType, fields, parse_text, set};

use crate::arguments::flag_of;
use crate::exit::{Failure, Outcome};
use crate::place::recorded_path;

/// The parameters that are given. `root` is the project that relative paths are recorded for.
pub(crate) fn given(job: &dyn AnyJob, matches: &ArgMatches, root: Option<&Path>) -> Outcome<Value> {
    let mut parameters = match matches.get_one::<std::path::PathBuf>("params") {
        Some(file) => from_file(file)?,
        None => Value::Object(Map::new()),
    };
    let schema = job.params_schema();
    let mut wrong: Vec<String> = Vec::new();
    for field in fields(&schema, &job.default_params()) {
        let id = format!("parameter:{}", field.name());
        let Ok(Some(texts)) = matches.try_get_many::<String>(&id) else {
            continue;
        };
        let root = root.filter(|_| is_path(&schema, &field));
        match parsed(&field, texts, root)? {
            Ok(value) => set(&mut parameters, &field.path, value),
            Err(why) => wrong.push(format!("error: --{}: {why}", flag_of(&field))),
        }
    }
    if wrong.is_empty() {
        Ok(parameters)
    } else {
        Err(Failure::usage(wrong.join("\n")))
    }
}

/// The value of a flag; the values of a list may come one by one.
fn parsed<'a>(
    field: &Field,
    texts: impl Iterator<Item = &'a String>,
    root: Option<&Path>,
) -> Outcome<Result<Value, String>> {
    let mut found: Vec<Value> = Vec::new();
    for text in texts {
        match parse_text(field, text) {
            Ok(Value::Array(items)) => found.extend(items),
            Ok(item) => found.push(item),
            Err(why) => return Ok(Err(why)),
        }
    }
    if let Some(root) = root {
        for item in &mut found {
            if let Value::String(text) = item {
                let path = recorded_path(root, Path::new(text.as_str()))?;
                *text = path.to_string_lossy().into_owned();
            }
        }
    }
    let list = matches!(field.kind, FieldType::List(_)) && found != [Value::Null];
    Ok(Ok(if list {
        Value::Array(found)
    } else {
        found.pop().unwrap_or_default()
    }))
}

/// Whether a parameter names files: `x-path` in its schema.
fn is_path(schema: &Value, field: &Field) -> bool {
    let mut place = schema;
    for name in &field.path {
        place = &place["properties"][name.as_str()];
    }
    place["x-path"] == true
}

fn from_file(path: &Path) -> Outcome<Value> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    let table: toml::Table = toml::from_str(&text)
        .map_err(|e| Failure::usage(format!("{}: {}", path.display(), e.to_string().trim_end())))?;
    serde_json::to_value(table).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// The parameters that differ from their defaults, with both.
pub(crate) fn changed(job: &dyn AnyJob, parameters: &Value) -> Vec<(Field, Value)> {
    let value_of = |field: &Field| {
        let names = field.path.iter();
        names
            .fold(parameters, |place, name| &place[name.as_str()])
            .clone()
    };
    fields(&job.params_schema(), &job.default_params())
        .into_iter()
        .map(|field| {
            let value = value_of(&field);
            (field, value)
        })
        .filter(|(field, value)| field.default != *value)
        .collect()
}

//! Completes given parameters with defaults and says what is wrong with them, all at once.

use serde_json::{Map, Value};

use super::field::{Field, FieldType, allows_null, leaf};
use super::nearest;
use crate::Finding;

/// All parameters: the given ones where given, defaults elsewhere.
///
/// Unknown names are refused with the nearest known one; wrong types and values out of range are
/// refused with what was expected and found.
pub fn complete(schema: &Value, defaults: &Value, given: &Value) -> Result<Value, Vec<Finding>> {
    let mut findings = Vec::new();
    let completed = group(schema, defaults, given, "", &mut findings);
    if findings.is_empty() {
        Ok(completed)
    } else {
        Err(findings)
    }
}

fn group(
    schema: &Value,
    defaults: &Value,
    given: &Value,
    place: &str,
    findings: &mut Vec<Finding>,
) -> Value {
    let empty = Map::new();
    let given = match given {
        Value::Object(map) => map,
        Value::Null => &empty,
        other => {
            findings.push(Finding::error(
                place,
                format!("expected a group of parameters, found {other}"),
            ));
            &empty
        }
    };
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    for name in given.keys().filter(|name| !properties.contains_key(*name)) {
        findings.push(unknown(&join(place, name), name, properties));
    }
    let mut completed = Map::new();
    for (name, property) in properties {
        let place = join(place, name);
        let value = match given.get(name) {
            None => match defaults.get(name).or_else(|| property.get("default")) {
                Some(default) => default.clone(),
                // A group that is absent by default has no defaults here; its own type fills what is left out.
                None => continue,
            },
            Some(Value::Null) if allows_null(property) => Value::Null,
            Some(value) if property["properties"].is_object() => {
                group(property, &defaults[name], value, &place, findings)
            }
            Some(value) => {
                let field = leaf(property, &defaults[name], vec![]);
                findings
                    .extend(fault(&field, value).map(|message| Finding::error(&place, message)));
                value.clone()
            }
        };
        completed.insert(name.clone(), value);
    }
    Value::Object(completed)
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() {
        name.to_owned()
    } else {
        format!("{place}.{name}")
    }
}

fn unknown(place: &str, name: &str, properties: &Map<String, Value>) -> Finding {
    let finding = Finding::error(place, "unknown parameter");
    if let Some(known) = nearest(name, properties.keys().map(String::as_str)) {
        return finding.with_hint(format!("did you mean `{known}`?"));
    }
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    finding.with_hint(format!("known parameters: {}", names.join(", ")))
}

/// What is wrong with a value, if anything.
fn fault(field: &Field, value: &Value) -> Option<String> {
    if value.is_null() && field.optional {
        return None;
    }
    if !field.choices.is_empty() {
        let known: Vec<&str> = field.choices.iter().map(|c| c.value.as_str()).collect();
        return match value.as_str() {
            Some(text) if known.contains(&text) => None,
            _ => Some(format!(
                "expected one of {}, found {value}",
                known.join(", ")
            )),
        };
    }
    wrong_type(&field.kind, value).or_else(|| out_of_range(field, value))
}

fn wrong_type(kind: &FieldType, value: &Value) -> Option<String> {
    let (right, expected) = match kind {
        FieldType::Number => (value.is_number(), "a number"),
        FieldType::Integer => (value.is_i64() || value.is_u64(), "a whole number"),
        FieldType::Boolean => (value.is_boolean(), "true or false"),
        FieldType::Text => (value.is_string(), "text"),
        FieldType::List(element) => {
            let list = value.as_array();
            (
                list.is_some_and(|l| l.iter().all(|v| wrong_type(element, v).is_none())),
                "a list",
            )
        }
        FieldType::Json => (true, ""),
    };
    (!right).then(|| format!("expected {expected}, found {value}"))
}

fn out_of_range(field: &Field, value: &Value) -> Option<String> {
    let number = value.as_f64()?;
    let low = field.minimum.is_some_and(|minimum| number < minimum);
    let high = field.maximum.is_some_and(|maximum| number > maximum);
    let unit = field
        .unit
        .as_ref()
        .map(|u| format!(" {u}"))
        .unwrap_or_default();
    let range = match (field.minimum, field.maximum) {
        (Some(minimum), Some(maximum)) => format!("between {minimum} and {maximum}{unit}"),
        (Some(minimum), None) => format!("at least {minimum}{unit}"),
        (None, Some(maximum)) => format!("at most {maximum}{unit}"),
        (None, None) => return None,
    };
    (low || high).then(|| format!("expected {range}, found {number}"))
}

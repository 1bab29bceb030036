//! Canonical JSON: one text for one value, whatever the order of its keys or the spelling of its numbers.
//!
//! Keys are sorted by their UTF-8 bytes, there is no white space, and a floating-point number that is a whole
//! number below 2⁵³ is written as an integer (`10.0` and `10` are one value, `-0.0` is `0`); all other numbers
//! are written as the shortest text that reads back as the same number. Strings are escaped as `serde_json` does.
use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Largest magnitude below which every whole number is exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The canonical text of a value.
pub fn to_string(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
        Value::Number(number) => write_number(number, text),
        Value::Array(values) => {
            text.push('[');
            for (position, inner) in values.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write_value(inner, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|left, right| left.0.cmp(right.0));
            text.push('{');
            for (position, (key, inner)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_value(inner, text);
            }
            text.push('}');
        }
    }
}

fn write_number(number: &Number, text: &mut String) {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => {
            text.push_str(&(float as i64).to_string());
        }
        // The standard library's shortest text; that of the JSON library is not promised to stay.
        Some(float) if number.is_f64() => {
            let _ = write!(text, "{float:?}");
        }
        _ => text.push_str(&number.to_string()),
    }
}

/// Sorts the keys of every object in a value, so that its ordinary text does not depend on their order.
pub fn sort_keys(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(sort_keys),
        Value::Object(fields) => {
            fields.sort_keys();
            fields.values_mut().for_each(sort_keys);
        }
        _ => {}
    }
}

/// The first places, as `/`-separated paths, where two values differ canonically, with both values there.
pub fn differences(left: &Value, right: &Value) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut found = Vec::new();
    compare(left, right, String::new(), &mut found);
    found
}

fn compare(
    left: &Value,
    right: &Value,
    path: String,
    found: &mut Vec<(String, Option<Value>, Option<Value>)>,
) {
    match (left, right) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: std::collections::BTreeSet<&String> =
                before.keys().chain(after.keys()).collect();
            for key in keys {
                let inner = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}/{key}")
                };
                match (before.get(key), after.get(key)) {
                    (Some(was), Some(is)) => compare(was, is, inner, found),
                    (was, is) => found.push((inner, was.cloned(), is.cloned())),
                }
            }
        }
        _ if to_string(left) == to_string(right) => {}
        _ => found.push((path, Some(left.clone()), Some(right.clone()))),
    }
}

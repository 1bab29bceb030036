//! What every declaration must keep, checked by one function; a catalogue's tests call it for each job.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::AnyJob;
use crate::schema::{Field, FieldType, fields};

/// Words in a number's name that tell a physical quantity, the first that fits, with the units that its type may give.
const QUANTITIES: [(&str, &[&str]); 13] = [
    ("b_factor", &["Å²"]),
    ("pixel_size", &["Å/px", "Å"]),
    ("voxel_size", &["Å/px", "Å"]),
    ("dose", &["e⁻/Å²"]),
    ("exposure", &["e⁻/Å²"]),
    ("angle", &["°", "rad"]),
    ("tilt", &["°", "rad"]),
    ("defocus", &["Å"]),
    ("thickness", &["Å"]),
    ("voltage", &["kV"]),
    ("aberration", &["mm"]),
    ("frequency", &["1/Å"]),
    ("resolution", &["Å"]),
];

/// What a job's declaration breaks, in words; empty when it keeps everything.
///
/// `kinds` are the kinds of artifacts that exist.
pub fn check_declaration(job: &dyn AnyJob, kinds: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    check_name(job.id(), &mut faults);
    check_texts(job, &mut faults);
    check_slots(job, kinds, &mut faults);
    for field in fields(&job.params_schema(), &job.default_params()) {
        check_field(&field, &mut faults);
    }
    check_defaults(job, &mut faults);
    check_unknown(job, &mut faults);
    faults
        .into_iter()
        .map(|fault| format!("{}: {fault}", job.id()))
        .collect()
}

fn check_name(id: &str, faults: &mut Vec<String>) {
    let word = |text: &str, join: char| {
        let pieces = text.split(join);
        !text.is_empty()
            && pieces.clone().all(|piece| {
                !piece.is_empty()
                    && piece
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            })
    };
    let right = match id.split_once('.') {
        Some((room, verb)) => word(room, '_') && word(verb, '-'),
        None => false,
    };
    if !right {
        faults.push("the name is not `room.verb-noun` in lower case".into());
    }
}

fn check_texts(job: &dyn AnyJob, faults: &mut Vec<String>) {
    let description = job.description();
    let first = description.lines().next().unwrap_or_default();
    if job.summary().is_empty() {
        faults.push("the parameters have no doc comment, so there is no summary".into());
    } else if !first.ends_with('.') {
        faults.push(format!(
            "the summary is no sentence with a full stop: \"{first}\""
        ));
    } else if job.summary().ends_with('.') || first.len() > 100 {
        faults.push(format!(
            "the summary is longer than 100 characters or ends twice: \"{first}\""
        ));
    }
    match job.methods(&job.default_params()) {
        Ok(methods) if methods.text.trim().is_empty() => {
            faults.push("no sentence for the methods section".into());
        }
        Ok(methods) => {
            let keyless = methods
                .citations
                .iter()
                .filter(|citation| citation.key.is_empty())
                .count();
            if keyless > 0 || !methods.text.ends_with('.') {
                faults.push(format!("unfinished methods: {methods:?}"));
            }
        }
        Err(e) => faults.push(format!("methods fail on the defaults: {e}")),
    }
    if job.version() == 0 {
        faults.push("versions count from 1".into());
    }
}

fn check_slots(job: &dyn AnyJob, kinds: &[&str], faults: &mut Vec<String>) {
    let inputs = job
        .inputs()
        .into_iter()
        .map(|slot| ("input", slot.name, slot.kind, slot.doc));
    let outputs: Vec<_> = job
        .outputs()
        .into_iter()
        .map(|slot| ("output", slot.name, slot.kind, slot.doc))
        .collect();
    if outputs.is_empty() {
        faults.push("it has no output".into());
    }
    for (side, name, kind, doc) in inputs.chain(outputs) {
        if doc.trim().is_empty() {
            faults.push(format!("{side} `{name}` has no documentation"));
        }
        if !kinds.contains(&kind.as_str()) {
            faults.push(format!("{side} `{name}` is of the unknown kind \"{kind}\""));
        }
        if !is_snake(&name) {
            faults.push(format!("{side} `{name}` is not in snake_case"));
        }
    }
}

fn is_snake(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn check_field(field: &Field, faults: &mut Vec<String>) {
    let name = field.name();
    if field.doc.trim().is_empty() {
        faults.push(format!("parameter `{name}` has no documentation"));
    }
    if let Some(choice) = field
        .choices
        .iter()
        .find(|choice| choice.doc.trim().is_empty())
    {
        faults.push(format!(
            "choice `{}` of `{name}` has no documentation",
            choice.value
        ));
    }
    if !field.path.iter().all(|piece| is_snake(piece)) {
        faults.push(format!("parameter `{name}` is not in snake_case"));
    }
    let last = field.path.last().map_or("", String::as_str);
    if field.kind == FieldType::Number
        && let Some((word, units)) = QUANTITIES.iter().find(|(word, _)| last.contains(word))
        && !field
            .unit
            .as_deref()
            .is_some_and(|unit| units.contains(&unit))
    {
        let unit = field.unit.as_deref().unwrap_or("none");
        faults.push(format!(
            "parameter `{name}` is a {word} in {unit}, expected one of {}",
            units.join(", ")
        ));
    }
    let outside = field.default.as_f64().is_some_and(|value| {
        field.minimum.is_some_and(|minimum| value < minimum)
            || field.maximum.is_some_and(|maximum| value > maximum)
    });
    if outside {
        faults.push(format!(
            "the default {} of `{name}` is out of its range",
            field.default
        ));
    }
    if field.default.is_null() && !field.optional {
        faults.push(format!("parameter `{name}` has no default"));
    }
}

/// Defaults complete themselves, and survive TOML.
fn check_defaults(job: &dyn AnyJob, faults: &mut Vec<String>) {
    let defaults = job.default_params();
    match job.complete_params(&Value::Object(Map::new())) {
        Ok(completed) if completed == defaults => {}
        Ok(completed) => faults.push(format!(
            "defaults are {defaults}, completed they are {completed}"
        )),
        Err(findings) => faults.push(format!("defaults are refused: {findings:?}")),
    }
    let written = toml::to_string(&without_nulls(&defaults)).map_err(|e| e.to_string());
    let read = written.and_then(|text| toml::from_str::<Value>(&text).map_err(|e| e.to_string()));
    match read.map(|read| job.complete_params(&read)) {
        Ok(Ok(completed)) if completed == defaults => {}
        Ok(other) => faults.push(format!("defaults come back from TOML as {other:?}")),
        Err(e) => faults.push(format!("defaults cannot be written as TOML: {e}")),
    }
}

/// TOML has no null: an empty parameter is left out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                kept.map(|(name, value)| (name.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// A mistyped parameter is refused, with the nearest known name.
fn check_unknown(job: &dyn AnyJob, faults: &mut Vec<String>) {
    for field in fields(&job.params_schema(), &job.default_params()) {
        let known = field.path[0].clone();
        let mistyped = format!("{known}x");
        let given = Value::Object(Map::from_iter([(mistyped.clone(), field.default.clone())]));
        let told = match job.complete_params(&given) {
            Ok(_) => None,
            Err(findings) => findings
                .into_iter()
                .find(|f| f.is_error() && f.place == mistyped),
        };
        match told {
            None => faults.push(format!("the unknown parameter `{mistyped}` is not refused")),
            Some(finding) if finding.hint.contains(&known) => {}
            Some(finding) => faults.push(format!(
                "`{mistyped}` is refused without `{known}`: \"{}\"",
                finding.hint
            )),
        }
    }
    let given = Value::Object(Map::from_iter([("qqqqqqqqqq".to_owned(), Value::Null)]));
    if job.complete_params(&given).is_ok() {
        faults.push("an unknown parameter is not refused".into());
    }
}

/// A job's declaration as text, one line per slot and parameter: what a snapshot holds.
pub fn declaration_text(job: &dyn AnyJob) -> String {
    let mut text = format!("{} version {}\n", job.id(), job.version());
    for slot in job.inputs() {
        let each = if slot.each { "each " } else { "" };
        let optional = if slot.required { "" } else { ", optional" };
        let _ = writeln!(text, "  in  {}: {each}{}{optional}", slot.name, slot.kind);
    }
    for slot in job.outputs() {
        let _ = writeln!(text, "  out {}: {}", slot.name, slot.kind);
    }
    for field in fields(&job.params_schema(), &job.default_params()) {
        let optional = if field.optional { "?" } else { "" };
        let unit = field
            .unit
            .map(|unit| format!(" {unit}"))
            .unwrap_or_default();
        let choices: Vec<&str> = field
            .choices
            .iter()
            .map(|choice| choice.value.as_str())
            .collect();
        let choices = if choices.is_empty() {
            String::new()
        } else {
            format!(" of {}", choices.join("|"))
        };
        let range = match (field.minimum, field.maximum) {
            (None, None) => String::new(),
            (minimum, maximum) => {
                let bound =
                    |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
                format!(" in [{}, {}]", bound(minimum), bound(maximum))
            }
        };
        let name = field.path.join(".");
        let kind = type_name(&field.kind);
        let _ = writeln!(
            text,
            "  {name}: {kind}{optional}{unit}{choices}{range} = {}",
            field.default
        );
    }
    text
}

fn type_name(kind: &FieldType) -> String {
    match kind {
        FieldType::Number => "number".into(),
        FieldType::Integer => "integer".into(),
        FieldType::Boolean => "boolean".into(),
        FieldType::Text => "text".into(),
        FieldType::List(element) => format!("list of {}", type_name(element)),
        FieldType::Json => "json".into(),
    }
}

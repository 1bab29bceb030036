//! Documents: JSON, JSON lines, XML, settings, command files and plain text.
use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::description::Description;
use crate::error::InspectError;
use crate::input::{Input, decode};
use crate::kind::Kind;

/// Most names listed in one fact.
const MOST_NAMES: usize = 24;

/// Adds the number of lines, and whether the last one is open.
pub(crate) fn lines(text: &str, description: &mut Description) {
    description.facts.set("lines", text.lines().count());
    if !text.is_empty() && !text.ends_with('\n') {
        description.facts.set("ends_without_line_break", true);
    }
}

/// Describes plain text, settings and command files.
pub(crate) fn text(input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    if input.len() > crate::input::LARGEST_WHOLE {
        description.doubt("too large to read whole: only its start was looked at");
        description.summary = format!("{}, {} bytes", description.kind.words(), input.len());
        return Ok(());
    }
    let text = input.text()?;
    lines(&text, description);
    let count = text.lines().count();
    match description.kind {
        Kind::KeyValueFile => settings(&text, description),
        _ => description.summary = format!("{}, {count} lines", text_kind(&text, input)),
    }
    Ok(())
}

fn text_kind(text: &str, input: &Input<'_>) -> &'static str {
    let start = text.get(..400).unwrap_or(text);
    match input.extension().as_str() {
        _ if start.contains("Output from CTFFind") => "CTFFIND results",
        _ if start.contains("CTF DETERMINATION") => "CTFFIND log",
        _ if start.contains("program tiltalign") => "tiltalign log",
        "log" => "log",
        _ => "text",
    }
}

fn settings(text: &str, description: &mut Description) {
    let key = |line: &str| {
        let line = line.trim();
        let comment = line.starts_with(['#', '%', ';']);
        line.split_once('=')
            .filter(|_| !comment)
            .map(|(key, _)| key.trim().to_owned())
    };
    let keys: Vec<String> = text.lines().filter_map(key).collect();
    description.summary = format!("settings, {} keys", keys.len());
    description.facts.set("keys", keys.len());
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &keys {
        *seen.entry(key.as_str()).or_default() += 1;
    }
    let twice = seen.values().filter(|count| **count > 1).count();
    if twice > 0 && text.contains("fnVolume") {
        description.doubt(format!("{twice} keys stand more than once"));
    }
    if seen.contains_key("fnVolume") {
        description.facts.set("program", "PEET");
    } else if keys.iter().any(|key| key.starts_with("Setup.")) {
        description.facts.set("program", "eTomo");
    }
}

/// Describes a JSON document.
pub(crate) fn json(input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    let text = input.text()?;
    lines(&text, description);
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        input.damaged(format!(
            "{error}\n  hint: the JSON document is damaged or cut off"
        ))
    })?;
    let (what, keys) = match &value {
        Value::Object(fields) => {
            let keys: Vec<String> = fields.keys().take(MOST_NAMES).cloned().collect();
            (format!("an object of {} keys", fields.len()), keys)
        }
        Value::Array(items) => (format!("a list of {}", items.len()), Vec::new()),
        _ => ("a single value".to_owned(), Vec::new()),
    };
    if !keys.is_empty() {
        description.facts.set("keys", keys);
    }
    let zarr = ["zarr_format", "multiscales"]
        .iter()
        .any(|key| value.get(key).is_some());
    if zarr {
        description.facts.set("program", "zarr");
    }
    description.summary = format!("JSON, {what}");
    Ok(())
}

/// Describes a file of one JSON document per line.
pub(crate) fn json_lines(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let text = input.text()?;
    lines(&text, description);
    let mut records = 0;
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        serde_json::from_str::<IgnoredAny>(line).map_err(|error| {
            input.damaged(format!(
                "line {}: {error}\n  hint: is the file cut off?",
                index + 1
            ))
        })?;
        records += 1;
    }
    description.facts.set("records", records);
    description.summary = format!("JSON lines, {records} records");
    Ok(())
}

/// Describes an XML document.
pub(crate) fn xml(input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    let text = decode(input.bytes()?.into_owned());
    lines(&text, description);
    let document =
        roxmltree::Document::parse(text.trim_start_matches('\u{feff}')).map_err(|error| {
            input.damaged(format!(
                "{error}\n  hint: the XML document is damaged or cut off"
            ))
        })?;
    let root = document.root_element().tag_name().name().to_owned();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut elements = 0;
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        *counts.entry(node.tag_name().name()).or_default() += 1;
        elements += 1;
    }
    let mut common: Vec<(&str, usize)> = counts.into_iter().collect();
    common.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let named: Vec<Value> = common
        .iter()
        .take(MOST_NAMES)
        .map(|(name, count)| json!({ *name: count }))
        .collect();
    description.facts.set("root", root.as_str());
    description.facts.set("elements", elements);
    description.facts.set("elements_by_name", named);
    let program = match root.as_str() {
        "TiltSeries" | "Movie" | "Population" | "Species" => Some("Warp or M"),
        "ParticleList" | "Particle" => Some("PyTom"),
        _ => None,
    };
    description.facts.set_some("program", program);
    description.summary = format!("XML <{root}>, {elements} elements");
    Ok(())
}

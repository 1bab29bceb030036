//! Documents: JSON, JSON lines, XML, settings, command files and plain text.
use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::{Value, json};
use thon_formats::portal;

use crate::description::Description;
use crate::error::InspectError;
use crate::input::Input;
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
    if value.get("pickable_object_name").is_some() {
        let picks = portal::picks::parse(&text, input.name())?;
        description.facts.set("program", "copick");
        description.facts.set("points", picks.points.len());
        description.summary = format!(
            "copick, {} points of {}",
            picks.points.len(),
            picks.pickable_object_name
        );
    }
    Ok(())
}

/// Describes a file of one JSON document per line; points of the data portal with their kinds.
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
    if let Ok(points) = portal::points::parse(&text, input.name()) {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for point in &points {
            *kinds.entry(point.kind.as_str()).or_default() += 1;
        }
        description.facts.set("points_by_kind", json!(kinds));
        description.summary = format!("{} points of the data portal", points.len());
    }
    Ok(())
}

/// Describes an XML document; those of Warp and PyTom with their figures.
pub(crate) fn xml(input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    let text = input.text()?;
    lines(&text, description);
    let document = thon_formats::xml::parse(text.trim_start_matches('\u{feff}'), input.name())?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut elements = 0;
    let mut waiting = vec![&document.root];
    while let Some(element) = waiting.pop() {
        *counts.entry(element.name.as_str()).or_default() += 1;
        elements += 1;
        waiting.extend(&element.children);
    }
    let root = document.root.name.as_str();
    let mut common: Vec<(&str, usize)> = counts.into_iter().collect();
    common.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let named: Vec<Value> = common
        .iter()
        .take(MOST_NAMES)
        .map(|(name, count)| json!({ *name: count }))
        .collect();
    description.facts.set("root", root);
    description.facts.set("elements", elements);
    description.facts.set("elements_by_name", named);
    description.summary = format!("XML <{root}>, {elements} elements");
    match root {
        "TiltSeries" | "FrameSeries" | "Movie" => warp(&text, input, description),
        "ParticleList" => pytom(&text, input, description),
        _ => Ok(()),
    }
}

fn warp(text: &str, input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    let item = thon_formats::warp::parse(text, input.name())?;
    description.facts.set("program", "Warp or M");
    let angles = item.number_list("Angles")?.unwrap_or_default();
    let used = item.flag_list("UseTilt")?.unwrap_or_default();
    description
        .facts
        .set_some("angles_inverted", item.flag("AreAnglesInverted")?);
    description.facts.set("images", angles.len().max(1));
    if !angles.is_empty() {
        let range = angles
            .iter()
            .fold([f64::MAX, f64::MIN], |[low, high], one| {
                [low.min(*one), high.max(*one)]
            });
        description.facts.set(
            "tilt_angles",
            json!({ "count": angles.len(), "min": range[0], "max": range[1] }),
        );
    }
    if !used.is_empty() {
        description
            .facts
            .set("images_used", used.iter().filter(|yes| **yes).count());
    }
    if !used.is_empty() && used.len() != angles.len() {
        description.doubt(format!(
            "{} angles, but {} marks of use",
            angles.len(),
            used.len()
        ));
    }
    description.summary = format!(
        "Warp <{}> of {} images",
        item.root().name,
        angles.len().max(1)
    );
    Ok(())
}

fn pytom(text: &str, input: &Input<'_>, description: &mut Description) -> Result<(), InspectError> {
    let list = thon_formats::pytom::parse(text, input.name())?;
    description.facts.set("program", "PyTom");
    description.facts.set("particles", list.particles.len());
    description.summary = format!("PyTom list of {} particles", list.particles.len());
    Ok(())
}

//! `thon show JOB`: what was asked, what came out, how to write it up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use thon_contract::{AnyJob, Methods, Note, SlotRecord};
use thon_engine::Source;
use thon_project::Manifest;
use thon_project::state::JobFacts;

use super::{ls, outputs, text};
use crate::exit::{Exit, Outcome};
use crate::manual::cited;
use crate::table::{Cell, Table};
use crate::terminal::{Terminal, Tone};
use crate::text::{age, duration, number, value, wrap};
use crate::{Session, parameters, place};

/// Rows of a long list that are shown; all of them are in the JSON.
const SHOWN: usize = 12;

pub(super) fn show(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    let facts = project.facts(job)?;
    let declared = session
        .application
        .catalogue
        .find(&facts.record.request.operation)
        .ok();
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&document(&facts, declared));
        return Ok(Exit::Ok);
    }
    head(terminal, &facts);
    changed_parameters(terminal, &facts, declared);
    inputs(terminal, &facts);
    if let Some(manifest) = &facts.manifest {
        files(terminal, &outputs::slots(manifest));
        metrics(terminal, manifest);
    }
    remarks(terminal, &facts);
    methods(terminal, &found_methods(&facts, declared));
    Ok(Exit::Ok)
}

fn found_methods(facts: &JobFacts, declared: Option<&dyn AnyJob>) -> Methods {
    let methods = declared.map(|job| job.methods(&facts.record.request.parameters));
    methods.and_then(Result::ok).unwrap_or_default()
}

fn seconds(facts: &JobFacts) -> f64 {
    facts
        .units
        .values()
        .map(|unit| unit.seconds)
        .fold(0.0, |sum, s| sum + s)
}

/// The remarks of all units, with the item each is about.
fn notes(facts: &JobFacts) -> Vec<(String, Note)> {
    let read = |result: &Value| -> Vec<Note> {
        serde_json::from_value(result["notes"].clone()).unwrap_or_default()
    };
    let mut found = Vec::new();
    let mut add = |item: &str, result: &Value| {
        found.extend(read(result).into_iter().map(|note| (item.to_owned(), note)));
    };
    match &facts.manifest {
        Some(manifest) => manifest.units.iter().for_each(|u| add(&u.item, &u.result)),
        None => facts.units.values().for_each(|u| add(&u.item, &u.result)),
    }
    found
}

/// Everything that did not come out: items, and rows within items.
fn rejections(facts: &JobFacts) -> Vec<(String, String)> {
    let manifest = facts.manifest.iter().flat_map(|m| m.rejected.iter());
    let mut found: Vec<(String, String)> = manifest
        .map(|r| (r.item.clone(), r.reason.clone()))
        .collect();
    for (item, note) in notes(facts) {
        if let Note::Rejected(r) = note {
            found.push((format!("{item}/{}", r.name), r.reason));
        }
    }
    found
}

fn warnings(facts: &JobFacts) -> Vec<(String, String)> {
    let warning = |(item, note)| match note {
        Note::Warning { text } => Some((item, text)),
        _ => None,
    };
    notes(facts).into_iter().filter_map(warning).collect()
}

fn document(facts: &JobFacts, declared: Option<&dyn AnyJob>) -> Value {
    let (request, status) = (&facts.record.request, facts.status(None));
    let manifest = facts.manifest.as_ref();
    let metrics: BTreeMap<&str, &Value> = manifest
        .into_iter()
        .flat_map(|m| m.units.iter().map(|u| (u.item.as_str(), &u.metrics)))
        .collect();
    let pairs = |list: Vec<(String, String)>, what: &str| -> Vec<Value> {
        list.into_iter()
            .map(|(item, text)| json!({ "item": item, what: text }))
            .collect()
    };
    json!({
        "job": facts.record.job, "created": facts.record.created, "request": request,
        "state": status.state, "evidence": status.evidence, "attempts": facts.attempts.len(),
        "seconds": seconds(facts), "directory": facts.directory,
        "changed_parameters": declared.map(|job| changed_document(job, request)),
        "items_in": manifest.map(|m| m.items_in), "items_out": manifest.map(|m| m.items_out),
        "rejected": pairs(rejections(facts), "reason"),
        "warnings": pairs(warnings(facts), "text"),
        "outputs": manifest.map(|m| &m.outputs), "metrics": metrics,
        "methods": found_methods(facts, declared),
    })
}

fn changed_document(job: &dyn AnyJob, request: &thon_project::JobRequest) -> Value {
    let changed = parameters::changed(job, &request.parameters);
    Value::Object(
        changed
            .into_iter()
            .map(|(field, value)| (field.name(), value))
            .collect(),
    )
}

fn heading(terminal: &Terminal, text: &str) {
    terminal.line(&format!("\n{}", terminal.paint().tone(Tone::Bold, text)));
}

fn head(terminal: &Terminal, facts: &JobFacts) {
    let (request, status) = (&facts.record.request, facts.status(None));
    let title = format!("{} {}", facts.record.job, request.operation);
    terminal.line(&terminal.paint().tone(Tone::Bold, &title));
    let mut table = Table::new(&["", ""]);
    let mut line = |name: &str, text: String| {
        table.row(vec![Cell::toned(name, Tone::Dim), text.into()]);
    };
    line("title", request.title.clone());
    let mut word = Table::new(&[""]);
    word.row(vec![ls::state(&status)]);
    let word = word.render(0, 0, terminal.paint());
    line("state", format!("{}: {}", word.trim_end(), status.evidence));
    if let Some(manifest) = &facts.manifest {
        let rejected = manifest.rejected.len();
        let (items_in, items_out) = (manifest.items_in, manifest.items_out);
        line(
            "items",
            format!("{items_in} in, {items_out} out, {rejected} rejected"),
        );
    } else {
        line("items", format!("{} finished", facts.units.len()));
    }
    let created = facts.record.created;
    line(
        "made",
        format!("{created:.0} ({} ago)", age(created, Timestamp::now())),
    );
    let attempts = facts.attempts.len();
    line(
        "work",
        format!(
            "{} in {attempts} attempt{}",
            duration(seconds(facts)),
            if attempts == 1 { "" } else { "s" }
        ),
    );
    line(
        "place",
        format!("{}/{}", thon_project::layout::JOBS, facts.directory),
    );
    if let Some(origin) = &request.origin {
        line(
            "pipeline",
            format!("{}, step {}", origin.pipeline, origin.step),
        );
    }
    terminal.print(&table.render(2, 0, terminal.paint()));
}

fn changed_parameters(terminal: &Terminal, facts: &JobFacts, declared: Option<&dyn AnyJob>) {
    heading(terminal, "Parameters");
    let request = &facts.record.request;
    let Some(job) = declared else {
        terminal.line("  (this thon does not know the job; all parameters as recorded)");
        terminal.line(&format!("  {}", request.parameters));
        return;
    };
    let changed = parameters::changed(job, &request.parameters);
    let mut table = Table::new(&["", "", ""]).flexible(1);
    for (field, now) in &changed {
        let unit = field
            .unit
            .as_ref()
            .map(|u| format!(" {u}"))
            .unwrap_or_default();
        let default = format!("default {}", value(&field.default));
        table.row(vec![
            Cell::toned(field.name(), Tone::Accent),
            format!("{}{unit}", value(now)).into(),
            Cell::toned(default, Tone::Dim),
        ]);
    }
    terminal.table(&table, 2);
    terminal.line(if changed.is_empty() {
        "  all at their defaults"
    } else {
        "  the rest at their defaults"
    });
}

fn inputs(terminal: &Terminal, facts: &JobFacts) {
    let sources: BTreeMap<String, Source> =
        serde_json::from_value(facts.record.request.inputs.clone()).unwrap_or_default();
    if sources.is_empty() {
        return;
    }
    heading(terminal, "Inputs");
    let mut table = Table::new(&["", ""]);
    for (slot, source) in &sources {
        let text = match source {
            Source::Job { job, slot } => format!("{}.{slot}", job.0),
            Source::Files(files) => {
                let names: Vec<String> = files
                    .iter()
                    .take(SHOWN)
                    .map(|f| f.display().to_string())
                    .collect();
                let more = files.len().saturating_sub(SHOWN);
                format!(
                    "{}{}",
                    names.join(", "),
                    if more > 0 {
                        format!(", … {more} more")
                    } else {
                        String::new()
                    }
                )
            }
        };
        table.row(vec![Cell::toned(slot, Tone::Accent), text.into()]);
    }
    terminal.table(&table, 2);
}

fn files(terminal: &Terminal, slots: &BTreeMap<String, SlotRecord>) {
    heading(terminal, "Outputs");
    for (name, slot) in slots {
        let name = terminal.paint().tone(Tone::Accent, name);
        terminal.line(&format!(
            "  {name}  {} ({})",
            crate::text::count(slot.items.len() as u64, "item"),
            slot.kind
        ));
        let mut table = Table::new(&["", ""]);
        for item in slot.items.iter().take(SHOWN) {
            for (index, file) in item.files.iter().enumerate() {
                let name = if index == 0 { item.name.as_str() } else { "" };
                table.row(vec![name.into(), file.display().to_string().into()]);
            }
        }
        terminal.table(&table, 4);
        more(terminal, slot.items.len());
    }
}

fn more(terminal: &Terminal, count: usize) {
    if count > SHOWN {
        terminal.line(&format!(
            "    … {} more (`--json` lists all)",
            count - SHOWN
        ));
    }
}

fn metrics(terminal: &Terminal, manifest: &Manifest) {
    let with: Vec<_> = manifest
        .units
        .iter()
        .filter(|unit| unit.metrics.as_object().is_some_and(|m| !m.is_empty()))
        .collect();
    if with.is_empty() {
        return;
    }
    heading(terminal, "Metrics");
    let mut table = Table::new(&["", "", ""]).right(&[2]);
    for unit in with.iter().take(SHOWN) {
        for (index, (name, found)) in unit.metrics.as_object().into_iter().flatten().enumerate() {
            let item = if index == 0 { unit.item.as_str() } else { "" };
            let shown = found.as_f64().map_or_else(|| found.to_string(), number);
            table.row(vec![
                item.into(),
                Cell::toned(name, Tone::Accent),
                shown.into(),
            ]);
        }
    }
    terminal.table(&table, 2);
    more(terminal, with.len());
}

fn remarks(terminal: &Terminal, facts: &JobFacts) {
    for (name, list) in [
        ("Warnings", warnings(facts)),
        ("Rejected", rejections(facts)),
    ] {
        if list.is_empty() {
            continue;
        }
        heading(terminal, name);
        for (item, text) in list.iter().take(SHOWN) {
            terminal.line(&format!("  {item}: {text}"));
        }
        more(terminal, list.len());
    }
}

fn methods(terminal: &Terminal, methods: &Methods) {
    if methods.text.is_empty() && methods.citations.is_empty() {
        return;
    }
    heading(terminal, "Methods");
    for line in wrap(&methods.text, terminal.measure() - 2) {
        terminal.line(&format!("  {line}"));
    }
    for citation in &methods.citations {
        terminal.line(&format!("  {}", cited(citation)));
    }
}

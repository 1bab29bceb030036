//! `thon show JOB`: what was asked, what came out, how to write it up.

mod gathered;

use std::collections::BTreeMap;

use jiff::Timestamp;
use thon_contract::{AnyJob, Methods, SlotRecord};
use thon_engine::Source;
use thon_project::Manifest;
use thon_project::state::JobFacts;

use super::{ls, outputs, text};
use crate::exit::{Exit, Outcome};
use crate::manual::cited;
use crate::table::{Cell, Table};
use crate::terminal::{Terminal, Tone};
use crate::text::{age, duration, evidence, number, value, wrap};
use crate::{Session, parameters, place};
use gathered::{document, found_methods, rejections, seconds, warnings};

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
    // What was not done is not written up.
    if facts.manifest.is_some() {
        methods(terminal, &found_methods(&facts, declared));
    }
    Ok(Exit::Ok)
}

fn heading(terminal: &Terminal, text: &str) {
    terminal.line(&format!("\n{}", terminal.paint().tone(Tone::Bold, text)));
}

fn head(terminal: &Terminal, facts: &JobFacts) {
    let (request, status) = (&facts.record.request, facts.status(None));
    let title = format!("{} {}", facts.record.job, request.operation);
    terminal.line(&terminal.paint().tone(Tone::Bold, &title));
    let mut table = Table::new(&["", ""]);
    let mut line = |name: &str, cell: Cell| {
        table.row(vec![Cell::toned(name, Tone::Dim), cell]);
    };
    line("title", request.title.as_str().into());
    let (word, tone) = ls::state(&status);
    line("state", Cell::toned(word, tone));
    for why in evidence(&status.evidence) {
        line("", why.into());
    }
    if let Some(manifest) = &facts.manifest {
        let rejected = manifest.rejected.len();
        let (items_in, items_out) = (manifest.items_in, manifest.items_out);
        line(
            "items",
            format!("{items_in} in, {items_out} out, {rejected} rejected").into(),
        );
    } else {
        line("items", format!("{} finished", facts.units.len()).into());
    }
    let created = facts.record.created;
    line(
        "made",
        format!("{created:.0} ({} ago)", age(created, Timestamp::now())).into(),
    );
    let attempts = facts.attempts.len();
    line(
        "work",
        format!(
            "{} in {attempts} attempt{}",
            duration(seconds(facts)),
            if attempts == 1 { "" } else { "s" }
        )
        .into(),
    );
    line(
        "place",
        format!("{}/{}", thon_project::layout::JOBS, facts.directory).into(),
    );
    if let Some(origin) = &request.origin {
        line(
            "pipeline",
            format!("{}, step {}", origin.pipeline, origin.step).into(),
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
    let mut table = Table::new(&["", "", ""]).flexible(&[1]);
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

//! `thon demo`: simulated data, processed in a new project, compared with the truth.
//!
//! Everything lies in one directory: `data/` (written by a stand-alone run), `pipeline.toml`,
//! `project/`. A demo that was killed goes on where it stopped: data whose record states the same
//! request are kept, half-written data are written again, and the pipeline resumes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use thon_engine::{Catalogue, JobSpec, Pipeline, Step, run_standalone};
use thon_project::{Durable, Project, layout};

use super::doctor::peak_memory;
use super::path;
use super::run::run_steps;
use crate::Session;
use crate::demo::{Demo, DemoReport, DemoRow, Expected};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::progress::Watcher;
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::text::{bytes, duration, number};

/// Says that a directory belongs to a demo, so that its data may be written again.
const MARK: &str = "demo.json";
const DATA: &str = "data";
const PROJECT: &str = "project";
const PIPELINE: &str = "pipeline.toml";
/// The record of a stand-alone run.
const RECORD: &str = "thon.json";

pub(super) fn demo(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let demo = session
        .application
        .demo
        .ok_or_else(|| Failure::usage("this program has no demonstration"))?;
    let began = Instant::now();
    let directory = path(matches, "output");
    claim(demo, directory)?;
    session
        .terminal
        .note(&format!("{}, in {}", demo.title, directory.display()));
    simulate(session, demo, directory)?;
    process(session, demo, directory)?;
    let report = (demo.report)(directory)
        .map_err(|why| Failure::new(Exit::Failed, format!("the result cannot be judged: {why}")))?;
    let (seconds, memory) = (began.elapsed().as_secs_f64(), peak_memory());
    if session.terminal.json {
        session
            .terminal
            .json(&document(directory, &report, seconds, memory));
    } else {
        print(session, directory, &report, seconds, memory);
    }
    let kept = report
        .rows
        .iter()
        .all(|row| row.expected.kept(row.found) != Some(false));
    Ok(if kept { Exit::Ok } else { Exit::Failed })
}

/// Takes a new or empty directory, or one that a demo began in.
fn claim(demo: &Demo, directory: &Path) -> Outcome<()> {
    let mark = directory.join(MARK);
    if mark.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(directory).map_err(|e| Failure::disk("make", directory, &e))?;
    let mut entries =
        std::fs::read_dir(directory).map_err(|e| Failure::disk("list", directory, &e))?;
    if entries.next().is_some() {
        return Err(Failure::usage(format!(
            "{} is not empty, and no demo began there",
            directory.display()
        ))
        .hint("name another directory with `--output DIR`"));
    }
    let text = format!("{:#}\n", json!({ "demo": demo.title }));
    std::fs::write(&mark, text).map_err(|e| Failure::disk("write", &mark, &e))
}

/// Writes the data, unless the very same data are there.
fn simulate(session: &Session, demo: &Demo, directory: &Path) -> Outcome<()> {
    let step: Step = toml::from_str(demo.simulate)
        .map_err(|e| Failure::new(Exit::Internal, format!("the demo's simulation: {e}")))?;
    let spec = JobSpec {
        operation: step.job,
        parameters: step.parameters,
        ..JobSpec::default()
    };
    let data = directory.join(DATA);
    if recorded(&session.application.catalogue, &spec, &data)? {
        session
            .terminal
            .note(&format!("{}: the data are there", spec.operation));
        return Ok(());
    }
    if data.exists() {
        std::fs::remove_dir_all(&data).map_err(|e| Failure::disk("remove", &data, &e))?;
    }
    let watcher = Watcher::new(&session.terminal, Interrupt::install()?);
    run_standalone(
        &session.application.catalogue,
        &spec,
        &data,
        &watcher,
        session.settings,
    )?;
    Ok(())
}

/// Whether the directory holds the result of this very request.
fn recorded(catalogue: &Catalogue, spec: &JobSpec, data: &Path) -> Outcome<bool> {
    let job = catalogue.find(&spec.operation)?;
    let parameters = job
        .complete_params(&spec.parameters)
        .map_err(|findings| Failure::from(thon_engine::EngineError::Refused(findings)))?;
    let Ok(text) = std::fs::read(data.join(RECORD)) else {
        return Ok(false);
    };
    let Ok(record) = serde_json::from_slice::<Value>(&text) else {
        return Ok(false);
    };
    Ok(record["operation"] == job.id()
        && record["version"] == job.version()
        && record["parameters"] == parameters
        && record["inputs"] == json!(spec.inputs))
}

/// Runs the pipeline in the demo's project.
fn process(session: &Session, demo: &Demo, directory: &Path) -> Outcome<()> {
    let file = directory.join(PIPELINE);
    if std::fs::read(&file).is_ok_and(|text| text != demo.pipeline.as_bytes()) || !file.exists() {
        Durable::default().publish(&file, demo.pipeline.as_bytes())?;
    }
    let pipeline = Pipeline::read(&file)?;
    let root = directory.join(PROJECT);
    let project = if root.join(layout::PROJECT_FILE).exists() {
        Project::open(&Durable::default(), &root)?
    } else {
        Project::create(&Durable::default(), &root)?
    };
    run_steps(
        session,
        &project,
        &pipeline,
        &file,
        &BTreeMap::new(),
        session.settings,
    )?;
    Ok(())
}

fn document(directory: &Path, report: &DemoReport, seconds: f64, memory: Option<u64>) -> Value {
    let row = |row: &DemoRow| {
        let (relation, expected) = match row.expected {
            Expected::Nothing => (Value::Null, Value::Null),
            Expected::Truth(value) => (json!("truth"), json!(value)),
            Expected::AtLeast(value) => (json!("at-least"), json!(value)),
            Expected::AtMost(value) => (json!("at-most"), json!(value)),
        };
        json!({
            "name": row.name, "unit": row.unit, "found": row.found,
            "relation": relation, "expected": expected, "kept": row.expected.kept(row.found),
        })
    };
    json!({
        "directory": directory, "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "pictures": report.pictures, "seconds": seconds, "memory_peak": memory,
    })
}

fn print(
    session: &Session,
    directory: &Path,
    report: &DemoReport,
    seconds: f64,
    memory: Option<u64>,
) {
    let terminal = &session.terminal;
    let mut table = Table::new(&["", "found", "", "expected", ""]).right(&[1, 3]);
    for row in &report.rows {
        let (relation, expected) = match row.expected {
            Expected::Nothing => ("", String::new()),
            Expected::Truth(value) => ("truth", number(value)),
            Expected::AtLeast(value) => ("≥", number(value)),
            Expected::AtMost(value) => ("≤", number(value)),
        };
        let verdict = match row.expected.kept(row.found) {
            None => Cell::from(""),
            Some(true) => Cell::toned("kept", Tone::Good),
            Some(false) => Cell::toned("missed", Tone::Bad),
        };
        let unit = if row.unit.is_empty() {
            String::new()
        } else {
            format!(" ({})", row.unit)
        };
        table.row(vec![
            format!("{}{unit}", row.name).into(),
            number(row.found).into(),
            Cell::toned(relation, Tone::Dim),
            expected.into(),
            verdict,
        ]);
    }
    terminal.table(&table, 0);
    let memory = memory
        .map(|m| format!(", {} of memory at most", bytes(m)))
        .unwrap_or_default();
    terminal.line(&format!("\n{}{memory}", duration(seconds)));
    if !report.pictures.is_empty() {
        terminal.line("\nPictures");
        for picture in &report.pictures {
            terminal.line(&format!("  {}", picture.display()));
        }
    }
    let project = directory.join(PROJECT);
    terminal.note(&format!(
        "\nlook around: `thon --project {} ls`",
        project.display()
    ));
}

//! `thon run`: a job in the project or on plain files, a pipeline, a recorded job.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ArgMatches;
use serde_json::{Value, json};
use thon_contract::AnyJob;
use thon_engine::{
    Engine, JobSpec, Observer, Pipeline, Settings, StepOutcome, draft_pipeline, run_pipeline,
    run_standalone,
};
use thon_project::{JobNumber, Project};

use super::outputs;
use crate::arguments::slot_argument;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::progress::Watcher;
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::{Session, inputs, parameters, place, text};

pub(super) fn run(session: &Session, matches: &ArgMatches) -> Outcome {
    let (name, matches) = matches.subcommand().expect("clap requires it");
    let catalogue = &session.application.catalogue;
    match catalogue.jobs().find(|job| job.id() == name) {
        Some(job) => match matches.get_one::<PathBuf>("output") {
            Some(output) => standalone(session, job, matches, output),
            None => in_project(session, job, matches),
        },
        None if name.bytes().all(|byte| byte.is_ascii_digit()) => again(
            session,
            place::job_number(name)?,
            settings(session, matches),
        ),
        None => pipeline(session, Path::new(name), matches),
    }
}

fn settings(session: &Session, matches: &ArgMatches) -> Settings {
    Settings {
        accept_partial: matches.get_flag("accept-partial"),
        processes: crate::processes(matches),
        ..session.settings
    }
}

/// The engine on a project.
pub(super) fn engine<'a>(
    session: &Session,
    project: &'a Project,
    observer: &'a dyn Observer,
    settings: Settings,
) -> Engine<'a> {
    Engine {
        project,
        catalogue: session.application.catalogue,
        observer,
        settings,
    }
}

/// All inputs as `SLOT=…`, whether given with `--input` or with the slot's own flag.
fn given_inputs(job: &dyn AnyJob, matches: &ArgMatches) -> Vec<String> {
    let values = |argument: &str| {
        let given = matches.try_get_many::<String>(argument).ok().flatten();
        given.into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    let mut all = values("input");
    for slot in job.inputs() {
        let own = values(&slot_argument(&slot));
        all.extend(own.iter().map(|value| format!("{}={value}", slot.name)));
    }
    all
}

fn in_project(session: &Session, job: &'static dyn AnyJob, matches: &ArgMatches) -> Outcome {
    let project = place::open(session).map_err(|failure| {
        let lost = failure.exit == Exit::Project && session.project.is_none();
        if lost && place::project_directory(session).is_err() {
            failure.hint("`--output DIR` runs the job on plain files, without a project")
        } else {
            failure
        }
    })?;
    let catalogue = &session.application.catalogue;
    let spec = JobSpec {
        operation: job.id().into(),
        title: matches
            .get_one::<String>("title")
            .cloned()
            .unwrap_or_default(),
        parameters: parameters::given(job, matches, Some(project.root()))?,
        inputs: inputs::sources(catalogue, job, &given_inputs(job, matches), Some(&project))?,
        origin: None,
    };
    let watcher = Watcher::new(&session.terminal, Interrupt::install()?);
    let engine = engine(session, &project, &watcher, settings(session, matches));
    if matches.get_flag("later") {
        let number = engine.draft(&spec)?;
        return super::start::put(session, &project, &[number], matches);
    }
    let number = engine.submit(&spec)?;
    finish(session, &engine, number)
}

/// Runs a recorded job and prints its result.
fn finish(session: &Session, engine: &Engine<'_>, number: JobNumber) -> Outcome {
    let began = Instant::now();
    let manifest = engine
        .run(number)
        .map_err(|error| go_on(error.into(), number))?;
    let terminal = &session.terminal;
    if terminal.json {
        let mut document = outputs::document(&manifest);
        document["seconds"] = json!(began.elapsed().as_secs_f64());
        terminal.json(&document);
    } else {
        outputs::print(session, &manifest);
        tell_rejected(session, &manifest);
    }
    Ok(Exit::Ok)
}

/// How to take up a job that stopped.
fn go_on(failure: Failure, number: JobNumber) -> Failure {
    match failure.exit {
        Exit::Cancelled => Failure::new(Exit::Cancelled, format!("job {number} is cancelled"))
            .hint(format!("`thon run {}` goes on where it stopped", number.0)),
        Exit::Failed => failure.hint(format!(
            "`thon log {0}` says more; `thon run {0}` tries again what failed",
            number.0
        )),
        _ => failure,
    }
}

fn tell_rejected(session: &Session, manifest: &thon_project::Manifest) {
    let count = manifest.rejected.len() as u64;
    if count > 0 {
        let items = text::count(count, "item");
        let number = manifest.job.0;
        let hint = format!("{items} did not come out\nhint: `thon show {number}` says why");
        session.terminal.warn(&hint);
    }
}

fn again(session: &Session, number: JobNumber, settings: Settings) -> Outcome {
    let project = place::open(session)?;
    let watcher = Watcher::new(&session.terminal, Interrupt::install()?);
    let engine = engine(session, &project, &watcher, settings);
    finish(session, &engine, number)
}

fn standalone(
    session: &Session,
    job: &'static dyn AnyJob,
    matches: &ArgMatches,
    output: &Path,
) -> Outcome {
    let catalogue = &session.application.catalogue;
    let spec = JobSpec {
        operation: job.id().into(),
        parameters: parameters::given(job, matches, None)?,
        inputs: inputs::sources(catalogue, job, &given_inputs(job, matches), None)?,
        ..JobSpec::default()
    };
    let watcher = Watcher::new(&session.terminal, Interrupt::install()?);
    let began = Instant::now();
    let found = run_standalone(
        catalogue,
        &spec,
        output,
        &watcher,
        settings(session, matches),
    )?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({
            "operation": job.id(), "state": "done", "directory": output,
            "outputs": found, "seconds": began.elapsed().as_secs_f64(),
        }));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["output", "kind", "item", "file"]);
    for (unit, slots) in &found {
        for (name, slot) in slots {
            for item in &slot.items {
                let file = item.files.first().cloned().unwrap_or_default();
                let place = if found.len() > 1 {
                    output.join(unit)
                } else {
                    output.into()
                };
                table.row(vec![
                    Cell::toned(name, Tone::Accent),
                    slot.kind.as_str().into(),
                    item.name.as_str().into(),
                    place.join(file).display().to_string().into(),
                ]);
            }
        }
    }
    terminal.table(&table, 0);
    Ok(Exit::Ok)
}

fn pipeline(session: &Session, file: &Path, matches: &ArgMatches) -> Outcome {
    let pipeline = Pipeline::read(file)?;
    let mut given = BTreeMap::new();
    for text in matches.get_many::<String>("var").into_iter().flatten() {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!(
                "expected `NAME=VALUE` after --var, found \"{text}\""
            ))
        })?;
        given.insert(name.to_owned(), variable(value));
    }
    let project = place::open(session)?;
    let began = Instant::now();
    if matches.get_flag("later") {
        let engine = engine(session, &project, &thon_engine::Silent, session.settings);
        let jobs = draft_pipeline(&engine, &pipeline, file, &given)?;
        return super::start::put(session, &project, &jobs, matches);
    }
    let settings = settings(session, matches);
    let outcomes = run_steps(session, &project, &pipeline, file, &given, settings)?;
    let terminal = &session.terminal;
    if terminal.json {
        let steps: Vec<Value> = outcomes.iter().map(step_document).collect();
        terminal.json(&json!({
            "pipeline": pipeline.name, "steps": steps, "seconds": began.elapsed().as_secs_f64(),
        }));
    } else {
        terminal.table(&steps_table(&outcomes), 0);
        for outcome in &outcomes {
            tell_rejected(session, &outcome.manifest);
        }
    }
    Ok(Exit::Ok)
}

/// Runs the steps of a pipeline with progress and Ctrl-C.
pub(super) fn run_steps(
    session: &Session,
    project: &Project,
    pipeline: &Pipeline,
    file: &Path,
    given: &BTreeMap<String, Value>,
    settings: Settings,
) -> Outcome<Vec<StepOutcome>> {
    let watcher = Watcher::new(&session.terminal, Interrupt::install()?);
    let engine = engine(session, project, &watcher, settings);
    let ran = run_pipeline(&engine, pipeline, file, given);
    if ran.is_ok() {
        watcher.settled();
    }
    ran.map_err(|error| {
        let failure = Failure::from(error);
        match failure.exit {
            Exit::Cancelled => failure.hint("the same command goes on where it stopped"),
            Exit::Failed => failure.hint("the same command tries again what failed"),
            _ => failure,
        }
    })
}

/// A variable's value: a number or truth value where it reads as one, else text.
pub(super) fn variable(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_number() || value.is_boolean() || value.is_array() => value,
        _ => Value::String(text.to_owned()),
    }
}

fn step_document(outcome: &StepOutcome) -> Value {
    let mut document = outputs::document(&outcome.manifest);
    document["step"] = json!(outcome.step);
    document["already_done"] = json!(outcome.already_done);
    document
}

fn steps_table(outcomes: &[StepOutcome]) -> Table {
    let mut table = Table::new(&["step", "job", "operation", "items", ""]).right(&[3]);
    for outcome in outcomes {
        let manifest = &outcome.manifest;
        let news = if outcome.already_done { "was done" } else { "" };
        table.row(vec![
            outcome.step.as_str().into(),
            outcome.job.to_string().into(),
            Cell::toned(&manifest.operation, Tone::Accent),
            manifest.items_out.to_string().into(),
            Cell::toned(news, Tone::Dim),
        ]);
    }
    table
}

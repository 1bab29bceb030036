//! `thon watch FOLDER PIPELINE` and `thon set NAME`: an acquisition processed while it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ArgMatches;
use serde_json::{Value, json};
use thon_engine::queue::{Configuration, Queue};
use thon_engine::watch::{self, SeriesRow, Watch, WatchOptions};
use thon_engine::{Pipeline, Silent};
use thon_project::{JobState, Project, ProjectError};

use super::run::{engine, variable};
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::{Session, place};

/// Time between two turns of the queue.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn watch(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = match place::open(session) {
        Ok(project) => project,
        // Whoever owns it turns the queue.
        Err(failure) if is_owned(session) => {
            let read = place::open_to_read(session).map_err(|_| failure)?;
            session
                .terminal
                .note("another process turns the queue of this project: jobs are handed to it");
            read
        }
        Err(failure) => return Err(failure),
    };
    let options = options(session, matches, &project)?;
    let interrupt = Interrupt::install()?;
    let configuration = Configuration::read(project.root())?;
    configuration.position(options.executor.as_deref())?;
    let engine = engine(session, &project, &Silent, session.settings);
    let mut queue = if project.is_owner() {
        Some(Queue::open(engine, configuration)?)
    } else {
        None
    };
    let every = options.settle.clamp(PAUSE, Duration::from_secs(2));
    let name = options.name.clone();
    let mut watch = Watch::open(engine, options)?;
    if matches.get_flag("close") {
        watch.close()?;
    }
    let terminal = &session.terminal;
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        if now >= next {
            for row in watch.turn(now)? {
                terminal.note(&line(&row));
            }
            if watch.is_finished()? {
                break;
            }
            next = now + every;
        }
        if let Some(queue) = &mut queue {
            queue.turn()?;
            queue.take_changes();
        }
        if interrupt.asked() {
            terminal.note("jobs that run go on; the same command takes the set up again");
            return Ok(Exit::Cancelled);
        }
        std::thread::sleep(PAUSE);
    }
    print(session, &name, true, &watch.columns(), &watch.rows());
    end(session, &project, &watch)
}

fn is_owned(session: &Session) -> bool {
    let root = place::project_directory(session).unwrap_or_default();
    let opened = Project::open(&thon_project::Durable::default(), &root);
    matches!(opened, Err(ProjectError::Owned { .. }))
}

fn options(session: &Session, matches: &ArgMatches, project: &Project) -> Outcome<WatchOptions> {
    let file = super::path(matches, "PIPELINE");
    let pipeline = std::fs::read_to_string(file).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::usage(format!("there is no pipeline file {}", file.display()))
                .hint("`thon help movies-to-tomograms` prints one")
        }
        _ => Failure::disk("read", file, &e),
    })?;
    let name = Pipeline::parse(&pipeline, file)?.name;
    let folder = super::path(matches, "FOLDER");
    if !folder.is_dir() {
        return Err(Failure::usage(format!(
            "there is no folder {}",
            folder.display()
        )));
    }
    let mut variables = BTreeMap::new();
    for text in matches.get_many::<String>("var").into_iter().flatten() {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!(
                "expected `NAME=VALUE` after --var, found \"{text}\""
            ))
        })?;
        variables.insert(name.to_owned(), variable(value));
    }
    let settle = matches.get_one::<f64>("settle").copied().unwrap_or(60.0);
    let settle = Duration::try_from_secs_f64(settle)
        .map_err(|_| Failure::usage(format!("expected seconds after --settle, found {settle}")))?;
    let given = matches.get_one::<String>("name").cloned();
    let name = given.unwrap_or(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(plain) {
        return Err(Failure::usage(format!(
            "expected a name of letters, digits and -_., found \"{name}\""
        )));
    }
    Ok(WatchOptions {
        name,
        folder: folder_of(session, project, folder)?,
        pipeline,
        variables,
        settle,
        views: matches.get_one::<u64>("views").map_or(0, |n| *n as usize),
        sentinel: matches
            .get_one::<String>("sentinel")
            .cloned()
            .unwrap_or_default(),
        executor: matches.get_one::<String>("on").cloned(),
        processes: crate::processes(matches),
    })
}

fn folder_of(session: &Session, project: &Project, folder: &Path) -> Outcome<PathBuf> {
    let recorded = place::recorded_path(project.root(), folder)?;
    let there = project.root().join(&recorded);
    if there.is_dir() {
        return Ok(recorded);
    }
    session.terminal.warn(&format!(
        "{} is taken relative to the current directory",
        folder.display()
    ));
    std::path::absolute(folder).map_err(|e| Failure::disk("find", folder, &e))
}

/// A change of a series, in a line.
fn line(row: &SeriesRow) -> String {
    let mut text = format!("{} {}", row.name, row.state);
    if !row.evidence.is_empty() {
        let _ = write!(text, ": {}", row.evidence);
    }
    if row.state == "done" {
        let values: Vec<String> = row
            .values
            .iter()
            .map(|(name, value)| format!("{name} {}", number(*value)))
            .collect();
        if !values.is_empty() {
            let _ = write!(text, ": {}", values.join(", "));
        }
    }
    if !row.alarms.is_empty() {
        let _ = write!(text, "; out of bounds: {}", row.alarms.join(", "));
    }
    text
}

fn number(value: f64) -> String {
    if value.abs() >= 1000.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// How the jobs over the whole set ended.
fn end(session: &Session, project: &Project, watch: &Watch<'_>) -> Outcome {
    let mut failed = watch
        .rows()
        .iter()
        .any(|row| row.state == "failed" || row.state == "left out");
    for (step, job) in watch.whole_jobs() {
        let status = project.status(*job)?;
        if status.state != JobState::Done {
            failed = true;
            let (word, _) = super::ls::state(&status);
            let why = &status.evidence;
            session
                .terminal
                .warn(&format!("{step}: job {job} is {word}: {why}"));
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}

/// `thon set [NAME] [--close]`.
pub(super) fn set(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let names = watch::sets(&project)?;
    let Some(name) = matches.get_one::<String>("NAME") else {
        if session.terminal.json {
            session.terminal.json(&json!(names));
        } else if names.is_empty() {
            session
                .terminal
                .note("no sets yet; `thon watch FOLDER PIPELINE` opens one");
        } else {
            for name in names {
                session.terminal.line(&name);
            }
        }
        return Ok(Exit::Ok);
    };
    if matches.get_flag("close") {
        watch::close(&project, name)?;
    }
    let (record, closed, rows) = watch::look(&project, name)?;
    let pipeline = Pipeline::parse(&record.pipeline, Path::new("pipeline"))?;
    let columns: Vec<String> = pipeline.quality.into_iter().map(|c| c.name).collect();
    print(session, name, closed, &columns, &rows);
    Ok(Exit::Ok)
}

fn print(session: &Session, name: &str, closed: bool, columns: &[String], rows: &[SeriesRow]) {
    let terminal = &session.terminal;
    if terminal.json {
        let series: Vec<Value> = rows.iter().map(|row| json!(row)).collect();
        terminal
            .json(&json!({ "set": name, "closed": closed, "columns": columns, "series": series }));
        return;
    }
    let mut headings = vec!["series".to_owned(), "state".to_owned()];
    headings.extend(columns.iter().cloned());
    headings.extend(["warnings".to_owned(), "why".to_owned()]);
    let numbers: Vec<usize> = (2..columns.len() + 3).collect();
    let mut table = Table::named(headings).right(&numbers);
    for row in rows {
        let tone = match row.state.as_str() {
            "done" => Tone::Good,
            "failed" | "left out" => Tone::Bad,
            "processing" => Tone::Accent,
            _ => Tone::Dim,
        };
        let mut cells = vec![row.name.as_str().into(), Cell::toned(&row.state, tone)];
        for column in columns {
            let text = row.values.get(column).map_or(String::new(), |v| number(*v));
            let alarm = row.alarms.contains(column);
            let tone = if alarm { Tone::Bad } else { Tone::Plain };
            cells.push(Cell::toned(text, tone));
        }
        cells.push(row.warnings.len().to_string().into());
        cells.push(row.evidence.as_str().into());
        table.row(cells);
    }
    terminal.table(&table, 0);
    let state = if closed { "closed" } else { "open" };
    terminal.note(&format!("{} series; the set {name} is {state}", rows.len()));
}

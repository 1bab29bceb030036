//! `thon ls`: the jobs of the project.

use jiff::Timestamp;
use serde_json::{Value, json};
use thon_project::{JobState, JobStatus, Project};

use crate::exit::{Exit, Outcome};
use crate::table::{Cell, Table};
use crate::terminal::Tone;
use crate::{Session, place, text};

pub(super) fn ls(session: &Session) -> Outcome {
    let project = place::open_to_read(session)?;
    let terminal = &session.terminal;
    let mut table = Table::new(&["job", "operation", "title", "state", "items", "age"])
        .right(&[4, 5])
        .flexible(&[2]);
    let mut documents = Vec::new();
    let now = Timestamp::now();
    let engine = super::run::engine(session, &project, &thon_engine::Silent, session.settings);
    let stale = engine.stale()?;
    for number in project.jobs()? {
        let facts = project.facts(number)?;
        let status = facts.status(None);
        let request = &facts.record.request;
        let items = match &facts.manifest {
            Some(manifest) if manifest.items_in == manifest.items_out => {
                manifest.items_out.to_string()
            }
            Some(manifest) => format!("{} of {}", manifest.items_out, manifest.items_in),
            None => facts.units.len().to_string(),
        };
        let (word, tone) = match stale.get(&number) {
            Some(_) => ("stale", Tone::Warn),
            None => state(&status),
        };
        documents.push(json!({
            "job": number, "operation": request.operation, "title": request.title,
            "state": status.state, "evidence": status.evidence, "stale": stale.get(&number),
            "items_in": facts.manifest.as_ref().map(|m| m.items_in),
            "items_out": facts.manifest.as_ref().map_or(facts.units.len() as u64, |m| m.items_out),
            "created": facts.record.created, "directory": place_of(&project, &facts.directory),
        }));
        table.row(vec![
            number.to_string().into(),
            Cell::toned(&request.operation, Tone::Accent),
            request.title.as_str().into(),
            Cell::toned(word, tone),
            items.into(),
            text::age(facts.record.created, now).into(),
        ]);
    }
    if terminal.json {
        terminal.json(&Value::Array(documents));
    } else if documents.is_empty() {
        terminal.note("no jobs yet; `thon jobs` lists what can be run");
    } else {
        terminal.table(&table, 0);
    }
    Ok(Exit::Ok)
}

fn place_of(project: &Project, directory: &str) -> String {
    let place = project
        .root()
        .join(thon_project::layout::JOBS)
        .join(directory);
    place.display().to_string()
}

/// A state as a word, and its colour.
pub(super) fn state(status: &JobStatus) -> (&'static str, Tone) {
    match status.state {
        JobState::Draft => ("draft", Tone::Dim),
        JobState::Waiting => ("waiting", Tone::Dim),
        JobState::Blocked => ("blocked", Tone::Warn),
        JobState::Ready => ("ready", Tone::Dim),
        JobState::Submitted => ("submitted", Tone::Accent),
        JobState::Running => ("running", Tone::Accent),
        JobState::Done => ("done", Tone::Good),
        JobState::Failed => ("failed", Tone::Bad),
        JobState::Cancelled => ("cancelled", Tone::Warn),
        JobState::Interrupted => ("interrupted", Tone::Warn),
        JobState::Unknown => ("unknown", Tone::Warn),
        JobState::Damaged => ("damaged", Tone::Bad),
        JobState::Cleaned => ("cleaned", Tone::Dim),
    }
}

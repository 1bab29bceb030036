//! `thon jobs`: the catalogue by room.

use serde_json::{Value, json};

use crate::Session;
use crate::exit::Exit;
use crate::table::{Cell, Table};
use crate::terminal::Tone;

pub(super) fn jobs(session: &Session) -> Exit {
    let terminal = &session.terminal;
    let jobs = || session.application.catalogue.jobs();
    if terminal.json {
        let all: Vec<Value> = jobs().map(crate::manual::document).collect();
        terminal.json(&Value::Array(all));
        return Exit::Ok;
    }
    let mut table = Table::new(&["job", "what it does", "takes", "gives"]).flexible(&[3, 1]);
    let mut room = "";
    for job in jobs() {
        let own_room = job.id().split('.').next().unwrap_or_default();
        if !room.is_empty() && own_room != room {
            table.row(vec!["".into(), "".into(), "".into(), "".into()]);
        }
        room = own_room;
        let takes: Vec<String> = job.inputs().iter().map(|slot| slot.kind.clone()).collect();
        let gives: Vec<String> = job.outputs().iter().map(|slot| slot.kind.clone()).collect();
        table.row(vec![
            Cell::toned(job.id(), Tone::Accent),
            job.summary().into(),
            listed(takes).into(),
            listed(gives).into(),
        ]);
    }
    terminal.table(&table, 0);
    terminal.note("`thon help JOB` shows the manual page of a job");
    Exit::Ok
}

/// Kinds in order, each once; a dash for none.
fn listed(all: Vec<String>) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for kind in all {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() {
        return "–".into();
    }
    kinds.join(", ")
}

/// One line per job, for JSON of other commands.
pub(super) fn known(session: &Session) -> Value {
    let jobs = session.application.catalogue.jobs();
    json!(
        jobs.map(|job| json!({ "job": job.id(), "version": job.version() }))
            .collect::<Vec<_>>()
    )
}

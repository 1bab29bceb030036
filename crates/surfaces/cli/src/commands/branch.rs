//! `thon branch JOB --set NAME=VALUE`: a job and what came from it again, with a changed parameter.

use clap::ArgMatches;
use serde_json::{Value, json};
use thon_engine::Silent;
use thon_project::JobNumber;

use super::run::{engine, variable};
use super::text;
use crate::exit::{Exit, Failure, Outcome};
use crate::table::Table;
use crate::{Session, place};

pub(super) fn branch(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = place::open(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    let mut changes: Vec<(String, Value)> = Vec::new();
    for given in matches.get_many::<String>("set").into_iter().flatten() {
        let (name, value) = given.split_once('=').ok_or_else(|| {
            Failure::usage(format!(
                "expected `NAME=VALUE` after --set, found \"{given}\""
            ))
        })?;
        changes.push((name.to_owned(), variable(value)));
    }
    let engine = engine(session, &project, &Silent, session.settings);
    let follow = !matches.get_flag("alone");
    let pairs = thon_engine::branch(&engine, job, &changes, follow)?;
    let jobs: Vec<JobNumber> = pairs.iter().map(|(_, new)| *new).collect();
    if matches.get_flag("later") {
        return super::start::put(session, &project, &jobs, matches);
    }
    let terminal = &session.terminal;
    if terminal.json {
        let all: Vec<Value> = pairs
            .iter()
            .map(|(old, new)| json!({ "job": old, "branch": new }))
            .collect();
        terminal.json(&Value::Array(all));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["job", "branch", "operation"]);
    for (old, new) in &pairs {
        let operation = project.facts(*new)?.record.request.operation;
        table.row(vec![
            old.to_string().into(),
            new.to_string().into(),
            operation.as_str().into(),
        ]);
    }
    terminal.table(&table, 0);
    let numbers: Vec<String> = jobs.iter().map(|job| job.0.to_string()).collect();
    terminal.note(&format!(
        "`thon start {}` puts them into the queue",
        numbers.join(" ")
    ));
    Ok(Exit::Ok)
}

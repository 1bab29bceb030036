//! `thon pipeline JOB…`: some jobs and all they came from, as a pipeline file.

use clap::ArgMatches;
use serde_json::json;
use thon_engine::{Silent, extract_pipeline};

use super::run::engine;
use super::text;
use crate::exit::{Exit, Outcome};
use crate::{Session, place};

pub(super) fn pipeline(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let names = matches.get_many::<String>("JOB").into_iter().flatten();
    let jobs = names
        .map(|name| place::job_number(name))
        .collect::<Outcome<Vec<_>>>()?;
    let engine = engine(session, &project, &Silent, session.settings);
    let pipeline = extract_pipeline(&engine, &jobs, text(matches, "name"))?;
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!(pipeline));
    } else {
        terminal.print(&pipeline.to_toml());
    }
    Ok(Exit::Ok)
}

//! `thon cancel JOB`: asks a running job to stop.

use serde_json::json;

use super::{ls, text};
use crate::exit::{Exit, Failure, Outcome};
use crate::{Session, place};

pub(super) fn cancel(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    if !project.request_cancel(job, "asked by `thon cancel`")? {
        let status = project.status(job)?;
        let (state, _) = ls::state(&status);
        return Err(Failure::usage(format!(
            "job {job} is not running, it is {state}"
        )));
    }
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "job": job, "asked": true }));
    } else {
        terminal.line(&format!("asked job {job} to stop"));
        terminal.note(&format!("`thon log {} --follow` waits for its end", job.0));
    }
    Ok(Exit::Ok)
}

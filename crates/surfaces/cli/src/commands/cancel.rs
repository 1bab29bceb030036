//! `thon cancel JOB`: asks a running job to stop.

use serde_json::json;
use thon_engine::queue::{Request, leave_request};
use thon_project::{JobNumber, JobState, Project, ProjectError, QueuePhase};

use super::{ls, text};
use crate::exit::{Exit, Failure, Outcome};
use crate::{Session, place};

pub(super) fn cancel(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    let queued = matches!(
        project.status(job)?.state,
        JobState::Waiting | JobState::Blocked | JobState::Ready | JobState::Submitted
    );
    if queued || in_queue(&project, job)? {
        leave_request(project.root(), &Request::Cancel { job })?;
    } else if !project.request_cancel(job, "asked by `thon cancel`")? {
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

/// Whether the queue has the job under way.
fn in_queue(project: &Project, job: JobNumber) -> Result<bool, ProjectError> {
    let facts = project.facts(job)?;
    let last = facts.history.last().map(|line| line.phase);
    Ok(facts.manifest.is_none()
        && last.is_some_and(|phase| {
            !matches!(
                phase,
                QueuePhase::Done | QueuePhase::Failed | QueuePhase::Cancelled
            )
        }))
}

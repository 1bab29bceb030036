//! `thon start JOB…`: puts recorded jobs into the queue.

use clap::ArgMatches;
use serde_json::json;
use thon_engine::queue::{Configuration, Request, leave_request};
use thon_project::{JobNumber, JobState, Project, ProjectError};

use crate::exit::{Exit, Outcome};
use crate::{Session, place};

pub(super) fn start(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let names = matches.get_many::<String>("JOB").into_iter().flatten();
    let jobs = names
        .map(|name| place::job_number(name))
        .collect::<Outcome<Vec<_>>>()?;
    for job in &jobs {
        if project.status(*job)?.state == JobState::Done {
            return Err(ProjectError::AlreadyDone(*job).into());
        }
    }
    put(session, &project, &jobs, matches)
}

/// Leaves the requests to run jobs.
pub(super) fn put(
    session: &Session,
    project: &Project,
    jobs: &[JobNumber],
    matches: &ArgMatches,
) -> Outcome {
    let executor = matches.get_one::<String>("on").cloned();
    // A wrong name is told here, not where nobody looks.
    Configuration::read(project.root())?.position(executor.as_deref())?;
    for job in jobs {
        let request = Request::Start {
            job: *job,
            executor: executor.clone(),
            processes: crate::processes(matches),
        };
        leave_request(project.root(), &request)?;
    }
    let terminal = &session.terminal;
    if terminal.json {
        terminal.json(&json!({ "jobs": jobs, "executor": executor }));
    } else {
        let count = crate::text::count(jobs.len() as u64, "job");
        terminal.line(&format!("{count} in the queue"));
        terminal.note("`thon work` runs them, unless `thon serve` does already");
    }
    Ok(Exit::Ok)
}

//! `thon attempt` and `thon attempt-worker`: the processes of a submitted attempt, started by the queue.

use std::process::Command;

use clap::ArgMatches;
use thon_engine::queue;
use thon_project::JobNumber;

use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::{Session, place};

fn numbers(matches: &ArgMatches) -> (JobNumber, u32, Option<u32>) {
    let number = |name: &str| *matches.get_one::<u32>(name).expect("clap requires it");
    let part = matches.get_one::<u32>("part").copied();
    (JobNumber(number("JOB")), number("ATTEMPT"), part)
}

/// Starts the worker in a session of its own and writes down how it ended.
pub(super) fn supervise(session: &Session, matches: &ArgMatches) -> Outcome {
    // Fails where this process leads a group already, which serves as well.
    let _ = rustix::process::setsid();
    let interrupt = Interrupt::install()?;
    let root = place::project_directory(session)?;
    let (job, attempt, part) = numbers(matches);
    let program = std::env::current_exe()
        .map_err(|e| Failure::new(Exit::Internal, format!("cannot find this program: {e}")))?;
    let mut worker = Command::new(program);
    worker
        .args([
            "--quiet",
            "--threads",
            &session.settings.threads.to_string(),
        ])
        .arg("--project")
        .arg(&root)
        .arg(queue::WORKER_COMMAND)
        .args([job.0.to_string(), attempt.to_string()])
        .arg(super::text(matches, "MARK"));
    if let Some(part) = part {
        worker.args(["--part", &part.to_string()]);
    }
    queue::supervise(&root, job, attempt, part, worker, &|| interrupt.asked())?;
    Ok(Exit::Ok)
}

/// Does the attempt.
pub(super) fn work(session: &Session, matches: &ArgMatches) -> Outcome {
    let interrupt = Interrupt::install()?;
    let root = place::project_directory(session)?;
    let (job, attempt, part) = numbers(matches);
    let catalogue = session.application.catalogue;
    let stop = || interrupt.asked();
    queue::work(catalogue, &root, job, attempt, part, &stop)?;
    Ok(Exit::Ok)
}

//! `thon log JOB [--follow]`: what the last attempt wrote for people.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use thon_project::{JobNumber, JobState, Project, layout};

use super::{ls, text};
use crate::exit::{Exit, Failure, Outcome};
use crate::terminal::Tone;
use crate::text::evidence;
use crate::{Session, place};

/// How often `--follow` looks.
const LOOK: Duration = Duration::from_millis(300);

pub(super) fn log(session: &Session, matches: &clap::ArgMatches) -> Outcome {
    let project = place::open_to_read(session)?;
    let job = place::job_number(text(matches, "JOB"))?;
    let facts = project.facts(job)?;
    let Some((attempt, record)) = facts.last_attempt() else {
        return Err(Failure::usage(format!("job {job} was never started"))
            .hint(format!("`thon run {}` starts it", job.0)));
    };
    let directory = project.job_directory(job)?.under(project.root());
    let mut place = directory.join(layout::attempt_directory(attempt.number));
    if let Some(part) = matches.get_one::<u32>("part") {
        place = place.join(layout::part_directory(*part));
        if !place.is_dir() {
            return Err(Failure::usage(format!(
                "attempt {} of job {job} has no part {part}",
                attempt.number
            )));
        }
    }
    let file = place.join(layout::LOG_FILE);
    let terminal = &session.terminal;
    if terminal.json {
        let mut position = 0;
        let lines = new_text(&file, &mut position)?;
        let status = facts.status(None);
        terminal.json(&json!({
            "job": job, "attempt": attempt.number, "started": record.started,
            "process": record.process.to_string(), "state": status.state,
            "evidence": status.evidence, "lines": lines.lines().collect::<Vec<_>>(),
        }));
        return Ok(Exit::Ok);
    }
    let head = format!(
        "attempt {} of job {job}, started {:.0}, {}",
        attempt.number, record.started, record.process
    );
    terminal.line(&terminal.paint().tone(Tone::Dim, &head));
    follow(session, &project, job, &file, matches.get_flag("follow"))
}

fn follow(
    session: &Session,
    project: &Project,
    job: JobNumber,
    file: &Path,
    wait: bool,
) -> Outcome {
    let mut position = 0;
    loop {
        // The state is looked at before the text, so that the last words are not missed.
        let status = project.status(job)?;
        session.terminal.print(&new_text(file, &mut position)?);
        if !wait || status.state != JobState::Running {
            let (word, _) = ls::state(&status);
            let why: Vec<&str> = evidence(&status.evidence).collect();
            let line = format!("{word}: {}", why.join("\n"));
            let painted = session.terminal.paint().tone(Tone::Dim, &line);
            session.terminal.line(&painted);
            return Ok(Exit::Ok);
        }
        std::thread::sleep(LOOK);
    }
}

/// What was added to a file since `position`.
fn new_text(file: &Path, position: &mut u64) -> Outcome<String> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|mut open| {
        open.seek(SeekFrom::Start(*position))?;
        open.read_to_end(&mut bytes)
    });
    match read {
        Ok(count) => *position += count as u64,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Failure::disk("read", file, &e)),
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

//! The process that does an attempt: begins it once, beats while it lives, and writes down how it ended.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thon_project::{
    Attempt, Durable, JobNumber, Outcome, Part, Project, ProjectError, Task, layout,
};

use crate::observer::Event;
use crate::{Catalogue, Engine, EngineError, Observer, Settings};

/// Time between two beats.
const BEAT: Duration = Duration::from_secs(2);
/// Least time between two writings of the progress.
const PROGRESS: Duration = Duration::from_millis(500);
/// What the attempt is at, for whoever looks; nothing depends on it.
const PROGRESS_FILE: &str = "progress.json";

/// Does a submitted attempt, or a part of it, in this process; `stop` says that the process is to end.
///
/// # Errors
/// What ended the attempt, which is written down in its directory, too; [`ProjectError::Taken`] when somebody else has it.
pub fn work(
    catalogue: Catalogue,
    root: &Path,
    job: JobNumber,
    attempt: u32,
    part: Option<u32>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(), EngineError> {
    let project = Project::open_for_attempt(&Durable::default(), root, job)?;
    let task = project
        .task(job, attempt)?
        .ok_or(ProjectError::Taken { job, attempt })?;
    let claimed = project.claim_attempt(&task, part)?;
    let directory = claimed.directory().to_owned();
    let ended = AtomicBool::new(false);
    let watcher = Watcher {
        directory: directory.clone(),
        stop,
        last: Mutex::new(None),
    };
    let settings = settings(&task);
    let engine = Engine {
        project: &project,
        catalogue,
        observer: &watcher,
        settings,
    };
    beat(&directory, 0);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| beats(&directory, &ended));
        let ran = run(&engine, &claimed, &task, part);
        ended.store(true, Ordering::Relaxed);
        ran
    });
    let ran = match ran {
        Ok(None) => return Ok(()),
        Ok(Some(outcome)) => return Ok(claimed.end(&outcome)?),
        Err(error) => error,
    };
    if let Some(outcome) = outcome(&ran, &claimed) {
        claimed.end(&outcome)?;
    }
    Err(ran)
}

fn run(
    engine: &Engine<'_>,
    attempt: &Attempt,
    task: &Task,
    part: Option<u32>,
) -> Result<Option<Outcome>, EngineError> {
    match part {
        Some(index) => {
            let part = Part {
                index,
                of: task.parts,
            };
            let units = engine.run_part(attempt, part)?;
            Ok(Some(Outcome::Part { units }))
        }
        None => engine.run_whole(attempt).map(|_| None),
    }
}

/// How an error is written down; nothing is when the attempt no longer counts.
fn outcome(error: &EngineError, attempt: &Attempt) -> Option<Outcome> {
    let reason = error.to_string();
    Some(match error {
        EngineError::Project(ProjectError::Superseded(_) | ProjectError::Taken { .. }) => {
            return None;
        }
        EngineError::Cancelled if attempt.cancel_requested().unwrap_or(false) => {
            Outcome::Cancelled {
                reason: "somebody asked for it to stop".into(),
            }
        }
        EngineError::Cancelled => Outcome::Interrupted {
            reason: "its process was told to end".into(),
        },
        full if full.is_disk_full() => Outcome::DiskFull { reason },
        _ => Outcome::Failed {
            reason,
            details: Value::Null,
        },
    })
}

fn settings(task: &Task) -> Settings {
    let number = |name: &str| task.settings[name].as_u64();
    Settings {
        memory: number("memory").unwrap_or(8 << 30),
        processes: number("processes").unwrap_or(1) as usize,
        threads: number("cores").unwrap_or(1) as usize,
        accept_partial: false,
    }
}

fn beat(directory: &Path, count: u64) {
    let text = count.to_string();
    replace(directory, layout::BEAT_FILE, text.as_bytes());
}

fn beats(directory: &Path, ended: &AtomicBool) {
    let (mut count, mut last) = (0, Instant::now());
    while !ended.load(Ordering::Relaxed) {
        if last.elapsed() >= BEAT {
            count += 1;
            last = Instant::now();
            beat(directory, count);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a file whole; when that fails, the next time may do.
fn replace(directory: &Path, name: &str, bytes: &[u8]) {
    let partial = directory.join(format!(".{name}.new"));
    let written = std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, directory.join(name)));
    if let Err(error) = written {
        tracing::debug!("{name} is not written: {error}");
    }
}

/// Writes the progress down, and passes on that the process is to end.
struct Watcher<'a> {
    directory: PathBuf,
    stop: &'a (dyn Fn() -> bool + Sync),
    last: Mutex<Option<Instant>>,
}

impl Observer for Watcher<'_> {
    fn tell(&self, event: Event<'_>) {
        if let Event::Progress { item, done, total } = event {
            let mut last = self.last.lock().expect("no holder of this lock panics");
            if last.is_none_or(|when| when.elapsed() >= PROGRESS) {
                *last = Some(Instant::now());
                let text = json!({ "item": item, "done": done, "total": total });
                replace(&self.directory, PROGRESS_FILE, text.to_string().as_bytes());
            }
        }
    }

    fn stop(&self) -> bool {
        (self.stop)()
    }
}

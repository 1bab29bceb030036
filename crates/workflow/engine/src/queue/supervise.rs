//! The supervisor of an attempt: starts the worker, keeps what it says, and writes down how it ended when the worker no
//! longer can: out of memory, a signal, a crash. When the supervisor dies, the worker goes on without it.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use thon_project::submission::end_from_outside;
use thon_project::{Durable, JobNumber, Outcome, Project, layout};

use crate::EngineError;

/// The command of this program that supervises an attempt: job, attempt and mark follow.
pub const ATTEMPT_COMMAND: &str = "attempt";
/// The command of this program that does an attempt: job, attempt and mark follow.
pub const WORKER_COMMAND: &str = "attempt-worker";
/// What the worker wrote on its standard error.
const OUTPUT: &str = "output.txt";
/// How long a worker may take to stop once it was asked.
const GRACE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// Supervises an attempt, or a part of one; `worker` is the command that does it, `stop` says that this process is to end.
///
/// # Errors
/// A worker that cannot be started, or a directory that cannot be written.
pub fn supervise(
    root: &Path,
    job: JobNumber,
    attempt: u32,
    part: Option<u32>,
    mut worker: Command,
    stop: &dyn Fn() -> bool,
) -> Result<(), EngineError> {
    let durable = Durable::default();
    let project = Project::open_for_attempt(&durable, root, job)?;
    let mut directory = project.job_directory(job)?.under(root);
    directory.push(layout::attempt_directory(attempt));
    if let Some(part) = part {
        directory.push(layout::part_directory(part));
    }
    let output = directory.join(OUTPUT);
    let failed = |path: &Path, source| EngineError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::options()
        .append(true)
        .create(true)
        .open(&output)
        .map_err(|e| failed(&output, e))?;
    worker.stdin(Stdio::null()).stdout(Stdio::null());
    let before = killed_for_memory();
    let program = worker.get_program().to_owned();
    let mut child = worker
        .stderr(file)
        .spawn()
        .map_err(|e| failed(Path::new(&program), e))?;
    let status = wait(&mut child, &directory, stop).map_err(|e| failed(Path::new(&program), e))?;
    // Exit code 0 proves nothing, but what is written in the directory does.
    let claimed = durable
        .inspect(&directory.join(layout::CLAIM_FILE))?
        .is_some();
    let told = std::fs::read(&output).unwrap_or_default();
    let told = String::from_utf8_lossy(&told);
    if let Some(outcome) = outcome(status, &told, before, claimed)
        && project.sign(job, attempt)? != thon_project::Sign::Result
    {
        end_from_outside(&durable, &directory, &outcome)?;
    }
    Ok(())
}

/// Waits for the worker; passes on that it is to stop, and ends it when it does not.
fn wait(
    child: &mut Child,
    directory: &Path,
    stop: &dyn Fn() -> bool,
) -> std::io::Result<ExitStatus> {
    let mut asked: Option<Instant> = None;
    let above = directory.parent().unwrap_or(directory);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let told = stop();
        if asked.is_none() {
            let file = directory.join(layout::CANCEL_FILE);
            if told {
                let number = i32::try_from(child.id()).unwrap_or_default();
                if let Some(process) = rustix::process::Pid::from_raw(number) {
                    let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
                }
            }
            if told || file.exists() || above.join(layout::CANCEL_FILE).exists() {
                asked = Some(Instant::now());
            }
        }
        if asked.is_some_and(|when| when.elapsed() > GRACE) {
            child.kill()?;
        }
        std::thread::sleep(LOOK);
    }
}

/// What an ended worker left to say; nothing when it wrote its own end, or never began.
fn outcome(status: ExitStatus, told: &str, before: u64, claimed: bool) -> Option<Outcome> {
    if let Some(line) = told.lines().find(|l| l.contains("memory allocation of")) {
        return Some(Outcome::OutOfMemory {
            reason: line.to_owned(),
        });
    }
    match status.signal() {
        Some(9) if killed_for_memory() > before => Some(Outcome::OutOfMemory {
            reason: "the system killed it for want of memory".into(),
        }),
        Some(number @ (4 | 6 | 7 | 8 | 11)) => Some(Outcome::Failed {
            reason: format!("its process crashed with signal {number}"),
            details: Value::Null,
        }),
        Some(number) => Some(Outcome::Interrupted {
            reason: format!("its process was ended by signal {number}"),
        }),
        // It says so itself; a worker that ended before it began lost the claim to another.
        None if !claimed => Some(Outcome::Failed {
            reason: format!("its process could not begin: {}", told.trim()),
            details: Value::Null,
        }),
        None if status.success() => None,
        None => Some(Outcome::Failed {
            reason: format!("its process ended with {status}: {}", told.trim()),
            details: Value::Null,
        }),
    }
}

/// How many processes the system has killed for want of memory since it was started.
fn killed_for_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|count| count.trim().parse().ok())
        .unwrap_or(0)
}

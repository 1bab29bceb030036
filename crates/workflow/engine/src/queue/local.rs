//! This machine as an executor: one supervisor process per attempt, in a session of its own, which survives whoever
//! started it. A process is known by the mark in its command line, so that a number given out again is not mistaken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::configuration::ExecutorEntry;
use super::executor::{Executor, Mark, Submission};
use super::supervise::ATTEMPT_COMMAND;
use crate::machine::{Capacity, Handle, LookupAnswer, QueueAnswer, SubmitAnswer};

/// Milliseconds between two looks at a job.
const POLL: u64 = 200;

/// This machine.
pub(super) struct Local {
    root: PathBuf,
    program: PathBuf,
    capacity: Capacity,
}

impl Local {
    pub(super) fn new(entry: &ExecutorEntry, root: &Path, program: &Path) -> Self {
        let capacity = Capacity {
            cores: entry.all_cores(),
            memory: entry.all_memory(),
            jobs: entry.jobs.unwrap_or(usize::MAX),
            poll: entry.poll.unwrap_or(POLL),
            // Files of this machine are seen at once.
            visibility: 0,
        };
        Self {
            root: root.to_owned(),
            program: program.to_owned(),
            capacity,
        }
    }
}

/// Starts the supervisor of an attempt, detached; answers its process number.
pub(super) fn start(
    root: &Path,
    program: &Path,
    mark: &Mark,
    threads: u32,
) -> std::io::Result<u32> {
    let root = std::path::absolute(root)?;
    let mut child = Command::new(program)
        .args(["--quiet", "--threads", &threads.max(1).to_string()])
        .arg("--project")
        .arg(root)
        .arg(ATTEMPT_COMMAND)
        .args([mark.job.to_string(), mark.attempt.to_string()])
        .arg(mark.token.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let number = child.id();
    // Somebody has to look when it ends, or it stays behind as a zombie for as long as we live.
    std::thread::spawn(move || child.wait());
    Ok(number)
}

/// The numbers of living processes whose command line holds the mark.
pub(super) fn processes_of(mark: &Mark) -> Vec<u32> {
    let token = mark.token.to_string();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(|number| has_mark(*number, &token)).collect()
}

fn has_mark(number: u32, token: &str) -> bool {
    let command = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
    command
        .split(|byte| *byte == 0)
        .any(|word| word == token.as_bytes())
}

impl Executor for Local {
    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn submit(&mut self, submission: &Submission) -> SubmitAnswer {
        let mark = &submission.mark;
        match start(&self.root, &self.program, mark, submission.need.cores) {
            Ok(number) => SubmitAnswer::Accepted(Handle::from(number)),
            Err(error) => SubmitAnswer::Refused(format!("{}: {error}", self.program.display())),
        }
    }

    fn lookup(&mut self, mark: &Mark) -> LookupAnswer {
        let found = processes_of(mark).into_iter().min();
        found.map_or(LookupAnswer::NotFound, |number| {
            LookupAnswer::Found(Handle::from(number))
        })
    }

    fn poll(&mut self, handle: Handle, mark: &Mark) -> QueueAnswer {
        let token = mark.token.to_string();
        let own = u32::try_from(handle).is_ok_and(|number| has_mark(number, &token));
        // The worker may outlive its supervisor.
        if own || !processes_of(mark).is_empty() {
            QueueAnswer::Running
        } else {
            QueueAnswer::Absent
        }
    }

    fn stop(&mut self, _: Handle) {
        // The attempt reads the request in its directory, and its supervisor sees to it.
    }
}

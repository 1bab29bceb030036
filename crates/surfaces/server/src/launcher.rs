//! Has the queue of the project turned, by a process of its own that outlives the server.
//!
//! The process is this same program, `thon --project DIR work`: it owns the project, runs what was asked for, and ends when
//! nothing is left to do. What is asked for is left in the project as a request, so it is not forgotten when server or
//! queue end. When somebody else owns the project, a shell's `thon run` or `thon work`, this one waits.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thon_engine::queue::{Request, leave_request};
use thon_project::{JobNumber, ProjectError, layout};

use crate::queueing::Placing;
use crate::server::Settings;

/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_millis(300);
/// Least time between two starts.
const PAUSE: Duration = Duration::from_secs(1);
/// Where the process writes what it has to say.
const WORDS: &str = "last-work.txt";
/// Where requests are left.
const REQUESTS: &str = "requests";

#[derive(Default)]
struct Turning {
    process: Option<Child>,
    /// When it was started last.
    started: Option<Instant>,
    /// Whether the queue is to be turned although no request waits: at the start, for what was under way before.
    wanted: bool,
    /// Jobs that were asked for and did not move since, with the state they had.
    asked: BTreeMap<u32, String>,
    /// Why the queue cannot be turned.
    problem: Option<String>,
}

/// Turns the queue.
pub(crate) struct Launcher {
    root: PathBuf,
    program: PathBuf,
    flags: Vec<String>,
    turning: Mutex<Turning>,
}

impl Launcher {
    pub(crate) fn start(settings: &Settings, root: &Path) -> Arc<Self> {
        let turning = Turning {
            wanted: settings.resume,
            ..Turning::default()
        };
        let launcher = Arc::new(Self {
            root: root.to_path_buf(),
            program: settings.program.clone(),
            flags: settings.flags.clone(),
            turning: Mutex::new(turning),
        });
        let looking = Arc::downgrade(&launcher);
        std::thread::spawn(move || {
            while let Some(launcher) = looking.upgrade() {
                launcher.look();
                drop(launcher);
                std::thread::sleep(LOOK);
            }
        });
        launcher
    }

    fn turning(&self) -> MutexGuard<'_, Turning> {
        self.turning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a job to be run; `state` is its state now.
    pub(crate) fn run(&self, job: u32, state: &str, placing: &Placing) -> Result<(), ProjectError> {
        let request = Request::Start {
            job: JobNumber(job),
            executor: placing.executor.clone(),
            processes: placing.processes.unwrap_or(1),
        };
        leave_request(&self.root, &request)?;
        self.turning().asked.insert(job, state.to_owned());
        Ok(())
    }

    /// Asks for a job of the queue to stop.
    pub(crate) fn cancel(&self, job: u32) -> Result<(), ProjectError> {
        self.turning().asked.remove(&job);
        leave_request(
            &self.root,
            &Request::Cancel {
                job: JobNumber(job),
            },
        )
    }

    /// What is to be said of a job beyond its state: it was asked for, and why nothing comes of it if so.
    pub(crate) fn word(&self, job: u32, state: &str) -> Option<Result<(), String>> {
        let mut turning = self.turning();
        let asked = turning.asked.get(&job)?;
        if asked != state {
            turning.asked.remove(&job);
            return None;
        }
        Some(turning.problem.clone().map_or(Ok(()), Err))
    }

    fn look(&self) {
        let mut turning = self.turning();
        if let Some(process) = &mut turning.process {
            if matches!(process.try_wait(), Ok(None)) {
                return;
            }
            turning.process = None;
            turning.problem = self.problem();
            // Whoever owns the project now may be gone soon.
            turning.wanted &= turning.problem.is_some();
        }
        let too_early = turning.started.is_some_and(|when| when.elapsed() < PAUSE);
        if too_early || !(turning.wanted || self.has_requests()) {
            return;
        }
        turning.started = Some(Instant::now());
        match self.spawn() {
            Ok(process) => turning.process = Some(process),
            Err(error) => turning.problem = Some(format!("its process cannot be started: {error}")),
        }
    }

    fn has_requests(&self) -> bool {
        let directory = self.root.join(layout::PRIVATE).join(REQUESTS);
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        entries
            .filter_map(Result::ok)
            .any(|entry| entry.path().extension().is_some_and(|e| e == "json"))
    }

    fn words(&self) -> PathBuf {
        self.root.join(layout::PRIVATE).join(WORDS)
    }

    /// What the last process said when it could not do what was asked.
    fn problem(&self) -> Option<String> {
        if !self.has_requests() {
            return None;
        }
        let words = std::fs::read(self.words()).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).trim().to_owned();
        (!words.is_empty()).then_some(words)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let words = File::create(self.words())?;
        let mut command = Command::new(&self.program);
        command.arg("--project").arg(&self.root).arg("--quiet");
        command.args(&self.flags).arg("work");
        // A group of its own: what stops the server at the keyboard does not stop the work.
        command.process_group(0);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words);
        command.spawn()
    }
}

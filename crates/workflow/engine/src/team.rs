//! Several processes of this program at one unit, through a directory; no sockets, no shared memory.
//!
//! ```text
//! .team/
//!   unit.json            what is run; written by the leader before it starts helpers
//!   step-000007/
//!     request            written first, by renaming; then `pieces`, their number
//!     claim-3            made by whoever takes piece 3 on; holds the number of the process
//!     piece-3            its bytes, by renaming
//! ```
//! Pieces are claimed one by one, so that the fast do more. A claim of a process that has died, and a piece that nobody has
//! claimed, are the leader's. The directory vanishes when the unit ends: helpers that find it gone stop. The result does not
//! depend on the number of processes, because a piece does not depend on who computes it.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thon_compute::Progress;
use thon_contract::{AnyJob, Context, JobError, PieceOf, Team, UnitInputs};

use crate::workspace::UnitWorkspace;
use crate::{Catalogue, EngineError, Settings};

/// The command of this program that helps: its argument is the directory, its second the number of the process.
pub const HELP_COMMAND: &str = "help-unit";
/// How long a process waits before it looks again.
const PAUSE: Duration = Duration::from_millis(5);
/// What says how further processes are started: `srun`, or nothing.
const LAUNCHER: &str = "THON_LAUNCHER";
const UNIT: &str = "unit.json";

/// What helpers are told.
#[derive(Serialize, Deserialize)]
struct SharedUnit {
    operation: String,
    params: Value,
    inputs: UnitInputs,
    root: PathBuf,
    memory: u64,
}

/// What a team is to do.
pub(crate) struct Task<'a> {
    pub(crate) operation: &'a str,
    pub(crate) params: &'a Value,
    pub(crate) inputs: &'a UnitInputs,
    pub(crate) root: &'a Path,
    pub(crate) memory: u64,
}

/// A team for a unit of a job, when the job shares its work and several processes are wanted.
pub(crate) fn team(
    directory: &Path,
    job: &dyn AnyJob,
    task: &Task<'_>,
    settings: &Settings,
) -> Result<Option<Leader>, JobError> {
    if settings.processes < 2 || !job.shares() {
        return Ok(None);
    }
    Leader::start(directory, task, settings.processes, settings.threads).map(Some)
}

/// The process that does the unit, and its helpers.
pub(crate) struct Leader {
    directory: PathBuf,
    helpers: Mutex<Vec<Option<Child>>>,
    size: usize,
    step: AtomicUsize,
}

impl Leader {
    /// Starts `processes` − 1 helpers with `threads` threads each; the directory is made anew.
    fn start(
        directory: &Path,
        task: &Task<'_>,
        processes: usize,
        threads: usize,
    ) -> Result<Self, JobError> {
        let failed = |e: std::io::Error| JobError::file(directory, e);
        match fs::remove_dir_all(directory) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(e)),
            _ => fs::create_dir_all(directory).map_err(failed)?,
        }
        let shared = SharedUnit {
            operation: task.operation.to_owned(),
            params: task.params.clone(),
            inputs: task.inputs.clone(),
            root: task.root.to_owned(),
            memory: task.memory,
        };
        let text = serde_json::to_vec(&shared).expect("a unit is plain data");
        write_whole(directory, UNIT, &text)?;
        let program = std::env::current_exe().map_err(failed)?;
        let mut leader = Self {
            directory: directory.to_owned(),
            helpers: Mutex::new(Vec::new()),
            size: processes,
            step: AtomicUsize::new(0),
        };
        for number in 1..processes {
            let mut command = start_of(&program, number, threads);
            command
                .args(["--quiet", "--threads", &threads.max(1).to_string()])
                .arg(HELP_COMMAND)
                .arg(directory)
                .arg(number.to_string())
                // A helper whose standard input ends has lost its leader.
                .stdin(Stdio::piped())
                .stdout(Stdio::null());
            let child = command.spawn().map_err(|e| JobError::file(&program, e))?;
            let helpers = leader.helpers.get_mut();
            helpers.expect("nobody else has it yet").push(Some(child));
        }
        Ok(leader)
    }

    /// True while the process `number` runs.
    fn is_alive(&self, number: usize) -> bool {
        let mut helpers = self.helpers.lock().expect("no holder of this lock panics");
        let Some(slot) = number.checked_sub(1).and_then(|i| helpers.get_mut(i)) else {
            return false;
        };
        let running = slot
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !running {
            *slot = None;
        }
        running
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        let helpers = self
            .helpers
            .get_mut()
            .expect("no holder of this lock panics");
        for child in helpers.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Team for Leader {
    fn size(&self) -> usize {
        self.size
    }

    fn leads(&self) -> bool {
        true
    }

    fn spread(
        &self,
        request: &[u8],
        pieces: usize,
        work: &mut PieceOf<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<u8>>, JobError> {
        let number = self.step.fetch_add(1, Ordering::Relaxed);
        let step = step_directory(&self.directory, number);
        fs::create_dir_all(&step).map_err(|e| JobError::file(&step, e))?;
        write_whole(&step, "request", request)?;
        write_whole(&step, "pieces", pieces.to_string().as_bytes())?;
        let mut missing: Vec<usize> = Vec::new();
        for piece in 0..pieces {
            if claim(&step, piece, 0)? {
                write_whole(&step, &piece_name(piece), &work(request, piece)?)?;
            } else {
                missing.push(piece);
            }
        }
        while !missing.is_empty() {
            thon_compute::check(progress).map_err(|_| JobError::Cancelled)?;
            let mut left = Vec::new();
            for piece in missing {
                // Looked at before the piece: who dies after having written it has done it.
                let alive = claimant(&step, piece).is_some_and(|number| self.is_alive(number));
                if step.join(piece_name(piece)).exists() {
                    continue;
                }
                if alive {
                    left.push(piece);
                } else {
                    write_whole(&step, &piece_name(piece), &work(request, piece)?)?;
                }
            }
            missing = left;
            if !missing.is_empty() {
                std::thread::sleep(PAUSE);
            }
        }
        let read = |piece: usize| {
            let path = step.join(piece_name(piece));
            fs::read(&path).map_err(|e| JobError::file(&path, e))
        };
        let found = (0..pieces).map(read).collect();
        // Whoever still looks at it computes nothing that is wanted; what stays goes with the team.
        let _ = fs::remove_dir_all(&step);
        found
    }

    fn serve(&self, _: &mut PieceOf<'_>, _: &dyn Progress) -> Result<(), JobError> {
        Err(JobError::data("the leader of a team does not serve"))
    }
}

/// How a further process is started: here, or as a task of the allocation that this process runs in.
fn start_of(program: &Path, number: usize, threads: usize) -> Command {
    if std::env::var(LAUNCHER).as_deref() != Ok("srun") {
        return Command::new(program);
    }
    let nodes = std::env::var("SLURM_JOB_NUM_NODES").ok();
    let nodes = nodes.and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
    let mut command = Command::new("srun");
    command
        .args(["--quiet", "--nodes=1", "--ntasks=1", "--exact", "--input=0"])
        .arg(format!("--cpus-per-task={}", threads.max(1)))
        // Spread over the nodes; the leader is on the first.
        .arg(format!("--relative={}", number % nodes.max(1)))
        .arg(program);
    command
}

/// A process that helps.
struct Helper {
    directory: PathBuf,
    number: usize,
}

impl Team for Helper {
    fn size(&self) -> usize {
        self.number + 1
    }

    fn leads(&self) -> bool {
        false
    }

    fn spread(
        &self,
        _: &[u8],
        _: usize,
        _: &mut PieceOf<'_>,
        _: &dyn Progress,
    ) -> Result<Vec<Vec<u8>>, JobError> {
        Err(JobError::data("a helper of a team has nothing to hand out"))
    }

    fn serve(&self, work: &mut PieceOf<'_>, progress: &dyn Progress) -> Result<(), JobError> {
        let mut done = None;
        while self.directory.exists() {
            thon_compute::check(progress).map_err(|_| JobError::Cancelled)?;
            match newest_step(&self.directory).filter(|step| done != Some(*step)) {
                Some(step) => {
                    // A step that vanishes underneath is complete.
                    self.help(&step_directory(&self.directory, step), work)?;
                    done = Some(step);
                }
                None => std::thread::sleep(PAUSE),
            }
        }
        Ok(())
    }
}

impl Helper {
    /// Computes what nobody has claimed of a step.
    fn help(&self, step: &Path, work: &mut PieceOf<'_>) -> Result<(), JobError> {
        let Ok(request) = fs::read(step.join("request")) else {
            return Ok(());
        };
        let text = fs::read_to_string(step.join("pieces")).unwrap_or_default();
        // From the end: the leader begins at the start.
        for piece in (0..text.parse::<usize>().unwrap_or(0)).rev() {
            if step.exists() && claim(step, piece, self.number).unwrap_or(false) {
                let bytes = work(&request, piece)?;
                if let Err(error) = write_whole(step, &piece_name(piece), &bytes)
                    && step.exists()
                {
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Helps at the unit of a directory as process `number`, until its leader is done or gone.
///
/// # Errors
/// A directory that is not that of a team, and what the job says.
pub fn help_unit(
    catalogue: &Catalogue,
    directory: &Path,
    number: usize,
) -> Result<(), EngineError> {
    let path = directory.join(UNIT);
    let file_error = |source| EngineError::File {
        path: path.clone(),
        source,
    };
    let text = fs::read(&path).map_err(file_error)?;
    let unit: SharedUnit = serde_json::from_slice(&text)
        .map_err(|e| file_error(std::io::Error::new(ErrorKind::InvalidData, e)))?;
    let job = catalogue.find(&unit.operation)?;
    let scratch = directory.join(format!("helper-{number}"));
    fs::create_dir_all(&scratch).map_err(file_error)?;
    let helper = Helper {
        directory: directory.to_owned(),
        number,
    };
    let workspace = UnitWorkspace {
        root: unit.root,
        published: scratch.clone(),
        scratch: scratch.clone(),
        kept: None,
        readers: catalogue.readers(),
        listener: None,
        team: Some(&helper),
    };
    let context = Context::new(&workspace, &thon_compute::Quiet, unit.memory);
    let ran = job.run(&unit.params, &unit.inputs, &context);
    let _ = fs::remove_dir_all(&scratch);
    match ran {
        // A helper has no result of its own.
        Ok(_) | Err(JobError::Cancelled) => Ok(()),
        Err(source) => Err(EngineError::Unit {
            item: format!("helper {number}"),
            source,
        }),
    }
}

fn step_directory(team: &Path, number: usize) -> PathBuf {
    team.join(format!("step-{number:06}"))
}

fn piece_name(piece: usize) -> String {
    format!("piece-{piece}")
}

/// The newest step whose request is whole.
fn newest_step(team: &Path) -> Option<usize> {
    let entries = fs::read_dir(team).ok()?;
    let steps = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name();
        let number = name.to_str()?.strip_prefix("step-")?.parse().ok()?;
        entry.path().join("pieces").exists().then_some(number)
    });
    steps.max()
}

/// Takes a piece on; false when somebody has.
fn claim(step: &Path, piece: usize, number: usize) -> Result<bool, JobError> {
    let path = step.join(format!("claim-{piece}"));
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            let written = file.write_all(number.to_string().as_bytes());
            written.map_err(|e| JobError::file(&path, e))?;
            Ok(true)
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(JobError::file(&path, e)),
    }
}

/// Who has taken a piece on; none while the claim is being written by a process that may have died over it.
fn claimant(step: &Path, piece: usize) -> Option<usize> {
    let text = fs::read_to_string(step.join(format!("claim-{piece}"))).ok()?;
    text.parse().ok()
}

/// Writes a file so that it is there whole or not at all.
fn write_whole(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), JobError> {
    let partial = directory.join(format!(".{name}.{}", std::process::id()));
    let written =
        fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, directory.join(name)));
    written.map_err(|e| JobError::file(directory.join(name), e))
}

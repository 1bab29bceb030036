//! One owner at a time: the process that may write to a project.
//!
//! `.thon/lock` is locked for as long as the owner lives (the kernel gives the lock back when it dies), and
//! `.thon/owner.json` says who it is: host, boot id, pid and the start time of that pid, so that a number given
//! out again is not taken for the owner. Where the file system does not lock, `owner.json` decides alone.
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::durable::{DiskLock, Durable};
use crate::error::ProjectError;

const OWNER_FILE: &str = "owner.json";
const LOCK_FILE: &str = "lock";

/// A process, told apart from every other that was or will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Name of the host.
    pub host: String,
    /// Random id of the kernel's current boot, empty where unknown.
    pub boot_id: String,
    /// Process id.
    pub pid: u32,
    /// Start time of the process in clock ticks since boot, 0 where unknown.
    pub start_ticks: u64,
    /// When the identity was taken.
    pub since: Timestamp,
}

/// What can be said about a process from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It is this very process.
    This,
    /// It runs.
    Alive,
    /// It ended.
    Dead,
    /// It ran where this process cannot look.
    Unknown,
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path)
        .map(|text| text.trim().to_string())
        .unwrap_or_default()
}

/// Start time of a process in ticks, from field 22 of `/proc/PID/stat`, `None` when there is no such process.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything, so count from its end.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    // A zombie has ended; only its parent has not looked yet.
    (state != "Z" && state != "X")
        .then(|| fields.nth(18)?.parse().ok())
        .flatten()
}

impl ProcessIdentity {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self {
            host: first_line("/proc/sys/kernel/hostname"),
            boot_id: first_line("/proc/sys/kernel/random/boot_id"),
            pid,
            start_ticks: start_ticks(pid).unwrap_or(0),
            since: Timestamp::now(),
        }
    }

    /// Whether the process still runs.
    pub fn liveness(&self) -> Liveness {
        let this = Self::this();
        let same_process = self.pid == this.pid && self.start_ticks == this.start_ticks;
        if self.host != this.host {
            return Liveness::Unknown;
        }
        if self.boot_id != this.boot_id {
            return Liveness::Dead;
        }
        match (
            same_process,
            start_ticks(self.pid) == Some(self.start_ticks),
        ) {
            (true, _) => Liveness::This,
            (false, _) if this.boot_id.is_empty() => Liveness::Unknown,
            (false, true) => Liveness::Alive,
            (false, false) => Liveness::Dead,
        }
    }
}

impl fmt::Display for ProcessIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "process {} on host `{}` since {:.0}",
            self.pid, self.host, self.since
        )
    }
}

/// The ownership of a project, given back when dropped.
#[derive(Debug)]
pub struct Owner {
    durable: Durable,
    file: PathBuf,
    identity: ProcessIdentity,
    /// The attempts this process works on now.
    active: Mutex<BTreeSet<Uuid>>,
    _lock: DiskLock,
}

impl Owner {
    /// Takes the ownership kept in the private directory of the project `root`, from a dead owner if need be.
    ///
    /// # Errors
    /// [`ProjectError::Owned`] when a living process, or one that cannot be looked at, owns the project.
    pub fn take(durable: &Durable, root: &Path, private: &Path) -> Result<Self, ProjectError> {
        let file = private.join(OWNER_FILE);
        let owned = |owner: String| ProjectError::Owned {
            path: root.to_path_buf(),
            owner,
        };
        let Some(lock) = durable.lock(&private.join(LOCK_FILE))? else {
            let owner = Self::named_in(durable, &file)?;
            return Err(owned(owner.map_or_else(
                || "another process that is just starting".into(),
                |owner| owner.to_string(),
            )));
        };
        if let Some(previous) = Self::named_in(durable, &file)? {
            let here = ProcessIdentity::this();
            match previous.liveness() {
                Liveness::Dead => tracing::info!("taking over from {previous}, which ended"),
                // We hold the lock, so no other part of this process does.
                Liveness::This if lock.enforced => {}
                // One kernel serves both names (a container started anew): its lock tells the truth.
                Liveness::Unknown
                    if lock.enforced
                        && !here.boot_id.is_empty()
                        && previous.boot_id == here.boot_id => {}
                Liveness::Unknown => {
                    let hint = format!(
                        "{previous}, which cannot be looked at from here; if it ended, remove {}",
                        file.display()
                    );
                    return Err(owned(hint));
                }
                Liveness::This | Liveness::Alive => return Err(owned(previous.to_string())),
            }
        }
        let identity = ProcessIdentity::this();
        let text = serde_json::to_vec_pretty(&identity).expect("a process identity is plain data");
        durable.publish(&file, &text)?;
        Ok(Self {
            durable: durable.clone(),
            file,
            identity,
            active: Mutex::default(),
            _lock: lock,
        })
    }

    /// The owner named in the file; a damaged file names nobody, since it is published whole.
    fn named_in(durable: &Durable, file: &Path) -> Result<Option<ProcessIdentity>, ProjectError> {
        Ok(durable
            .read_if_present(file)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn attempts(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt begins in this process.
    pub(crate) fn attempt_begins(&self, token: Uuid) {
        self.attempts().insert(token);
    }

    /// An attempt is over in this process.
    pub(crate) fn attempt_is_over(&self, token: &Uuid) {
        self.attempts().remove(token);
    }

    /// Whether this process works on the attempt now.
    pub fn is_active(&self, token: &Uuid) -> bool {
        self.attempts().contains(token)
    }

    /// This process as it is named in the file.
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Nothing is lost when this fails: the next owner sees that this process ended.
        if let Err(error) = self.durable.remove_file(&self.file) {
            tracing::warn!("the owner's mark stays behind: {error}");
        }
    }
}

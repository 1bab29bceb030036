//! `executors.toml`: where jobs may run, and how many at a time.
//!
//! ```toml
//! [[executor]]
//! name = "here"
//! kind = "local"
//! cores = 8
//! memory = "32G"
//!
//! [[executor]]
//! name = "cluster"
//! kind = "slurm"
//! partition = "cpu"
//! minutes = 600
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::EngineError;

/// Name of the file, in the project directory.
pub const FILE: &str = "executors.toml";

/// What an executor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Processes of this machine.
    #[default]
    Local,
    /// A cluster, through `sbatch`, `squeue` and `scancel`.
    Slurm,
}

/// One executor as described.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutorEntry {
    /// Name by which it is asked for.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Cores in all; those of this machine when absent.
    pub cores: Option<u32>,
    /// Memory in all, such as `64G`; three quarters of this machine's when absent.
    pub memory: Option<String>,
    /// Cores of one job; half of all when absent.
    pub cores_per_job: Option<u32>,
    /// Jobs at a time.
    pub jobs: Option<usize>,
    /// Milliseconds between two looks.
    pub poll: Option<u64>,
    /// Milliseconds for which a file written there may stay invisible here; two minutes on a cluster when absent.
    pub visibility: Option<u64>,
    /// Slurm: the partition.
    pub partition: Option<String>,
    /// Slurm: the account.
    pub account: Option<String>,
    /// Slurm: minutes asked for; a day when absent.
    pub minutes: Option<u32>,
    /// Slurm: modules to load first.
    pub modules: Vec<String>,
    /// Slurm: further options of `sbatch`, such as `--qos=long`.
    pub directives: Vec<String>,
    /// Slurm: most array tasks of a job over items; 32 when absent.
    pub tasks: Option<u32>,
    /// Slurm: a script of RELION or cryoSPARC to submit with, relative to the project.
    pub template: Option<PathBuf>,
    /// What a RELION script has for XXXextra1XXX and so on.
    pub extra: Vec<String>,
    /// Slurm: the directory of its commands, where they are not on the path.
    pub commands: Option<PathBuf>,
}

/// All executors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The executors; the first is used where none is named.
    pub executors: Vec<ExecutorEntry>,
    /// Bytes to be left free on the project's disk.
    pub reserve: u64,
    program: PathBuf,
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    executor: Vec<ExecutorEntry>,
    #[serde(default)]
    reserve: Option<String>,
}

impl Configuration {
    /// Reads the executors of a project; without a file there is this machine.
    ///
    /// # Errors
    /// A file that makes no sense, with line and column.
    pub fn read(root: &Path) -> Result<Self, EngineError> {
        let path = root.join(FILE);
        let wrong = |message: String| EngineError::Executors {
            path: path.clone(),
            message,
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(wrong(e.to_string())),
        };
        let file: File = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let mut executors = file.executor;
        if executors.is_empty() {
            executors.push(ExecutorEntry {
                name: "local".into(),
                ..ExecutorEntry::default()
            });
        }
        for (i, entry) in executors.iter().enumerate() {
            if entry.name.is_empty() || executors[..i].iter().any(|e| e.name == entry.name) {
                let name = &entry.name;
                return Err(wrong(format!(
                    "executor {} needs a name of its own, found \"{name}\"",
                    i + 1
                )));
            }
            if let Some(memory) = &entry.memory {
                bytes(memory).ok_or_else(|| wrong(format!("memory = \"{memory}\": no size")))?;
            }
        }
        let reserve = file.reserve.unwrap_or_else(|| "1G".into());
        let reserve =
            bytes(&reserve).ok_or_else(|| wrong(format!("reserve = \"{reserve}\": no size")))?;
        let program = std::env::current_exe().map_err(|e| wrong(e.to_string()))?;
        Ok(Self {
            executors,
            reserve,
            program,
            path,
        })
    }

    /// The program that runs attempts: this one.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Position of an executor by name; the first when none is named.
    ///
    /// # Errors
    /// No executor of this name.
    pub fn position(&self, name: Option<&str>) -> Result<usize, EngineError> {
        let Some(name) = name else {
            return Ok(0);
        };
        let mut all = self.executors.iter();
        all.position(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.executors.iter().map(|e| e.name.as_str()).collect();
            EngineError::Executors {
                path: self.path.clone(),
                message: format!(
                    "there is no executor {name}\nhint: there are {}",
                    names.join(", ")
                ),
            }
        })
    }

    /// Cores of one job.
    pub(super) fn cores(&self, executor: usize) -> u32 {
        let entry = &self.executors[executor];
        let half = entry.all_cores().div_ceil(2);
        entry.cores_per_job.unwrap_or(half).max(1)
    }
}

impl ExecutorEntry {
    /// A command of the cluster.
    pub(super) fn tool(&self, name: &str) -> PathBuf {
        let directory = self.commands.as_ref();
        directory.map_or_else(|| name.into(), |directory| directory.join(name))
    }

    /// Cores in all.
    pub(super) fn all_cores(&self) -> u32 {
        let here = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        self.cores.unwrap_or(here).max(1)
    }

    /// Memory in all, in bytes.
    pub(super) fn all_memory(&self) -> u64 {
        let given = self.memory.as_deref().and_then(bytes);
        given.unwrap_or_else(|| machine_memory() / 4 * 3)
    }

    /// How the further processes of a unit are started.
    pub(super) fn launcher(&self) -> &'static str {
        match self.kind {
            Kind::Local => "process",
            Kind::Slurm => "srun",
        }
    }

    /// In how many parts a job with so many units is run.
    pub(super) fn parts(&self, units: usize) -> u32 {
        match self.kind {
            Kind::Local => 1,
            Kind::Slurm => (units as u32).clamp(1, self.tasks.unwrap_or(32).max(1)),
        }
    }
}

/// A size in bytes: `64G`, `512M`, `1024`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1 << 10,
        "M" | "MB" => 1 << 20,
        "G" | "GB" => 1 << 30,
        "T" | "TB" => 1 << 40,
        _ => return None,
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(scale)
}

/// Memory of this machine in bytes.
fn machine_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or(8 << 30, |kilobytes| kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(bytes("64G"), Some(64 << 30));
        assert_eq!(bytes("512 MB"), Some(512 << 20));
        assert_eq!(bytes("12"), Some(12));
        assert_eq!(bytes("much"), None);
    }
}

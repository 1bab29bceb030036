//! Files to pick: only in the allowed directories, whatever the path, and never through a link that leaves them.
//!
//! The kernel resolves the path below an open directory (`openat2` with `RESOLVE_BENEATH`), so there is no moment between
//! a check and its use.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, openat2};
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::{Answer, Answered, Call};
use crate::failure::{Refusal, ServerError};
use crate::server::Server;

/// Most entries in one answer.
const MOST: usize = 5000;

/// A directory whose files may be picked.
pub(crate) struct Root {
    path: PathBuf,
    directory: File,
    /// How its files are written in a job: relative to the project where that is short.
    written: PathBuf,
}

impl Root {
    /// The project, the directory around it, and the others.
    pub(crate) fn all(project: &Path, others: &[PathBuf]) -> Result<Vec<Self>, ServerError> {
        let mut roots = vec![Self::open(project, Some(PathBuf::new()))?];
        let real = &roots[0].path;
        if let Some(around) = real.parent().filter(|around| around.parent().is_some()) {
            let around = around.to_path_buf();
            roots.push(Self::open(&around, Some(PathBuf::from("..")))?);
        }
        for other in others {
            roots.push(Self::open(other, None)?);
        }
        Ok(roots)
    }

    fn open(path: &Path, written: Option<PathBuf>) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Root {
            path: path.to_path_buf(),
            source,
        };
        let real = path.canonicalize().map_err(failed)?;
        let directory = File::open(&real).map_err(failed)?;
        Ok(Self {
            written: written.unwrap_or_else(|| real.clone()),
            path: real,
            directory,
        })
    }

    /// Opens a directory below this one.
    fn enter(&self, below: &str) -> Result<OwnedFd, Refusal> {
        let below = if below.is_empty() { "." } else { below };
        openat2(
            &self.directory,
            below,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        )
        .map_err(|_| {
            Refusal::absent("there is no such directory among those that may be looked into")
        })
    }
}

/// A directory that may be looked into.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct RootSummary {
    name: String,
    directory: String,
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Entry {
    /// Files come after directories.
    is_file: bool,
    name: String,
}

/// A directory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Listing {
    /// All directories that may be looked into.
    roots: Vec<RootSummary>,
    /// Which of them this is in.
    root: usize,
    /// Where, below it.
    path: String,
    /// How it is written in a job.
    written: String,
    /// Directories, then files, by name.
    entries: Vec<Entry>,
    /// Whether there are more than are listed.
    more: bool,
}

/// What is in a directory.
pub(crate) fn files(server: &Server, call: &Call) -> Answered {
    let number = call.asked("root", 0)?;
    let root = server
        .roots
        .get(number)
        .ok_or_else(|| Refusal::absent("there is no such root"))?;
    let path = call
        .query
        .get("path")
        .map_or("", String::as_str)
        .trim_matches('/');
    let directory = Dir::new(root.enter(path)?).map_err(Refusal::internal)?;
    let mut entries = Vec::new();
    for entry in directory {
        let entry = entry.map_err(Refusal::internal)?;
        // A name that is no text cannot be named in a job.
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        let is_file = match entry.file_type() {
            FileType::Directory => false,
            FileType::RegularFile => true,
            // Links that stay inside can be entered; where they lead is asked when they are.
            FileType::Symlink | FileType::Unknown => {
                let below = if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}/{name}")
                };
                root.enter(&below).is_err()
            }
            _ => continue,
        };
        if !name.starts_with('.') {
            entries.push(Entry {
                is_file,
                name: name.to_owned(),
            });
        }
    }
    entries.sort();
    let more = entries.len() > MOST;
    entries.truncate(MOST);
    let summary = |root: &Root| RootSummary {
        name: root
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        directory: root.path.display().to_string(),
    };
    let written = if path.is_empty() {
        root.written.clone()
    } else {
        root.written.join(path)
    };
    Answer::json(&Listing {
        roots: server.roots.iter().map(summary).collect(),
        root: number,
        path: path.to_owned(),
        written: written.display().to_string(),
        entries,
        more,
    })
}

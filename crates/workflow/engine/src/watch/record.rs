//! What is written down of a set while it grows: `sets/NAME/`.
//!
//! ```text
//! sets/session-7/
//!   set.json        folder, pipeline, variables; never changed
//!   items.jsonl     a line for each series that came, with its jobs, and for each that was left out
//!   closed.json     there when nothing more is expected
//!   quality.json    the table as it last was; can be made again
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thon_project::{Digest, Durable, JobNumber, ProjectError, durable::Access, lines};

/// Directory of the sets, in a project.
pub(super) const SETS: &str = "sets";
const SET_FILE: &str = "set.json";
const ITEMS_FILE: &str = "items.jsonl";
const CLOSED_FILE: &str = "closed.json";
pub(super) const QUALITY_FILE: &str = "quality.json";

/// What is watched, and what is done with what comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetRecord {
    /// Version of this format.
    pub format: u32,
    /// Name of the set.
    pub name: String,
    /// The folder, as jobs know it: relative to the project or absolute.
    pub folder: PathBuf,
    /// The pipeline, as it was when the set was opened.
    pub pipeline: String,
    /// The variables that were given.
    pub variables: BTreeMap<String, Value>,
    /// Seconds for which files must not have changed.
    pub settle: f64,
    /// Images that a series has when it is finished; 0 when that is not known.
    pub views: usize,
    /// What is added to the name of a metadata file to name the file that says that it is finished; may be empty.
    pub sentinel: String,
}

/// One line about the set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub(super) enum Line {
    /// A series is complete; its jobs get numbers above `after`.
    Came {
        name: String,
        file: String,
        digest: Digest,
        views: usize,
        after: JobNumber,
    },
    /// The jobs of a series are recorded.
    Recorded {
        name: String,
        jobs: Vec<(String, JobNumber)>,
    },
    /// A series is left out of the set, with the reason.
    Left { name: String, reason: String },
    /// The whole set is recorded as one, of these series; its jobs get numbers above `after`.
    Whole {
        names: Vec<String>,
        after: JobNumber,
    },
    /// The jobs of the whole are recorded.
    WholeRecorded { jobs: Vec<(String, JobNumber)> },
}

/// A series that came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Came {
    pub(super) file: String,
    pub(super) digest: Digest,
    pub(super) views: usize,
    pub(super) after: JobNumber,
    /// Empty until they are recorded.
    pub(super) jobs: Vec<(String, JobNumber)>,
}

/// What the lines say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Items {
    /// By name; of a series that came twice, the later.
    pub(super) came: BTreeMap<String, Came>,
    /// Why series were left out.
    pub(super) left: BTreeMap<String, String>,
    /// The series of the whole, the number that its jobs are above, and its jobs.
    pub(super) whole: Option<(Vec<String>, JobNumber)>,
    pub(super) whole_jobs: Vec<(String, JobNumber)>,
}

impl Items {
    pub(super) fn add(&mut self, line: Line) {
        match line {
            Line::Came {
                name,
                file,
                digest,
                views,
                after,
            } => {
                self.left.remove(&name);
                let jobs = Vec::new();
                let came = Came {
                    file,
                    digest,
                    views,
                    after,
                    jobs,
                };
                self.came.insert(name, came);
            }
            Line::Recorded { name, jobs } => {
                if let Some(came) = self.came.get_mut(&name) {
                    came.jobs = jobs;
                }
            }
            Line::Left { name, reason } => {
                self.left.insert(name, reason);
            }
            Line::Whole { names, after } => self.whole = Some((names, after)),
            Line::WholeRecorded { jobs } => self.whole_jobs = jobs,
        }
    }
}

/// The directory of a set.
pub(super) struct SetPlace {
    durable: Durable,
    directory: PathBuf,
}

impl SetPlace {
    pub(super) fn new(durable: &Durable, root: &Path, name: &str) -> Self {
        Self {
            durable: durable.clone(),
            directory: root.join(SETS).join(name),
        }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn read(&self) -> Result<Option<SetRecord>, ProjectError> {
        let path = self.file(SET_FILE);
        let Some(bytes) = self.durable.read_if_present(&path)? else {
            return Ok(None);
        };
        let damaged = |e: serde_json::Error| ProjectError::Damaged {
            path: path.clone(),
            what: e.to_string(),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    pub(super) fn create(&self, record: &SetRecord) -> Result<(), ProjectError> {
        if let Some(sets) = self.directory.parent() {
            self.durable.ensure_directory(sets, Access::Shared)?;
        }
        self.durable
            .ensure_directory(&self.directory, Access::Shared)?;
        let text = serde_json::to_vec_pretty(record).expect("a set is plain data");
        self.durable.publish(&self.file(SET_FILE), &text)
    }

    pub(super) fn items(&self) -> Result<Items, ProjectError> {
        let mut items = Items::default();
        for line in lines::read::<Line>(&self.durable, &self.file(ITEMS_FILE))?.records {
            items.add(line);
        }
        Ok(items)
    }

    /// Writes a line down, durably.
    pub(super) fn write(&self, line: &Line) -> Result<(), ProjectError> {
        let path = self.file(ITEMS_FILE);
        if self.durable.inspect(&path)?.is_none() {
            self.durable.write_new(&path, b"")?;
            self.durable.sync_directory(&self.directory)?;
        }
        // An earlier line may be torn: an empty line costs nothing.
        let text = format!("\n{}", lines::encode(line));
        self.durable.append_sync(&path, text.as_bytes())
    }

    pub(super) fn is_closed(&self) -> Result<bool, ProjectError> {
        Ok(self.durable.inspect(&self.file(CLOSED_FILE))?.is_some())
    }

    pub(super) fn close(&self) -> Result<(), ProjectError> {
        if self.is_closed()? {
            return Ok(());
        }
        let text = json!({ "closed": Timestamp::now() }).to_string();
        self.durable
            .publish(&self.file(CLOSED_FILE), text.as_bytes())
    }

    /// Replaces the table of quality.
    pub(super) fn publish_quality(&self, table: &[u8]) -> Result<(), ProjectError> {
        self.durable.publish(&self.file(QUALITY_FILE), table)
    }
}

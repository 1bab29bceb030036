//! The project on disk: job directories, manifests, durable I/O, the rebuildable index.
//!
//! ```text
//! project.toml                      uuid, format version (written last when a project is made)
//! .thon/                            index.db, owner.json, lock, kept/ (0700); only caches and the owner's mark
//! jobs/00042-reconstruct-wbp/
//!   job.json                        what was asked; durable before it is acknowledged; never changed
//!   units/TS_01-3f2a9c81d0b4e672/   one directory per unit of work, published by rename
//!   history.jsonl                   what the queue decided, each line with its evidence
//!   attempt-1/                      (task.json claim beat handle.json when submitted by the queue)
//!                                   attempt.json units.jsonl events.jsonl log.txt work/ times.json outcome.json
//!   manifest.json                   written last; every file with size and BLAKE3
//! ```
//!
//! Three promises hold at every instant, also across `kill -9` and power loss:
//! a result exists only when its manifest does and the sizes of its files agree; a unit counts only
//! when its line in `units.jsonl` is whole and its files are there; the index can be thrown away.
//! `manifest.json` and `units/` hold nothing that depends on when, where or in how many attempts the
//! work was done, so an interrupted and resumed run ends with the same bytes as an uninterrupted one;
//! times, hosts and logs stay under `attempt-N/`.
pub mod attempt;
pub mod canonical;
pub mod clean;
pub mod digest;
pub mod disk;
pub mod durable;
mod error;
pub mod history;
pub mod index;
pub mod job;
pub mod kept;
pub mod layout;
pub mod lines;
pub mod manifest;
pub mod owner;
pub mod project;
pub mod state;
pub mod submission;
mod sweep;
pub mod unit;
pub mod verify;

pub use attempt::{Attempt, Outcome, UnitWork};
pub use clean::Cleaned;
pub use digest::{ContentKey, Digest};
pub use durable::{Disk, Durable, FaultyDisk, RealDisk};
pub use error::ProjectError;
pub use history::{HistoryLine, QueuePhase};
pub use job::{JobRecord, JobRequest, Origin};
pub use kept::{KeptStep, KeptSteps, KeptWork};
pub use layout::{JobNumber, ProjectPath};
pub use manifest::{Manifest, ManifestDraft, Rejection};
pub use project::Project;
pub use state::{JobState, JobStatus};
pub use submission::{Part, Sign, Task};
pub use unit::{FileRecord, UnitIdentity, UnitRecord};
pub use verify::{Check, Finding};

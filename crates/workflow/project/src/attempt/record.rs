//! How an attempt starts and how it ends without a result.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::owner::ProcessIdentity;

/// The content of `attempt.json`; its presence says that the attempt started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptRecord {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Random token, so that nothing from another attempt is taken for this one's.
    pub token: Uuid,
    /// The process that runs it.
    pub process: ProcessIdentity,
    /// When it started.
    pub started: Timestamp,
}

/// How an attempt ended without a result: the content of `outcome.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// It could not be done.
    Failed {
        /// Why, for people.
        reason: String,
        /// Anything else the engine knows.
        details: Value,
    },
    /// It was stopped from outside before it was done, and goes on in another attempt.
    Interrupted {
        /// What stopped it.
        reason: String,
    },
    /// Memory ran out.
    OutOfMemory {
        /// The evidence.
        reason: String,
    },
    /// The disk is full.
    DiskFull {
        /// What could not be written.
        reason: String,
    },
    /// The units of one part are done; the parts are put together elsewhere.
    Part {
        /// How many units.
        units: u64,
    },
    /// Somebody asked it to stop.
    Cancelled {
        /// Who or why.
        reason: String,
    },
}

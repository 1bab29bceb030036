//! What a job is: parameters, artifacts, findings, cost; schema to flags; the compliance test.
//!
//! One method = one kernel + one job file. A job declares [`Job::Params`], [`Job::Inputs`] and
//! [`Job::Outputs`]; command-line flags, TOML keys, web form, manual page, validation, provenance
//! and cache key all derive from that one declaration through [`AnyJob`] and [`schema`].

mod any;
mod artifact;
mod border;
pub mod compliance;
mod context;
mod error;
mod finding;
mod job;
mod kept;
pub mod kinds;
mod reading;
pub mod schema;
mod team;

pub use any::{AnyJob, InputSlot, OutputSlot, UnitInputs, UnitOutputs};
pub use artifact::{Artifact, Each, Item, ItemRecord, Kind, Output, Rejection, SlotRecord};
pub use border::{
    Acquisition, Beside, Border, Companion, ForeignItem, ForeignJob, ForeignProject, ForeignReader,
    ForeignValue, OwnJob, Promised, WriteProject,
};
pub use context::{Context, DirectoryWorkspace, Note, Notes, Workspace};
pub use error::JobError;
pub use finding::{Finding, Severity};
pub use job::{Citation, Cost, Job, Methods, None, PROCESS_MEMORY};
pub use kept::{Kept, KeptDirectory};
pub use reading::Reading;
pub use team::{PieceOf, Team};

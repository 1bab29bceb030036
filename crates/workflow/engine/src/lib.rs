//! Runs jobs and pipelines: units of work, cache, resume, cancel.
//!
//! Knows jobs as [`thon_contract::AnyJob`] and no method. A job is resolved into units (one per item
//! of its `Each` inputs, else one in all); each unit has a content key; a unit whose key is known
//! and whose files are there is not run again, whichever job or attempt made it.

mod branch;
mod catalogue;
mod clean;
mod curation;
mod drafting;
mod error;
mod explain;
mod extract;
mod foreign_project;
mod graph;
mod inputs;
pub mod machine;
mod observer;
mod outcome;
mod pipeline;
mod plain_files;
mod plan;
pub mod plugin;
mod preview;
pub mod queue;
mod recorder;
mod report;
mod run;
mod stale;
mod standalone;
mod submit;
mod team;
mod unit;
mod variables;
pub mod watch;
mod workspace;

pub use branch::branch;
pub use catalogue::Catalogue;
pub use clean::JobSpace;
pub use curation::{CuratedOutput, Curation, CurationRecord};
pub use drafting::draft_pipeline;
pub use error::EngineError;
pub use explain::{Explanation, explain};
pub use extract::extract_pipeline;
pub use foreign_project::{Adopted, adopt_project, export_project};
pub use inputs::Source;
pub use observer::{Event, Observer, Silent};
pub use pipeline::{Pipeline, QualityColumn, Step, StepOutcome, run_pipeline};
pub use preview::{Preview, UnitPreview};
pub use recorder::said;
pub use report::{Report, ReportStep, report};
pub use run::{Engine, Settings};
pub use standalone::run_standalone;
pub use submit::JobSpec;
pub use team::{HELP_COMMAND, help_unit};

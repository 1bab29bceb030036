//! What the engine tells whoever watches.

use thon_contract::{Finding, Note, Reading};
use thon_project::JobNumber;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step of a pipeline begins.
    Step {
        /// Its name.
        name: &'a str,
        /// Position, from 1.
        number: usize,
        /// Number of steps.
        of: usize,
    },
    /// A job starts.
    Started {
        /// The job, absent outside a project.
        job: Option<JobNumber>,
        /// Its operation.
        operation: &'a str,
        /// Number of units.
        units: usize,
    },
    /// A unit was found finished.
    Cached {
        /// The item.
        item: &'a str,
    },
    /// A unit is being run.
    Running {
        /// The item.
        item: &'a str,
    },
    /// A unit reports progress.
    Progress {
        /// The item.
        item: &'a str,
        /// Done.
        done: u64,
        /// Of how many.
        total: u64,
    },
    /// A unit says how it stands after a step, such as an iteration.
    Reading {
        /// The item.
        item: &'a str,
        /// What it says.
        reading: &'a Reading,
    },
    /// A unit ended.
    Finished {
        /// The item.
        item: &'a str,
        /// What it remarked.
        notes: &'a [Note],
    },
    /// A unit failed.
    Failed {
        /// The item.
        item: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A warning before the start.
    Warning {
        /// The finding.
        finding: &'a Finding,
    },
    /// A job has its result.
    Done {
        /// The job, absent outside a project.
        job: Option<JobNumber>,
        /// Its operation.
        operation: &'a str,
        /// Items in the result.
        items: u64,
    },
}

/// Watches the engine, and may ask it to stop.
pub trait Observer: Sync {
    /// Told of every event; may be called from any thread.
    fn tell(&self, event: Event<'_>);

    /// True once the run should stop.
    fn stop(&self) -> bool;
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn tell(&self, _: Event<'_>) {}
    fn stop(&self) -> bool {
        false
    }
}

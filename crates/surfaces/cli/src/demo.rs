//! What a demonstration is made of; `app` hands it in.

use std::path::{Path, PathBuf};

/// A demonstration: data are simulated, processed by a pipeline, and compared with the truth.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    /// What it shows, in one line.
    pub title: &'static str,
    /// The job that makes the data, as TOML: `name`, `job` and `[parameters]`, as in a pipeline's
    /// step. It runs stand-alone into `data/` of the demo's directory.
    pub simulate: &'static str,
    /// The pipeline, as TOML; it runs in the project `project/` of the demo's directory, which
    /// finds the data in `../data`.
    pub pipeline: &'static str,
    /// Compares what was found with the truth; is handed the demo's directory.
    pub report: fn(&Path) -> Result<DemoReport, String>,
}

/// What came out of a demonstration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DemoReport {
    /// The figures.
    pub rows: Vec<DemoRow>,
    /// Pictures to look at.
    pub pictures: Vec<PathBuf>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoRow {
    /// What was measured.
    pub name: String,
    /// Unit; empty for pure numbers.
    pub unit: String,
    /// What was found.
    pub found: f64,
    /// What should be found.
    pub expected: Expected,
}

/// What a figure is measured against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected {
    /// Nothing: it is only told.
    Nothing,
    /// The value that was put in.
    Truth(f64),
    /// It should reach at least this.
    AtLeast(f64),
    /// It should stay at or below this.
    AtMost(f64),
}

impl Expected {
    /// Whether a bound is kept; `None` where there is no bound.
    pub fn kept(self, found: f64) -> Option<bool> {
        match self {
            Self::Nothing | Self::Truth(_) => None,
            Self::AtLeast(bound) => Some(found >= bound),
            Self::AtMost(bound) => Some(found <= bound),
        }
    }
}

//! A tilt series: its description in JSON; the images stay where they are.

use std::path::{Path, PathBuf};

use thon_model::TiltSeries;

use super::{read_json, write_json};
use crate::{Context, JobError, Kind};

/// A [`TiltSeries`]; image paths are relative to the project or absolute.
#[derive(Clone, Copy, Debug)]
pub enum TiltSeriesKind {}

impl Kind for TiltSeriesKind {
    const NAME: &'static str = "tilt-series";
    type Value = TiltSeries;

    fn read(path: &Path, _: &Context) -> Result<TiltSeries, JobError> {
        read_json(path)
    }

    fn write(name: &str, value: &TiltSeries, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let file = format!("{name}.tilt_series.json");
        write_json(&file, value, context)?;
        Ok(vec![file.into()])
    }
}

//! What a person decided about picks: a list of edits in one JSON file.

use std::path::{Path, PathBuf};

use thon_model::Edits;

use super::{read_json, write_json};
use crate::{Context, JobError, Kind};

/// [`Edits`], as `NAME.edits.json`.
#[derive(Clone, Copy, Debug)]
pub enum EditsKind {}

impl Kind for EditsKind {
    const NAME: &'static str = "edits";
    type Value = Edits;

    fn read(path: &Path, _: &Context) -> Result<Edits, JobError> {
        read_json(path)
    }

    fn write(name: &str, value: &Edits, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let file = format!("{name}.edits.json");
        write_json(&file, value, context)?;
        Ok(vec![file.into()])
    }
}

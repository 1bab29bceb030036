//! A particle set.

use std::path::{Path, PathBuf};

use thon_model::ParticleSet;

use super::{read_json, write_json};
use crate::{Context, JobError, Kind};

/// A [`ParticleSet`].
#[derive(Clone, Copy, Debug)]
pub enum ParticlesKind {}

impl Kind for ParticlesKind {
    const NAME: &'static str = "particles";
    type Value = ParticleSet;

    fn read(path: &Path, _: &Context) -> Result<ParticleSet, JobError> {
        read_json(path)
    }

    fn write(name: &str, value: &ParticleSet, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let file = format!("{name}.particles.json");
        write_json(&file, value, context)?;
        Ok(vec![file.into()])
    }
}

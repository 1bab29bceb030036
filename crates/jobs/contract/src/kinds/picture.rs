//! A picture for people: PNG.

use std::path::{Path, PathBuf};

use crate::{Context, JobError, Kind};

/// The bytes of a PNG file.
#[derive(Clone, Copy, Debug)]
pub enum PictureKind {}

impl Kind for PictureKind {
    const NAME: &'static str = "picture";
    type Value = Vec<u8>;

    fn read(path: &Path, _: &Context) -> Result<Vec<u8>, JobError> {
        std::fs::read(path).map_err(|e| JobError::file(path, e))
    }

    fn write(name: &str, value: &Vec<u8>, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let file = format!("{name}.png");
        let path = context.file(&file)?;
        std::fs::write(&path, value).map_err(|e| JobError::file(&path, e))?;
        Ok(vec![file.into()])
    }
}

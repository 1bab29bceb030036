//! The motion of movies that an interrupted run had finished: a killed run estimates one movie again, and only adds up the frames
//! of those before it.

use thon_contract::{Context, JobError};
use thon_motion::Motion;

const FILE: &str = "motion.json";

fn name(image: usize) -> String {
    format!("movie-{:04}", image + 1)
}

/// Keeps the motion in the movie of an image. One without a shared signal is not kept: its uncertainty is infinite, which JSON
/// cannot say.
pub(super) fn keep(image: usize, motion: &Motion, context: &Context) -> Result<(), JobError> {
    if !motion.uncertainty.is_finite() {
        return Ok(());
    }
    context.keep(&name(image), |directory| {
        let path = directory.join(FILE);
        let text = serde_json::to_vec(motion).map_err(|e| JobError::file(&path, e))?;
        std::fs::write(&path, text).map_err(|e| JobError::file(&path, e))
    })?;
    Ok(())
}

/// The motion in the movie of an image, when an earlier attempt has found it.
pub(super) fn kept(image: usize, context: &Context) -> Result<Option<Motion>, JobError> {
    let Some(directory) = context.kept(&name(image))? else {
        return Ok(None);
    };
    let path = directory.join(FILE);
    let text = std::fs::read(&path).map_err(|e| JobError::file(&path, e))?;
    let motion = serde_json::from_slice(&text).map_err(|e| JobError::file(&path, e))?;
    Ok(Some(motion))
}

//! The jobs that `app` hands in, by name.

use thon_contract::AnyJob;
use thon_contract::schema::nearest;

use crate::EngineError;

/// A list of jobs.
#[derive(Clone, Copy)]
pub struct Catalogue(pub &'static [&'static dyn AnyJob]);

impl Catalogue {
    /// The job with this id.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`] with the nearest known id.
    pub fn find(&self, id: &str) -> Result<&'static dyn AnyJob, EngineError> {
        self.0
            .iter()
            .copied()
            .find(|job| job.id() == id)
            .ok_or_else(|| EngineError::UnknownJob {
                id: id.to_owned(),
                nearest: nearest(id, self.0.iter().map(|job| job.id())).map(str::to_owned),
            })
    }

    /// All jobs in order.
    pub fn jobs(&self) -> impl Iterator<Item = &'static dyn AnyJob> {
        self.0.iter().copied()
    }
}

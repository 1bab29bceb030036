//! The jobs that `app` hands in, by name, and where foreign files cross into runs.

use std::path::Path;

use thon_contract::schema::nearest;
use thon_contract::{AnyJob, Border, Companion, ForeignReader};

use crate::EngineError;
use crate::plugin::PluginJob;

/// A list of jobs.
#[derive(Clone, Copy)]
pub struct Catalogue {
    jobs: &'static [&'static dyn AnyJob],
    border: Border,
}

impl Catalogue {
    /// These jobs, and no foreign files.
    pub const fn new(jobs: &'static [&'static dyn AnyJob]) -> Self {
        let border = Border {
            readers: &[],
            companions: &[],
        };
        Self { jobs, border }
    }

    /// The same jobs with readers of foreign files and companions of results.
    #[must_use]
    pub const fn with_border(self, border: Border) -> Self {
        Self { border, ..self }
    }

    /// The same jobs and those of plug-ins, which stay for the rest of the process' life; a plug-in never takes the place
    /// of a job.
    #[must_use]
    pub fn with_plugins(self, plugins: Vec<PluginJob>) -> Self {
        let mut jobs: Vec<&'static dyn AnyJob> = self.jobs.to_vec();
        for plugin in plugins {
            if jobs.iter().all(|job| job.id() != plugin.id()) {
                jobs.push(Box::leak(Box::new(plugin)));
            }
        }
        Self {
            jobs: Box::leak(jobs.into_boxed_slice()),
            ..self
        }
    }

    /// Readers of foreign files.
    pub(crate) fn readers(&self) -> &'static [ForeignReader] {
        self.border.readers
    }

    /// The reader for a plain file in a slot of this kind; `None` for files of thon's own.
    pub(crate) fn reader(&self, kind: &str, path: &Path) -> Option<&'static ForeignReader> {
        let mut readers = self.border.readers.iter();
        readers.find(|reader| reader.reads(kind, path))
    }

    /// What stands beside the results of a job.
    pub(crate) fn companions(&self, job: &dyn AnyJob) -> impl Iterator<Item = &'static Companion> {
        let companions = self.border.companions.iter();
        companions.filter(move |companion| (companion.fits)(job))
    }

    /// The job with this id.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`] with the nearest known id.
    pub fn find(&self, id: &str) -> Result<&'static dyn AnyJob, EngineError> {
        self.jobs
            .iter()
            .copied()
            .find(|job| job.id() == id)
            .ok_or_else(|| EngineError::UnknownJob {
                id: id.to_owned(),
                nearest: nearest(id, self.jobs.iter().map(|job| job.id())).map(str::to_owned),
            })
    }

    /// All jobs in order.
    pub fn jobs(&self) -> impl Iterator<Item = &'static dyn AnyJob> {
        self.jobs.iter().copied()
    }
}

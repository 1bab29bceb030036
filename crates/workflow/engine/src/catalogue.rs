//! The jobs that `app` hands in, by name, and where foreign files cross into runs.

use std::path::Path;

use thon_contract::schema::nearest;
use thon_contract::{Acquisition, AnyJob, Border, Companion, ForeignProject, ForeignReader};

use crate::EngineError;
use crate::plugin::PluginJob;

/// A list of jobs.
#[derive(Clone, Copy)]
pub struct Catalogue {
    jobs: &'static [&'static dyn AnyJob],
    border: Border,
    /// The jobs from here on are those of plug-ins.
    own: usize,
}

impl Catalogue {
    /// These jobs, and no foreign files.
    pub const fn new(jobs: &'static [&'static dyn AnyJob]) -> Self {
        let border = Border {
            readers: &[],
            companions: &[],
            acquisitions: &[],
            projects: &[],
        };
        Self {
            jobs,
            border,
            own: jobs.len(),
        }
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
                jobs.push(Box::leak(Box::new(plugin.with_exchange(self.jobs))));
            }
        }
        Self {
            jobs: Box::leak(jobs.into_boxed_slice()),
            ..self
        }
    }

    /// Whether a job is that of a plug-in.
    pub(crate) fn is_plugin(&self, id: &str) -> bool {
        self.jobs[self.own..].iter().any(|job| job.id() == id)
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

    /// What tells of the tilt series that a microscope is writing.
    pub(crate) fn acquisitions(&self) -> &'static [Acquisition] {
        self.border.acquisitions
    }

    /// Projects of another program.
    ///
    /// # Errors
    /// No such program, with those that are known.
    pub fn project_of(&self, name: &str) -> Result<&'static ForeignProject, EngineError> {
        let all = self.border.projects;
        let known = || {
            all.iter()
                .map(|one| one.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let found = all.iter().find(|one| one.name == name);
        found.ok_or_else(|| EngineError::Set {
            name: name.to_owned(),
            message: format!(
                "projects of this program are not known\nhint: known: {}",
                known()
            ),
        })
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

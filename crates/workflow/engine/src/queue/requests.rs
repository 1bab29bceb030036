//! Requests that any process may leave for the owner of a project: run this job, stop that one.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thon_project::{Durable, JobNumber, ProjectError, layout};
use uuid::Uuid;

use super::Queue;
use crate::EngineError;

const DIRECTORY: &str = "requests";

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Run a job.
    Start {
        /// The job.
        job: JobNumber,
        /// On this executor, or the first.
        executor: Option<String>,
        /// With so many processes per unit.
        processes: usize,
    },
    /// Stop a job.
    Cancel {
        /// The job.
        job: JobNumber,
    },
}

/// Leaves a request in a project, durably.
///
/// # Errors
/// A disk that fails.
pub fn leave_request(root: &Path, request: &Request) -> Result<(), ProjectError> {
    let durable = Durable::default();
    let directory = root.join(layout::PRIVATE).join(DIRECTORY);
    durable.ensure_directory(&directory, thon_project::durable::Access::Private)?;
    let text = serde_json::to_vec(request).expect("a request is plain data");
    // Names ascend with time.
    let name = format!("{}.json", Uuid::now_v7());
    durable.publish(&directory.join(name), &text)
}

impl Queue<'_> {
    /// Does what was asked for, oldest first.
    pub(super) fn take_requests(&mut self) -> Result<(), EngineError> {
        let durable = self.engine.project.durable().clone();
        let root = self.engine.project.root().to_owned();
        let directory = root.join(layout::PRIVATE).join(DIRECTORY);
        if durable.inspect(&directory)?.is_none() {
            return Ok(());
        }
        let entries = durable.list(&directory)?;
        let names = entries.iter().map(|entry| &entry.name);
        for name in names.filter(|name| is_request(name)) {
            let path = directory.join(name);
            let read = serde_json::from_slice(&durable.read(&path)?);
            match read {
                Ok(Request::Start {
                    job,
                    executor,
                    processes,
                }) => match self.ask(job, executor.as_deref(), processes) {
                    Err(error @ EngineError::Executors { .. }) => {
                        tracing::warn!("job {job} is not started: {error}");
                    }
                    answer => answer?,
                },
                Ok(Request::Cancel { job }) => self.cancel(job)?,
                Err(error) => tracing::warn!("{} is left out: {error}", path.display()),
            }
            // Only now: a crash in between asks again, which changes nothing.
            durable.remove_file(&path)?;
        }
        Ok(())
    }
}

/// Whether a name is that of a request, and not of one that is being written.
fn is_request(name: &str) -> bool {
    let path = Path::new(name);
    path.extension()
        .is_some_and(|extension| extension == "json")
        && !name.starts_with('.')
}

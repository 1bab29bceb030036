//! Walks the graph of jobs: what a job came from, and what came from it.

use std::collections::BTreeSet;

use thon_project::{JobNumber, Project};

use crate::EngineError;

/// The jobs and everything they came from, ascending: every job comes after those it needs.
pub(crate) fn ancestors(
    project: &Project,
    jobs: &[JobNumber],
) -> Result<Vec<JobNumber>, EngineError> {
    let mut open = jobs.to_vec();
    let mut found = BTreeSet::new();
    while let Some(job) = open.pop() {
        if found.insert(job) {
            open.extend(project.facts(job)?.record.request.upstream);
        }
    }
    Ok(found.into_iter().collect())
}

/// Everything that came from a job, ascending, without the job itself.
pub(crate) fn descendants(
    project: &Project,
    job: JobNumber,
) -> Result<Vec<JobNumber>, EngineError> {
    let mut open = vec![job];
    let mut found = BTreeSet::new();
    while let Some(job) = open.pop() {
        for below in project.index().downstream(job)? {
            if found.insert(below) {
                open.push(below);
            }
        }
    }
    Ok(found.into_iter().collect())
}

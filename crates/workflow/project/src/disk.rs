//! What a project takes on the disk, by job and by kind of file.
use std::path::Path;

use serde::Serialize;

use crate::durable::{Durable, EntryKind};
use crate::error::ProjectError;
use crate::layout::{self, JobNumber};
use crate::project::Project;

/// Bytes of a job's directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobDisk {
    /// Units of work: the files of results, and those of unfinished jobs.
    pub results: u64,
    /// What attempts wrote about themselves.
    pub logs: u64,
    /// What attempts were working on; gone when the job is started again.
    pub work: u64,
}

/// Bytes of a project beside its jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProjectDisk {
    /// What unfinished units go on from.
    pub kept: u64,
    /// The index and other files that can be made again.
    pub index: u64,
    /// What was cleaned away and can still be brought back.
    pub trash: u64,
}

impl Project {
    /// What a job takes on the disk.
    ///
    /// # Errors
    /// No such job, or a disk that does not answer.
    pub fn job_disk(&self, job: JobNumber) -> Result<JobDisk, ProjectError> {
        let place = self.job_directory(job)?.under(self.root());
        let durable = self.durable();
        let mut found = JobDisk::default();
        for entry in durable.list(&place)? {
            let path = place.join(&entry.name);
            if entry.name == layout::UNITS {
                found.results += bytes_below(durable, &path)?;
            } else if layout::attempt_number(&entry.name).is_some() {
                let (work, all) = (work_below(durable, &path)?, bytes_below(durable, &path)?);
                found.work += work;
                found.logs += all - work.min(all);
            } else {
                found.logs += entry.size;
            }
        }
        Ok(found)
    }

    /// What the project takes beside its jobs.
    ///
    /// # Errors
    /// A disk that does not answer.
    pub fn disk(&self) -> Result<ProjectDisk, ProjectError> {
        let private = self.root().join(layout::PRIVATE);
        let durable = self.durable();
        let below = |path: &Path| match durable.inspect(path)? {
            Some(_) => bytes_below(durable, path),
            None => Ok(0),
        };
        let kept = below(&private.join(layout::KEPT))?;
        let all = below(&private)?;
        Ok(ProjectDisk {
            kept,
            index: all - kept.min(all),
            trash: below(&self.root().join(layout::TRASH))?,
        })
    }
}

/// Bytes of what attempts (and their parts) were working on.
fn work_below(durable: &Durable, attempt: &Path) -> Result<u64, ProjectError> {
    let mut bytes = 0;
    for entry in durable.list(attempt)? {
        let path = attempt.join(&entry.name);
        if entry.name == layout::WORK {
            bytes += bytes_below(durable, &path)?;
        } else if layout::part_number(&entry.name).is_some() {
            bytes += work_below(durable, &path)?;
        }
    }
    Ok(bytes)
}

/// Bytes of all files below a directory. What goes away meanwhile counts nothing.
pub(crate) fn bytes_below(durable: &Durable, directory: &Path) -> Result<u64, ProjectError> {
    let mut bytes = 0;
    let mut open = vec![directory.to_path_buf()];
    while let Some(place) = open.pop() {
        let entries = match durable.list(&place) {
            Ok(entries) => entries,
            Err(_) if durable.inspect(&place)?.is_none() => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            match entry.kind {
                EntryKind::Directory => open.push(place.join(&entry.name)),
                EntryKind::File | EntryKind::Other => bytes += entry.size,
            }
        }
    }
    Ok(bytes)
}

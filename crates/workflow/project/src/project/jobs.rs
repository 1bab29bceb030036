//! The jobs of a project: made, looked at, started, asked to stop.
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{NEW_JOB, Project, numbering};
use crate::attempt::Attempt;
use crate::digest::ContentKey;
use crate::durable::Access;
use crate::error::ProjectError;
use crate::index::job_directories;
use crate::job::{self, JobRecord, JobRequest, to_json};
use crate::kept::KeptSteps;
use crate::layout::{self, JobNumber, ProjectPath};
use crate::manifest::Manifest;
use crate::state::{JobFacts, JobState, JobStatus};

impl Project {
    /// Makes a job; when this returns, the request survives a power cut. Numbers ascend and are never used again.
    /// Any process may ask for a job while another owns the project and runs one.
    ///
    /// # Errors
    /// [`ProjectError::ReadOnly`] without the ownership where the file system does not lock.
    pub fn create_job(&self, request: JobRequest) -> Result<JobRecord, ProjectError> {
        let alone = numbering(&self.durable, &self.root)?;
        if !alone.enforced {
            self.owner()?;
        }
        let _one_at_a_time = self
            .numbering
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let numbers = job_directories(&self.durable, &self.root)?;
        let last = numbers
            .iter()
            .filter_map(|name| layout::job_number(name))
            .max()
            .map_or(0, |number| number.0);
        let record = JobRecord {
            format: job::FORMAT,
            job: JobNumber(last + 1),
            created: Timestamp::now(),
            request,
        };
        // Built aside and moved in by one rename: a number is taken only together with its request.
        let aside = self
            .root
            .join(layout::PRIVATE)
            .join(format!("{NEW_JOB}{}", Uuid::new_v4()));
        self.durable.create_directory(&aside, Access::Shared)?;
        self.durable
            .write_new(&aside.join(layout::JOB_FILE), &to_json(&record))?;
        self.durable
            .create_directory(&aside.join(layout::UNITS), Access::Shared)?;
        self.durable.sync_directory(&aside)?;
        let name = layout::job_directory(record.job, &record.request.operation);
        self.durable
            .publish_rename(&aside, &self.root.join(layout::JOBS).join(&name))?;
        drop(alone);
        self.index().refresh_job(&self.durable, &self.root, &name)?;
        Ok(record)
    }

    fn directory_name(&self, job: JobNumber) -> Result<String, ProjectError> {
        self.index()
            .directory(job)?
            .ok_or(ProjectError::NoSuchJob(job))
    }

    /// Takes notice of jobs that other processes made, or whose directories went.
    pub fn notice_jobs(&self) -> Result<(), ProjectError> {
        let found = job_directories(&self.durable, &self.root)?;
        let mut index = self.index();
        let known: BTreeSet<String> = index.jobs()?.into_iter().map(|(_, name)| name).collect();
        for name in found.iter().filter(|name| !known.contains(*name)) {
            index.refresh_job(&self.durable, &self.root, name)?;
        }
        if index.jobs()?.len() > found.len() {
            index.refresh(&self.durable, &self.root, &mut |_| {})?;
        }
        Ok(())
    }

    /// The directory of a job, relative to the project.
    pub fn job_directory(&self, job: JobNumber) -> Result<ProjectPath, ProjectError> {
        ProjectPath::new(format!("{}/{}", layout::JOBS, self.directory_name(job)?))
    }

    /// The steps that an unfinished unit with this key has kept.
    pub fn kept_steps(&self, key: &ContentKey) -> KeptSteps {
        let base = self.root.join(layout::PRIVATE).join(layout::KEPT);
        KeptSteps::new(&self.durable, &base, key)
    }

    /// The numbers of all jobs, ascending.
    pub fn jobs(&self) -> Result<Vec<JobNumber>, ProjectError> {
        Ok(self
            .index()
            .jobs()?
            .into_iter()
            .map(|(number, _)| number)
            .collect())
    }

    /// Everything a job's directory says, read from the directory.
    pub fn facts(&self, job: JobNumber) -> Result<JobFacts, ProjectError> {
        JobFacts::read(&self.durable, &self.root, &self.directory_name(job)?)
    }

    /// Reads a job's directory again into the index, after another process wrote there.
    pub fn look_again(&self, job: JobNumber) -> Result<(), ProjectError> {
        let name = self.directory_name(job)?;
        self.index().refresh_job(&self.durable, &self.root, &name)?;
        Ok(())
    }

    /// State and evidence of a job, read from its directory.
    pub fn status(&self, job: JobNumber) -> Result<JobStatus, ProjectError> {
        Ok(self.facts(job)?.status(self.owner.as_deref()))
    }

    /// The result of a job.
    ///
    /// # Errors
    /// [`ProjectError::NoResult`] unless the manifest is there and the sizes of all its files agree.
    pub fn result(&self, job: JobNumber) -> Result<Manifest, ProjectError> {
        let facts = self.facts(job)?;
        let status = facts.status(self.owner.as_deref());
        match facts.manifest {
            Some(manifest) if status.state == JobState::Done => Ok(manifest),
            _ => Err(ProjectError::NoResult {
                job,
                reason: format!("it is {:?}: {}", status.state, status.evidence).to_lowercase(),
            }),
        }
    }

    /// The result of a job as it is, or as it was before its files were cleaned away.
    ///
    /// # Errors
    /// As for [`Project::result`].
    pub fn recorded_result(&self, job: JobNumber) -> Result<Manifest, ProjectError> {
        let facts = self.facts(job)?;
        match (facts.manifest, facts.cleaned) {
            (None, Some(cleaned)) => Ok(cleaned.manifest),
            _ => self.result(job),
        }
    }

    /// Starts the next attempt at a job.
    ///
    /// # Errors
    /// [`ProjectError::AlreadyDone`] when it has its result, [`ProjectError::NoResult`] when that result is
    /// damaged or another attempt is running.
    pub fn start_attempt(&self, job: JobNumber) -> Result<Attempt, ProjectError> {
        let owner = self.owner()?;
        let facts = self.facts(job)?;
        let status = facts.status(Some(owner));
        match status.state {
            JobState::Done => return Err(ProjectError::AlreadyDone(job)),
            JobState::Damaged | JobState::Running => {
                return Err(ProjectError::NoResult {
                    job,
                    reason: format!("it cannot be started: {}", status.evidence),
                });
            }
            _ => {}
        }
        let directory = self.job_directory(job)?;
        // A process that was killed while it cleaned may have left none.
        let units = directory.under(&self.root).join(layout::UNITS);
        self.durable.ensure_directory(&units, Access::Shared)?;
        let attempt = Attempt::start(
            &self.durable,
            &self.root,
            facts.record,
            directory,
            Arc::clone(&self.index),
            owner,
        )?;
        self.index()
            .refresh_job(&self.durable, &self.root, &facts.directory)?;
        Ok(attempt)
    }

    /// Asks the running attempt of a job to stop; any process may. Answers whether there was one to ask.
    pub fn request_cancel(&self, job: JobNumber, reason: &str) -> Result<bool, ProjectError> {
        let facts = self.facts(job)?;
        let state = facts.status(self.owner.as_deref()).state;
        let Some((attempt, _)) = facts
            .last_attempt()
            .filter(|_| matches!(state, JobState::Running | JobState::Unknown))
        else {
            return Ok(false);
        };
        let place = self
            .root
            .join(layout::JOBS)
            .join(&facts.directory)
            .join(layout::attempt_directory(attempt.number));
        let text = to_json(&json!({ "reason": reason, "time": Timestamp::now() }));
        self.durable
            .publish(&place.join(layout::CANCEL_FILE), &text)?;
        Ok(true)
    }
}

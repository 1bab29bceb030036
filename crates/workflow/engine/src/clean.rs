//! Which results can be made again, and are therefore safe to clean away; and making them again when they are needed.
//!
//! A result can be made again when its job, divided into units today, has the keys that its manifest holds: same operation
//! and version, same parameters, same contents of inputs and of files outside. Results of plug-ins cannot: other programs
//! promise no equal bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use thon_contract::Finding;
use thon_project::clean::Moved;
use thon_project::disk::JobDisk;
use thon_project::{JobNumber, JobState, ProjectError, layout};

use crate::graph::{ancestors, descendants};
use crate::{Engine, EngineError};

/// What a job takes on the disk, and whether that can be cleaned away.
#[derive(Clone, Debug, Serialize)]
pub struct JobSpace {
    /// The job.
    pub job: JobNumber,
    /// Its operation.
    pub operation: String,
    /// Its bytes.
    pub disk: JobDisk,
    /// Bytes that were cleaned away and are not there now.
    pub cleaned: u64,
    /// Why its result has to stay; nothing when it can be made again.
    pub stays: Option<String>,
}

impl Engine<'_> {
    /// What every job takes on the disk, ascending.
    ///
    /// # Errors
    /// A project that cannot be read.
    pub fn space(&self) -> Result<Vec<JobSpace>, EngineError> {
        let users = self.users()?;
        let mut all = Vec::new();
        for job in self.project.jobs()? {
            let facts = self.project.facts(job)?;
            let none = BTreeSet::new();
            let cleaned = facts.cleaned.as_ref().filter(|_| facts.manifest.is_none());
            all.push(JobSpace {
                job,
                operation: facts.record.request.operation.clone(),
                disk: self.project.job_disk(job)?,
                cleaned: cleaned.map_or(0, thon_project::Cleaned::bytes),
                stays: self.stays(job, &none, &users)?,
            });
        }
        Ok(all)
    }

    /// Moves results that can be made again into the trash.
    ///
    /// # Errors
    /// [`EngineError::Refused`] naming every job that has to stay, with the reason; nothing is moved then.
    pub fn clean(&self, jobs: &[JobNumber]) -> Result<Moved, EngineError> {
        let together: BTreeSet<JobNumber> = jobs.iter().copied().collect();
        let users = self.users()?;
        let mut findings = Vec::new();
        for job in &together {
            if let Some(why) = self.stays(*job, &together, &users)? {
                findings.push(Finding::error(format!("job {job}"), why));
            }
        }
        if !findings.is_empty() {
            return Err(EngineError::Refused(findings));
        }
        let jobs: Vec<JobNumber> = together.into_iter().collect();
        Ok(self.project.clean(&jobs)?)
    }

    /// Makes the results again that were cleaned away and that a job came from.
    pub(crate) fn restore_ancestors(&self, job: JobNumber) -> Result<(), EngineError> {
        for above in self.cleaned_ancestors(job)? {
            self.run(above)?;
        }
        Ok(())
    }

    /// The jobs that a job came from and whose results were cleaned away, ascending. All of them: what a result says may
    /// name files of what it came from.
    pub(crate) fn cleaned_ancestors(&self, job: JobNumber) -> Result<Vec<JobNumber>, EngineError> {
        let states = self.project.index().recorded_states()?;
        if states.iter().all(|(_, state, _)| state != "cleaned") {
            return Ok(Vec::new());
        }
        let mut needed: BTreeSet<JobNumber> =
            ancestors(self.project, &[job])?.into_iter().collect();
        if let Some(cleaned) = self.project.facts(job)?.cleaned {
            // Work that it found done: it is found again in the same place.
            let directories = cleaned.manifest.units.iter().map(|unit| &unit.directory);
            let owners = directories
                .filter_map(|directory| layout::job_number(directory.as_str().split('/').nth(1)?));
            needed.extend(owners);
        }
        needed.remove(&job);
        let mut cleaned = Vec::new();
        for above in needed {
            let facts = self.project.facts(above)?;
            if facts.cleaned.is_some() && facts.manifest.is_none() {
                cleaned.push(above);
            }
        }
        Ok(cleaned)
    }

    /// The jobs whose results lie in the directories of others, by that other: the same work, done once.
    fn users(&self) -> Result<BTreeMap<String, BTreeSet<JobNumber>>, EngineError> {
        let mut users: BTreeMap<String, BTreeSet<JobNumber>> = BTreeMap::new();
        for job in self.project.jobs()? {
            let Some(manifest) = self.project.facts(job)?.manifest else {
                continue;
            };
            for unit in &manifest.units {
                let directory = unit.directory.as_str().split('/').take(2);
                let owner = directory.collect::<Vec<_>>().join("/");
                users.entry(owner).or_default().insert(job);
            }
        }
        Ok(users)
    }

    /// Why the result of a job has to stay when it would be cleaned away together with others.
    fn stays(
        &self,
        job: JobNumber,
        together: &BTreeSet<JobNumber>,
        users: &BTreeMap<String, BTreeSet<JobNumber>>,
    ) -> Result<Option<String>, EngineError> {
        let status = self.project.status(job)?;
        if status.state != JobState::Done {
            return Ok(Some(format!("it has no result: {}", status.evidence)));
        }
        let directory = self.project.job_directory(job)?;
        let mut users = users.get(directory.as_str()).into_iter().flatten();
        if let Some(user) = users.find(|user| **user != job && !together.contains(user)) {
            return Ok(Some(format!(
                "its files are also the result of job {user}, which asked for the same\nhint: name both"
            )));
        }
        for below in descendants(self.project, job)? {
            let state = self.project.status(below)?.state;
            if !matches!(state, JobState::Done | JobState::Cleaned | JobState::Draft) {
                return Ok(Some(format!("job {below} needs it and is not done")));
            }
        }
        self.changed_since(job)
    }

    /// Why a job would not make the same result today; nothing when it would.
    pub(crate) fn changed_since(&self, job: JobNumber) -> Result<Option<String>, EngineError> {
        let facts = self.project.facts(job)?;
        let Some(manifest) = facts.manifest else {
            return Ok(Some("it has no result".into()));
        };
        let operation = &facts.record.request.operation;
        if self.catalogue.is_plugin(operation) {
            let words = "it was made by another program, which need not write the same again";
            return Ok(Some(words.into()));
        }
        let prepared = match self.prepare(job) {
            Ok(prepared) => prepared,
            Err(EngineError::Project(error @ ProjectError::Disk { .. })) => {
                return Err(error.into());
            }
            Err(error) => return Ok(Some(format!("it cannot be made again: {error}"))),
        };
        let planned = prepared.plan.units.iter();
        let now: BTreeSet<_> = planned.map(|unit| unit.identity.key()).collect();
        let changed = manifest.units.iter().find(|unit| !now.contains(&unit.key));
        Ok(changed.map(|unit| {
            let number = job.0;
            format!(
                "{} would not be the same again\nhint: `thon explain {number}` says why",
                unit.item
            )
        }))
    }
}

//! A scripted project of two jobs, run to its end or resumed, for tests of what survives.
//!
//! Job 1 simulates two items, writing files in nested directories, and rejects a third; job 2 copies one unit of
//! job 1 from the cache and makes one of its own from the digests of job 1.
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thon_project::{
    Attempt, ContentKey, Durable, JobNumber, JobRequest, JobState, ManifestDraft, Origin, Project,
    ProjectError, Rejection, UnitIdentity, UnitRecord,
};

pub mod promises;

/// What the project promised to keep.
#[derive(Clone, Debug, PartialEq)]
pub enum Acknowledged {
    Job(JobNumber),
    Unit(ContentKey),
    Done(JobNumber),
}

/// One run of the script.
pub struct Script {
    pub durable: Durable,
    pub root: PathBuf,
    /// Sleep after each file, so that a killer can strike in between.
    pub pause: Duration,
    pub acknowledged: Vec<Acknowledged>,
    /// The units computed in this run.
    pub computed: Vec<ContentKey>,
}

/// A temporary directory on a file system in memory where there is one: its syncs are free.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

pub fn request(operation: &str, step: &str, upstream: &[u32], parameters: &Value) -> JobRequest {
    JobRequest {
        operation: operation.into(),
        version: 1,
        title: format!("Test of {operation}"),
        parameters: parameters.clone(),
        inputs: json!({ "jobs": upstream }),
        upstream: upstream.iter().copied().map(JobNumber).collect(),
        seed: Some(7),
        origin: Some(Origin {
            pipeline: "script".into(),
            step: step.into(),
        }),
    }
}

pub fn identity(operation: &str, inputs: Value) -> UnitIdentity {
    UnitIdentity {
        operation: operation.into(),
        version: 1,
        parameters: json!({ "size": 4 }),
        inputs,
        seed: Some(7),
        part: Value::Null,
    }
}

/// Deterministic bytes that depend on the unit's identity.
fn content(identity: &UnitIdentity, name: &str, length: usize) -> Vec<u8> {
    let text = format!("{}{name}", identity.key());
    text.bytes().cycle().take(length).collect()
}

impl Script {
    pub fn new(durable: Durable, root: &Path) -> Self {
        Self {
            durable,
            root: root.to_path_buf(),
            pause: Duration::ZERO,
            acknowledged: Vec::new(),
            computed: Vec::new(),
        }
    }

    /// Makes or opens the project and brings both jobs to their end.
    pub fn run(&mut self) -> Result<(), ProjectError> {
        let project = match Project::open(&self.durable, &self.root) {
            Err(ProjectError::NotAProject { .. }) => Project::create(&self.durable, &self.root)?,
            answer => answer?,
        };
        self.job(
            &project,
            "simulate",
            request(
                "tilt-series.simulate",
                "simulate",
                &[],
                &json!({ "size": 4 }),
            ),
            Self::simulate,
        )?;
        self.job(
            &project,
            "merge",
            request("tilt-series.merge", "merge", &[1], &json!({})),
            Self::merge,
        )
    }

    fn job(
        &mut self,
        project: &Project,
        step: &str,
        request: JobRequest,
        work: fn(&mut Self, &Project, &Attempt) -> Result<ManifestDraft, ProjectError>,
    ) -> Result<(), ProjectError> {
        let made = project.index().jobs_of_step("script", step)?;
        let number = match made.first() {
            Some(number) => *number,
            None => project.create_job(request)?.job,
        };
        self.acknowledged.push(Acknowledged::Job(number));
        if project.status(number)?.state != JobState::Done {
            let attempt = project.start_attempt(number)?;
            attempt.log("begins")?;
            attempt.event("begin", &json!({ "step": step }))?;
            let draft = work(self, project, &attempt)?;
            attempt.finish(draft)?;
        }
        self.acknowledged.push(Acknowledged::Done(number));
        Ok(())
    }

    fn unit(
        &mut self,
        attempt: &Attempt,
        identity: &UnitIdentity,
        item: &str,
    ) -> Result<UnitRecord, ProjectError> {
        if let Some(found) = attempt.find_unit(identity, item)? {
            return Ok(found);
        }
        let key = identity.key();
        let work = attempt.begin_unit(identity.clone(), item)?;
        let inner = work.path().join("tables");
        self.durable
            .create_directory(&inner, thon_project::durable::Access::Shared)?;
        for (name, length) in [
            ("stack.mrc", 3000),
            ("tables/angles.star", 40),
            ("empty.txt", 0),
        ] {
            let path = work.path().join(name);
            let mut file = self.durable.create(&path)?;
            file.write_all(&content(identity, name, length))
                .map_err(|source| ProjectError::disk("write", &path, source))?;
            std::thread::sleep(self.pause);
        }
        let record = attempt.publish_unit(
            work,
            json!({ "z": 1.5, "a": [1, 2] }),
            json!({ "mean": 0.1 }),
        )?;
        self.computed.push(key);
        self.acknowledged.push(Acknowledged::Unit(key));
        Ok(record)
    }

    fn simulate(&mut self, _: &Project, attempt: &Attempt) -> Result<ManifestDraft, ProjectError> {
        let mut units = Vec::new();
        for item in ["TS_01", "TS_02"] {
            units.push((
                item.to_string(),
                self.unit(
                    attempt,
                    &identity("tilt-series.simulate", json!({ "item": item })),
                    item,
                )?,
            ));
        }
        let rejected = vec![Rejection {
            item: "TS_03".into(),
            reason: "all black".into(),
        }];
        Ok(ManifestDraft {
            outputs: json!({ "tilt_series": 2 }),
            units,
            items_in: 3,
            items_out: 2,
            rejected,
            performance: json!({ "threads": 2 }),
        })
    }

    fn merge(
        &mut self,
        project: &Project,
        attempt: &Attempt,
    ) -> Result<ManifestDraft, ProjectError> {
        let upstream = project.result(JobNumber(1))?;
        let digests: Vec<String> = upstream
            .files()
            .map(|(_, _, digest)| digest.to_string())
            .collect();
        let cached = self.unit(
            attempt,
            &identity("tilt-series.simulate", json!({ "item": "TS_01" })),
            "TS_01",
        )?;
        let own = self.unit(
            attempt,
            &identity("tilt-series.merge", json!(digests)),
            "merged",
        )?;
        let units = vec![("TS_01".to_string(), cached), ("merged".to_string(), own)];
        Ok(ManifestDraft {
            outputs: json!({}),
            units,
            items_in: 2,
            items_out: 2,
            rejected: vec![],
            performance: Value::Null,
        })
    }
}

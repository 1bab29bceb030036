//! A scripted project of two jobs, run to its end or resumed, for tests of what survives.
//!
//! Job 1 simulates two items, writing files in nested directories, and rejects a third; job 2 copies one unit of
//! job 1 from the cache and makes one of its own from the digests of job 1.
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thon_project::durable::EntryKind;
use thon_project::{
    Attempt, Check, ContentKey, Durable, JobNumber, JobRequest, JobState, ManifestDraft, Origin,
    Project, ProjectError, Rejection, UnitIdentity, UnitRecord,
};

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

pub fn request(operation: &str, step: &str, upstream: &[u32], parameters: Value) -> JobRequest {
    JobRequest {
        operation: operation.into(),
        version: 1,
        title: format!("Test of {operation}"),
        parameters,
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
                json!({ "size": 4 }),
            ),
            Self::simulate,
        )?;
        self.job(
            &project,
            "merge",
            request("tilt-series.merge", "merge", &[1], json!({})),
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
        identity: UnitIdentity,
        item: &str,
    ) -> Result<UnitRecord, ProjectError> {
        if let Some(found) = attempt.find_unit(&identity, item)? {
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
            file.write_all(&content(&identity, name, length))
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
                    identity("tilt-series.simulate", json!({ "item": item })),
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
            identity("tilt-series.simulate", json!({ "item": "TS_01" })),
            "TS_01",
        )?;
        let own = self.unit(
            attempt,
            identity("tilt-series.merge", json!(digests)),
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

/// Path and bytes of every file that is part of the results: all manifests and unit directories.
pub fn results(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let Ok(jobs) = fs::read_dir(root.join("jobs")) else {
        return files;
    };
    for job in jobs {
        let job = job.unwrap();
        let name = job.file_name().to_string_lossy().into_owned();
        if let Ok(bytes) = fs::read(job.path().join("manifest.json")) {
            files.insert(format!("{name}/manifest.json"), bytes);
        }
        collect(
            &job.path().join("units"),
            &format!("{name}/units"),
            &mut files,
        );
    }
    files
}

fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files.insert(format!("{name}/"), Vec::new());
            collect(&entry.path(), &name, files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

/// The results of an uninterrupted run on a healthy disk.
pub fn reference() -> BTreeMap<String, Vec<u8>> {
    let place = scratch();
    Script::new(Durable::default(), place.path()).run().unwrap();
    results(place.path())
}

/// Checks on a healthy disk that no half-written thing is taken for a result, and that all promises were kept.
pub fn check_promises(
    root: &Path,
    reference: &BTreeMap<String, Vec<u8>>,
    acknowledged: &[Acknowledged],
    label: &str,
) {
    let durable = Durable::default();
    let project = match Project::open_to_read(&durable, root) {
        Ok(project) => project,
        Err(ProjectError::NotAProject { .. }) if acknowledged.is_empty() => return,
        Err(error) => panic!("{label}: {error}"),
    };
    assert!(
        project.problems().is_empty(),
        "{label}: {:?}",
        project.problems()
    );
    let mut units = BTreeMap::new();
    for number in project.jobs().unwrap() {
        let facts = project.facts(number).unwrap();
        let status = project.status(number).unwrap();
        assert_ne!(status.state, JobState::Damaged, "{label}: {status:?}");
        if status.state == JobState::Done {
            let name = format!("{}/manifest.json", facts.directory);
            assert_eq!(
                fs::read(root.join("jobs").join(&name)).unwrap(),
                reference[&name],
                "{label}: {name}"
            );
            let findings = project.verify_job(number, Check::Digests).unwrap();
            let wrong = findings
                .iter()
                .filter(|finding| !finding.path.ends_with(".jsonl"));
            assert_eq!(wrong.count(), 0, "{label}: {findings:?}");
        }
        for unit in facts.units.into_values() {
            // A unit whose line is there counts; then its bytes must be right.
            if unit.is_intact(&durable, root, Check::Sizes).unwrap() {
                assert!(
                    unit.is_intact(&durable, root, Check::Digests).unwrap(),
                    "{label}: {unit:?}"
                );
                units.insert(unit.key, unit);
            }
        }
    }
    for promise in acknowledged {
        match promise {
            Acknowledged::Job(number) => {
                assert!(project.facts(*number).is_ok(), "{label}: lost {promise:?}")
            }
            Acknowledged::Done(number) => assert_eq!(
                project.status(*number).unwrap().state,
                JobState::Done,
                "{label}"
            ),
            Acknowledged::Unit(key) => {
                assert!(units.contains_key(key), "{label}: lost {promise:?}")
            }
        }
    }
}

/// Resumes on a healthy disk and checks that the results are those of an uninterrupted run, with nothing left over
/// and no acknowledged unit computed again.
pub fn resume_and_compare(
    root: &Path,
    reference: &BTreeMap<String, Vec<u8>>,
    acknowledged: &[Acknowledged],
    label: &str,
) {
    let mut again = Script::new(Durable::default(), root);
    again
        .run()
        .unwrap_or_else(|error| panic!("{label}: {error}"));
    for key in &again.computed {
        assert!(
            !acknowledged.contains(&Acknowledged::Unit(*key)),
            "{label}: {key} was computed again"
        );
    }
    let found = results(root);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        reference.keys().collect::<Vec<_>>(),
        "{label}"
    );
    assert!(found == *reference, "{label}: the bytes differ");
    left_over(&again.durable, &root.join("jobs"), label);
}

fn left_over(durable: &Durable, directory: &Path, label: &str) {
    for entry in durable.list(directory).unwrap() {
        let is_work = entry.name == "work" || thon_project::durable::is_temporary(&entry.name);
        assert!(
            !is_work,
            "{label}: {} is left over in {}",
            entry.name,
            directory.display()
        );
        if entry.kind == EntryKind::Directory {
            left_over(durable, &directory.join(&entry.name), label);
        }
    }
}

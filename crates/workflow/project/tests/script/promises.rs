//! What must hold after any accident: nothing half-written is taken for a result, nothing acknowledged is lost,
//! and the resumed run ends with the bytes of an uninterrupted one.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use thon_project::durable::EntryKind;
use thon_project::verify::Problem;
use thon_project::{Check, Durable, JobState, Project, ProjectError};

use super::{Acknowledged, Script, scratch};

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
                .filter(|finding| !matches!(finding.problem, Problem::DamagedLines { .. }));
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
                assert!(project.facts(*number).is_ok(), "{label}: lost {promise:?}");
            }
            Acknowledged::Done(number) => assert_eq!(
                project.status(*number).unwrap().state,
                JobState::Done,
                "{label}"
            ),
            Acknowledged::Unit(key) => {
                assert!(units.contains_key(key), "{label}: lost {promise:?}");
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

//! Jobs, attempts, units and results of a project on a healthy disk.
#![expect(
    clippy::unwrap_used,
    reason = "the script of the test is no test function itself"
)]
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use thon_project::layout::{self, job_directory, job_number, unit_directory};
use thon_project::verify::Problem;
use thon_project::{
    Check, Durable, JobNumber, JobState, ManifestDraft, Outcome, Project, ProjectError, ProjectPath,
};

#[expect(dead_code, reason = "each test file uses a part of the script")]
mod script;
use script::promises::{reference, results, resume_and_compare};
use script::{Script, identity, request, scratch};

fn empty_draft() -> ManifestDraft {
    ManifestDraft {
        outputs: Value::Null,
        units: vec![],
        items_in: 0,
        items_out: 0,
        rejected: vec![],
        performance: Value::Null,
    }
}

#[test]
fn two_runs_have_equal_results_and_times_are_elsewhere() {
    let first = reference();
    assert_eq!(first, reference());
    assert_eq!(first.len(), 2 + 3 * 5, "{:?}", first.keys());
    let manifest: Value = serde_json::from_slice(&first["00001-simulate/manifest.json"]).unwrap();
    assert_eq!(manifest["items_in"], 3);
    assert_eq!(
        manifest["rejected"],
        json!([{ "item": "TS_03", "reason": "all black" }])
    );
    let text = manifest.to_string();
    assert!(
        !text.contains("attempt") && !text.contains("seconds") && !text.contains("2026"),
        "{text}"
    );
    // The unit of the other job is cited, not copied.
    let merged: Value = serde_json::from_slice(&first["00002-merge/manifest.json"]).unwrap();
    assert!(
        merged["units"][0]["directory"]
            .as_str()
            .unwrap()
            .starts_with("jobs/00001-simulate/units/TS_01-")
    );
}

#[test]
fn states_follow_the_directory() {
    let place = scratch();
    let durable = Durable::default();
    let project = Project::create(&durable, place.path()).unwrap();
    let job = project
        .create_job(request("map.post-process", "post", &[], &json!({})))
        .unwrap()
        .job;
    let state = |project: &Project| project.status(job).unwrap().state;
    assert_eq!(state(&project), JobState::Draft);
    let attempt = project.start_attempt(job).unwrap();
    assert_eq!(state(&project), JobState::Running);
    assert!(matches!(
        project.start_attempt(job),
        Err(ProjectError::NoResult { .. })
    ));
    assert!(matches!(
        project.result(job),
        Err(ProjectError::NoResult { .. })
    ));
    let reader = Project::open_to_read(&durable, place.path()).unwrap();
    assert_eq!(state(&reader), JobState::Running);
    assert!(!attempt.cancel_requested().unwrap());
    assert!(reader.request_cancel(job, "enough").unwrap());
    assert!(attempt.cancel_requested().unwrap());
    attempt
        .end(&Outcome::Cancelled {
            reason: "enough".into(),
        })
        .unwrap();
    drop(attempt);
    assert_eq!(state(&project), JobState::Cancelled);
    assert!(!project.request_cancel(job, "again").unwrap());
    let attempt = project.start_attempt(job).unwrap();
    assert_eq!(attempt.record().attempt, 2);
    attempt
        .end(&Outcome::Failed {
            reason: "no beam".into(),
            details: Value::Null,
        })
        .unwrap();
    drop(attempt);
    assert_eq!(
        (state(&project), project.status(job).unwrap().evidence),
        (JobState::Failed, "no beam".to_string())
    );
    // Dropped without a word: this process no longer works on it.
    drop(project.start_attempt(job).unwrap());
    assert_eq!(state(&project), JobState::Interrupted);
    project
        .start_attempt(job)
        .unwrap()
        .finish(empty_draft())
        .unwrap();
    assert_eq!(state(&project), JobState::Done);
    assert!(matches!(
        project.start_attempt(job),
        Err(ProjectError::AlreadyDone(_))
    ));
    assert!(matches!(
        project.status(JobNumber(9)),
        Err(ProjectError::NoSuchJob(_))
    ));
    assert!(matches!(
        Project::create(&durable, place.path()),
        Err(ProjectError::AlreadyAProject { .. })
    ));
}

#[test]
fn items_that_do_not_add_up_are_refused() {
    let place = scratch();
    let project = Project::create(&Durable::default(), place.path()).unwrap();
    let job = project
        .create_job(request("a.b", "c", &[], &json!({})))
        .unwrap()
        .job;
    let attempt = project.start_attempt(job).unwrap();
    let error = attempt
        .finish(ManifestDraft {
            items_in: 3,
            items_out: 2,
            ..empty_draft()
        })
        .unwrap_err();
    assert!(matches!(
        error,
        ProjectError::ItemsLost {
            items_in: 3,
            items_out: 2,
            rejected: 0,
            ..
        }
    ));
    assert!(project.result(job).is_err());
}

#[test]
fn damage_is_found_and_no_longer_a_result() {
    let place = scratch();
    let durable = Durable::default();
    Script::new(durable.clone(), place.path()).run().unwrap();
    let project = Project::open(&durable, place.path()).unwrap();
    assert!(project.verify(Check::Digests).unwrap().is_empty());
    let (path, size, _) = project
        .result(JobNumber(1))
        .unwrap()
        .files()
        .nth(1)
        .unwrap();
    let file = path.under(place.path());
    let mut bytes = fs::read(&file).unwrap();
    bytes[10] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(project.verify(Check::Sizes).unwrap().is_empty());
    let findings = project.verify(Check::Digests).unwrap();
    // Job 2 cites the same file.
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.path == path.as_str()
        && matches!(finding.problem, Problem::WrongDigest { .. })));
    bytes.pop();
    fs::write(&file, &bytes).unwrap();
    let findings = project.verify_job(JobNumber(1), Check::Sizes).unwrap();
    assert_eq!(
        findings[0].problem,
        Problem::WrongSize {
            expected: size,
            found: size - 1
        }
    );
    assert_eq!(
        project.status(JobNumber(1)).unwrap().state,
        JobState::Damaged
    );
    assert!(matches!(
        project.result(JobNumber(1)),
        Err(ProjectError::NoResult { .. })
    ));
    fs::remove_file(&file).unwrap();
    assert_eq!(
        project.verify_job(JobNumber(1), Check::Sizes).unwrap()[0].problem,
        Problem::Missing
    );
}

#[test]
fn a_manifest_of_another_request_is_no_result() {
    let place = scratch();
    let durable = Durable::default();
    Script::new(durable.clone(), place.path()).run().unwrap();
    let jobs = place.path().join("jobs");
    fs::copy(
        jobs.join("00001-simulate/manifest.json"),
        jobs.join("00002-merge/manifest.json"),
    )
    .unwrap();
    let project = Project::open(&durable, place.path()).unwrap();
    assert_eq!(
        project.status(JobNumber(2)).unwrap().state,
        JobState::Damaged
    );
}

#[test]
fn a_unit_whose_file_is_gone_or_short_is_done_again_and_heals() {
    let reference = reference();
    let breakages: [fn(&Path); 2] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::write(file, "short").unwrap(),
    ];
    for break_file in breakages {
        let place = scratch();
        let durable = Durable::default();
        Script::new(durable.clone(), place.path()).run().unwrap();
        fs::remove_file(place.path().join("jobs/00002-merge/manifest.json")).unwrap();
        let unit = results(place.path())
            .into_keys()
            .find(|name| name.contains("merged") && name.ends_with("stack.mrc"))
            .unwrap();
        break_file(&place.path().join("jobs").join(unit));
        let mut again = Script::new(durable, place.path());
        again.run().unwrap();
        assert_eq!(again.computed.len(), 1);
        assert_eq!(results(place.path()), reference);
    }
}

#[test]
fn what_no_record_speaks_for_is_swept_away() {
    let place = scratch();
    let reference = reference();
    Script::new(Durable::default(), place.path()).run().unwrap();
    let job = place.path().join("jobs/00002-merge");
    fs::remove_file(job.join("manifest.json")).unwrap();
    // Published by a process that was killed before the line, for work that is no longer asked for.
    fs::create_dir_all(job.join("units/older-0123456789abcdef/tables")).unwrap();
    fs::write(job.join("units/older-0123456789abcdef/tables/x"), "x").unwrap();
    fs::write(job.join("units/stray"), "x").unwrap();
    fs::create_dir_all(job.join("attempt-1/work/0-half")).unwrap();
    fs::write(job.join(".manifest.json.tmp"), "{").unwrap();
    resume_and_compare(place.path(), &reference, &[], "strays");
}

#[test]
fn a_unit_knows_where_it_will_lie() {
    let place = scratch();
    let project = Project::create(&Durable::default(), place.path()).unwrap();
    let job = project
        .create_job(request("a.b", "c", &[], &json!({})))
        .unwrap()
        .job;
    let attempt = project.start_attempt(job).unwrap();
    let work = attempt
        .begin_unit(identity("a.b", Value::Null), "item")
        .unwrap();
    let destination = work.destination().clone();
    assert!(!destination.under(place.path()).exists());
    let record = attempt
        .publish_unit(work, Value::Null, Value::Null)
        .unwrap();
    assert_eq!(record.directory, destination);
    assert!(destination.under(place.path()).is_dir());
}

#[test]
fn parallel_units_with_names_that_look_the_same() {
    let place = scratch();
    let project = Project::create(&Durable::default(), place.path()).unwrap();
    let job = project
        .create_job(request("a.b", "c", &[], &json!({})))
        .unwrap()
        .job;
    let attempt = project.start_attempt(job).unwrap();
    let items: Vec<String> = (0..16)
        .map(|number| {
            if number % 2 == 0 {
                format!("TS {number}")
            } else {
                format!("TS_{}", number - 1)
            }
        })
        .collect();
    let mut records: Vec<_> = std::thread::scope(|scope| {
        let attempt = &attempt;
        let threads: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(number, item)| {
                scope.spawn(move || {
                    // Every two items are the same work, and their names look the same on disk.
                    let work = attempt
                        .begin_unit(identity("a.b", json!(number / 2)), item)
                        .unwrap();
                    fs::write(work.path().join("value.txt"), (number / 2).to_string()).unwrap();
                    (
                        item.clone(),
                        attempt
                            .publish_unit(work, Value::Null, Value::Null)
                            .unwrap(),
                    )
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    records.sort_by(|left, right| left.0.cmp(&right.0));
    attempt
        .finish(ManifestDraft {
            units: records,
            items_in: 16,
            items_out: 16,
            ..empty_draft()
        })
        .unwrap();
    drop(attempt);
    assert!(project.verify(Check::Digests).unwrap().is_empty());
    assert_eq!(
        results(place.path())
            .keys()
            .filter(|name| name.ends_with("value.txt"))
            .count(),
        8
    );
}

#[cfg(unix)]
#[test]
fn a_unit_that_leaves_a_link_is_refused() {
    let place = scratch();
    let project = Project::create(&Durable::default(), place.path()).unwrap();
    let job = project
        .create_job(request("a.b", "c", &[], &json!({})))
        .unwrap()
        .job;
    let attempt = project.start_attempt(job).unwrap();
    let work = attempt
        .begin_unit(identity("a.b", Value::Null), "item")
        .unwrap();
    std::os::unix::fs::symlink("/etc/hostname", work.path().join("link")).unwrap();
    assert!(matches!(
        attempt.publish_unit(work, Value::Null, Value::Null),
        Err(ProjectError::NotPlain { .. })
    ));
}

#[cfg(unix)]
#[test]
fn the_private_directory_is_private_and_removal_follows_no_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, other) = (scratch(), scratch());
    let durable = Durable::default();
    drop(Project::create(&durable, place.path()).unwrap());
    assert_eq!(
        fs::metadata(place.path().join(".thon"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    fs::write(other.path().join("precious"), "data").unwrap();
    let tree = place.path().join("tree");
    fs::create_dir(&tree).unwrap();
    std::os::unix::fs::symlink(other.path(), tree.join("link")).unwrap();
    durable.remove_tree(&tree).unwrap();
    assert!(!tree.exists() && other.path().join("precious").exists());
}

#[test]
fn names_and_paths_are_safe() {
    assert_eq!(
        job_directory(JobNumber(42), "tomogram.reconstruct-wbp"),
        "00042-reconstruct-wbp"
    );
    assert_eq!(job_number("00042-reconstruct-wbp"), Some(JobNumber(42)));
    for not_a_job in [
        "42-x",
        "00042",
        "00042-",
        "00000-x",
        "0004x-y",
        ".00042-x",
        "99999999999-x",
    ] {
        assert_eq!(job_number(not_a_job), None, "{not_a_job}");
    }
    assert_eq!(layout::attempt_number("attempt-12"), Some(12));
    for not_an_attempt in [
        "attempt-0",
        "attempt-01",
        "attempt-",
        "attempt--1",
        "attempt-1.tmp",
    ] {
        assert_eq!(
            layout::attempt_number(not_an_attempt),
            None,
            "{not_an_attempt}"
        );
    }
    let key = identity("a.b", Value::Null).key();
    for item in ["../../etc", ".hidden", "a/b\\c", "", "–", "x y"] {
        let name = unit_directory(item, &key);
        assert!(
            name.is_ascii() && !name.starts_with('.') && !name.contains(['/', '\\', ' ']),
            "{name}"
        );
    }
    for bad in [
        "",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "./a",
        "a\\b",
        "c:x",
        "a/",
    ] {
        assert!(ProjectPath::new(bad).is_err(), "{bad}");
        assert!(
            serde_json::from_value::<ProjectPath>(json!(bad)).is_err(),
            "{bad}"
        );
    }
}

//! The index can be lost, garbled, out of date or another's: it comes back equal.
#![expect(
    clippy::unwrap_used,
    reason = "the script of the test is no test function itself"
)]
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use serde_json::Value;
use thon_project::{Durable, JobNumber, Project};

#[expect(dead_code, reason = "each test file uses a part of the script")]
mod script;
use script::{Script, request, scratch};

fn index_file(root: &Path) -> PathBuf {
    root.join(".thon/index.db")
}

fn dump(root: &Path) -> Value {
    let project = Project::open(&Durable::default(), root).unwrap();
    project.index().dump().unwrap()
}

/// A project of two finished jobs and a draft, and the content of its index as it was written live.
fn finished() -> (tempfile::TempDir, Value) {
    let place = scratch();
    Script::new(Durable::default(), place.path()).run().unwrap();
    let project = Project::open(&Durable::default(), place.path()).unwrap();
    project
        .create_job(request(
            "tomogram.reconstruct-wbp",
            "later",
            &[1, 2],
            &Value::Null,
        ))
        .unwrap();
    let live = project.index().dump().unwrap();
    drop(project);
    for table in ["job", "upstream", "attempt", "unit", "file"] {
        assert!(
            live[table].as_array().is_some_and(|rows| rows.len() >= 2),
            "{table}: {}",
            live[table]
        );
    }
    (place, live)
}

#[test]
fn deleted_index_is_made_again() {
    let (place, live) = finished();
    fs::remove_file(index_file(place.path())).unwrap();
    assert_eq!(dump(place.path()), live);
}

#[test]
fn garbled_index_is_made_again() {
    let (place, live) = finished();
    let whole = fs::read(index_file(place.path())).unwrap();
    // SQLite itself notices a wrong start, a wrong length and wrong pages.
    let wrong_page: Vec<u8> = whole
        .iter()
        .enumerate()
        .map(|(at, byte)| if at > 4096 { !byte } else { *byte })
        .collect();
    let torn = whole[..whole.len() / 2 + 100].to_vec();
    for bytes in [
        b"this is no database".to_vec(),
        Vec::new(),
        torn,
        wrong_page,
    ] {
        fs::write(index_file(place.path()), &bytes).unwrap();
        assert_eq!(dump(place.path()), live, "{} bytes", bytes.len());
    }
}

#[test]
fn index_of_another_schema_or_project_is_made_again() {
    let (place, live) = finished();
    let other = scratch();
    drop(Project::create(&Durable::default(), other.path()).unwrap());
    fs::copy(index_file(other.path()), index_file(place.path())).unwrap();
    assert_eq!(dump(place.path()), live);
    rusqlite::Connection::open(index_file(place.path()))
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert_eq!(dump(place.path()), live);
}

#[test]
fn index_that_fell_behind_is_brought_up_to_date() {
    let place = scratch();
    drop(Project::create(&Durable::default(), place.path()).unwrap());
    let old = fs::read(index_file(place.path())).unwrap();
    Script::new(Durable::default(), place.path()).run().unwrap();
    let live = dump(place.path());
    fs::write(index_file(place.path()), old).unwrap();
    assert_eq!(dump(place.path()), live);
    // A job directory taken away is forgotten.
    fs::remove_dir_all(place.path().join("jobs/00002-merge")).unwrap();
    let project = Project::open(&Durable::default(), place.path()).unwrap();
    assert_eq!(project.jobs().unwrap(), [JobNumber(1)]);
}

#[test]
fn index_that_missed_one_unit_is_brought_up_to_date() {
    let place = scratch();
    let durable = Durable::default();
    let project = Project::create(&durable, place.path()).unwrap();
    let job = project
        .create_job(request("a.b", "c", &[], &Value::Null))
        .unwrap()
        .job;
    drop(project.start_attempt(job).unwrap());
    drop(project);
    let old = fs::read(index_file(place.path())).unwrap();
    let lines = place.path().join("jobs/00001-b/attempt-1/units.jsonl");
    let other = scratch();
    Script::new(Durable::default(), other.path()).run().unwrap();
    let line = fs::read(
        other
            .path()
            .join("jobs/00001-simulate/attempt-1/units.jsonl"),
    )
    .unwrap();
    fs::write(&lines, line).unwrap();
    fs::write(index_file(place.path()), old).unwrap();
    let found = dump(place.path());
    assert_eq!(found["unit"].as_array().unwrap().len(), 2);
}

#[test]
fn rebuild_and_reader_see_the_same() {
    let (place, live) = finished();
    let durable = Durable::default();
    let mut project = Project::open(&durable, place.path()).unwrap();
    let refreshed = project.rebuild().unwrap();
    assert_eq!((refreshed.jobs, refreshed.problems.len()), (3, 0));
    assert_eq!(project.index().dump().unwrap(), live);
    // A reader may look while the owner is there.
    let reader = Project::open_to_read(&durable, place.path()).unwrap();
    assert_eq!(reader.index().dump().unwrap(), live);
    assert_eq!(
        reader.index().downstream(JobNumber(1)).unwrap(),
        [JobNumber(2), JobNumber(3)]
    );
}

#[test]
fn a_torn_line_of_a_record_loses_that_unit_alone() {
    let place = scratch();
    Script::new(Durable::default(), place.path()).run().unwrap();
    let lines = place
        .path()
        .join("jobs/00001-simulate/attempt-1/units.jsonl");
    let length = fs::metadata(&lines).unwrap().len();
    OpenOptions::new()
        .write(true)
        .open(&lines)
        .unwrap()
        .set_len(length - 5)
        .unwrap();
    let project = Project::open(&Durable::default(), place.path()).unwrap();
    let facts = project.facts(JobNumber(1)).unwrap();
    assert_eq!(
        facts
            .units
            .values()
            .map(|unit| unit.item.as_str())
            .collect::<Vec<_>>()
            .len(),
        1
    );
    let findings = project.verify(thon_project::Check::Digests).unwrap();
    assert_eq!(
        findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["jobs/00001-simulate/attempt-1/units.jsonl: 1 damaged lines are ignored"]
    );
}

#[test]
fn a_damaged_request_is_named_and_bricks_nothing() {
    let (place, _) = finished();
    fs::write(place.path().join("jobs/00001-simulate/job.json"), b"{").unwrap();
    let project = Project::open(&Durable::default(), place.path()).unwrap();
    assert_eq!(project.problems().len(), 1);
    assert_eq!(project.jobs().unwrap(), [JobNumber(2), JobNumber(3)]);
    // Its number is not given out again.
    assert_eq!(
        project
            .create_job(request("a.b", "c", &[], &Value::Null))
            .unwrap()
            .job,
        JobNumber(4)
    );
}

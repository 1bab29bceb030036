//! One owner at a time, told apart by host, boot, pid and start time.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "the script of the test is no test function itself"
)]
use std::fs;

use thon_project::owner::{Liveness, ProcessIdentity};
use thon_project::{Durable, Project, ProjectError};

#[expect(dead_code, reason = "each test file uses a part of the script")]
mod script;
use script::{request, scratch};

fn write_owner(root: &std::path::Path, identity: &ProcessIdentity) {
    fs::write(
        root.join(".thon/owner.json"),
        serde_json::to_vec(identity).unwrap(),
    )
    .unwrap();
}

#[test]
fn second_owner_is_refused_and_names_the_first() {
    let place = scratch();
    let durable = Durable::default();
    let first = Project::create(&durable, place.path()).unwrap();
    let error = Project::open(&durable, place.path()).unwrap_err();
    assert!(matches!(error, ProjectError::Owned { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&format!("process {} on host", std::process::id())),
        "{text}"
    );
    // A reader is welcome and may ask for a job, but only the owner runs one.
    let reader = Project::open_to_read(&durable, place.path()).unwrap();
    let asked = reader
        .create_job(request("a.b", "c", &[], &serde_json::Value::Null))
        .unwrap();
    assert_eq!(reader.jobs().unwrap(), [asked.job]);
    let next = first
        .create_job(request("a.b", "d", &[], &serde_json::Value::Null))
        .unwrap();
    assert_eq!(next.job.0, asked.job.0 + 1);
    first.notice_jobs().unwrap();
    assert_eq!(first.jobs().unwrap(), [asked.job, next.job]);
    let refused = reader.start_attempt(asked.job);
    assert!(matches!(refused, Err(ProjectError::ReadOnly)));
    drop(first);
    assert!(!place.path().join(".thon/owner.json").exists());
    Project::open(&durable, place.path()).unwrap();
}

#[test]
fn ended_owners_are_taken_over() {
    let place = scratch();
    let durable = Durable::default();
    drop(Project::create(&durable, place.path()).unwrap());
    let this = ProcessIdentity::this();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let dead = ProcessIdentity {
        pid,
        start_ticks: 12345,
        ..this.clone()
    };
    let pid_given_out_again = ProcessIdentity {
        start_ticks: this.start_ticks + 1,
        ..this.clone()
    };
    let before_the_boot = ProcessIdentity {
        boot_id: "another".into(),
        ..this.clone()
    };
    // The host's name changed, the kernel did not: its lock, which is free, tells the truth.
    let renamed = ProcessIdentity {
        host: "another".into(),
        ..this
    };
    for stale in [dead, pid_given_out_again, before_the_boot, renamed] {
        write_owner(place.path(), &stale);
        Project::open(&durable, place.path()).unwrap_or_else(|error| panic!("{stale:?}: {error}"));
    }
}

#[test]
fn owners_that_live_or_cannot_be_looked_at_are_respected() {
    let place = scratch();
    let durable = Durable::default();
    drop(Project::create(&durable, place.path()).unwrap());
    let this = ProcessIdentity::this();
    let elsewhere = ProcessIdentity {
        host: "another".into(),
        boot_id: "another".into(),
        ..this.clone()
    };
    assert_eq!(elsewhere.liveness(), Liveness::Unknown);
    write_owner(place.path(), &elsewhere);
    assert!(matches!(
        Project::open(&durable, place.path()),
        Err(ProjectError::Owned { .. })
    ));
    // A living process whose lock is lost (as on a file system that does not lock).
    let mut child = std::process::Command::new("sleep")
        .arg("30")
        .spawn()
        .unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let ticks = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(19)
        .unwrap()
        .parse()
        .unwrap();
    let alive = ProcessIdentity {
        pid: child.id(),
        start_ticks: ticks,
        ..this
    };
    assert_eq!(alive.liveness(), Liveness::Alive);
    write_owner(place.path(), &alive);
    let answer = Project::open(&durable, place.path());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(answer, Err(ProjectError::Owned { .. })));
    assert_eq!(alive.liveness(), Liveness::Dead);
    Project::open(&durable, place.path()).unwrap();
}

#[test]
fn of_many_starters_exactly_one_owns() {
    let place = scratch();
    drop(Project::create(&Durable::default(), place.path()).unwrap());
    for _ in 0..50 {
        let opened: Vec<_> = std::thread::scope(|scope| {
            let starters: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Project::open(&Durable::default(), place.path())))
                .collect();
            starters
                .into_iter()
                .map(|starter| starter.join().unwrap())
                .collect()
        });
        let owners = opened.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(owners, 1, "{opened:?}");
    }
}

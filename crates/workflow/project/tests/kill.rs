//! A real process is killed with `kill -9` at random moments; the resumed run ends with the same bytes.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "the script of the test is no test function itself"
)]
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use thon_project::{Durable, JobState, Project, ProjectError};

mod script;
use script::promises::{check_promises, reference, resume_and_compare};
use script::{Script, scratch};

const PLACE: &str = "THON_TEST_KILLED_PROJECT";
const KILLS: u64 = 25;

/// Not a test of its own: the body of the process that is killed.
#[test]
#[ignore = "the body of the process that the other test kills"]
fn child() {
    let Some(root) = std::env::var_os(PLACE) else {
        return;
    };
    let mut script = Script::new(Durable::default(), Path::new(&root));
    script.pause = Duration::from_millis(3);
    script.run().unwrap();
}

fn spawn(root: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--test-threads=1"])
        .env(PLACE, root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_random_moments_and_resumed() {
    let reference = reference();
    let (mut state, mut in_the_middle) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    for kill in 0..KILLS {
        let place = scratch();
        // xorshift: a fixed sequence of moments between 1 and 60 ms.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for round in 0..2 {
            let mut child = spawn(place.path());
            std::thread::sleep(Duration::from_millis(1 + (state >> (8 * round)) % 60));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let label = format!("kill {kill}");
        check_promises(place.path(), &reference, &[], &label);
        if let Ok(project) = Project::open_to_read(&Durable::default(), place.path()) {
            let states = project
                .jobs()
                .unwrap()
                .into_iter()
                .map(|job| project.status(job).unwrap().state);
            in_the_middle += usize::from(
                states
                    .into_iter()
                    .any(|state| state == JobState::Interrupted),
            );
        }
        resume_and_compare(place.path(), &reference, &[], &label);
    }
    println!("{KILLS} projects killed twice, {in_the_middle} of them within an attempt");
    assert!(in_the_middle > 0, "no kill struck within an attempt");
}

#[test]
fn living_owner_is_named_and_dead_owner_is_taken_over() {
    let place = scratch();
    let durable = Durable::default();
    drop(Project::create(&durable, place.path()).unwrap());
    let mut child = spawn(place.path());
    let mark = place.path().join(".thon/owner.json");
    let mut named = false;
    for _ in 0..2000 {
        if std::fs::read_to_string(&mark).is_ok_and(|text| text.contains(&child.id().to_string())) {
            let error = Project::open(&durable, place.path()).unwrap_err();
            assert!(matches!(error, ProjectError::Owned { .. }), "{error}");
            named = error
                .to_string()
                .contains(&format!("process {} on host", child.id()));
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(named, "the living owner was not named");
    Project::open(&durable, place.path()).unwrap();
}

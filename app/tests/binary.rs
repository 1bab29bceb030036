//! The program itself, over the real catalogue: manuals, flags, streams, signals.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn thon(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thon"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_job_has_a_manual_and_flags() {
    let here = tempfile::tempdir().unwrap();
    let jobs = thon(here.path(), &["jobs", "--json"]);
    let jobs: Vec<Value> = serde_json::from_slice(&jobs.stdout).unwrap();
    assert!(!jobs.is_empty());
    let completions = thon(here.path(), &["completions", "bash"]).stdout;
    for job in &jobs {
        let id = job["job"].as_str().unwrap();
        let manual = thon(here.path(), &["help", id]);
        assert!(manual.status.success(), "{id}");
        assert!(text(&manual.stdout).starts_with(&format!("{id}: ")), "{id}");
        let flags = thon(here.path(), &["run", id, "--help"]);
        assert!(flags.status.success(), "{id}: {}", text(&flags.stderr));
        assert!(text(&flags.stdout).contains("--output <DIR>"), "{id}");
        assert!(text(&completions).contains(id), "{id}");
        let wrong = thon(here.path(), &["run", id, "--no-such-flag"]);
        assert_eq!(wrong.status.code(), Some(2), "{id}");
    }
}

#[test]
fn results_and_messages_go_apart() {
    let here = tempfile::tempdir().unwrap();
    let lost = thon(here.path(), &["ls", "--json"]);
    assert_eq!((lost.status.code(), text(&lost.stdout)), (Some(3), ""));
    assert!(text(&lost.stderr).starts_with("error: there is no project here or above\nhint: "));
    assert!(thon(here.path(), &["new", "project"]).status.success());
    let inner = here.path().join("project/jobs");
    let found = thon(&inner, &["ls", "--json"]);
    assert_eq!(
        (found.status.code(), text(&found.stdout)),
        (Some(0), "[]\n")
    );
}

/// `thon help … | head -1` ends without a panic.
#[test]
fn a_reader_may_go_away() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_thon"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

/// The first SIGINT stops the job and keeps the project in order; the job can be taken up again.
#[test]
fn an_interrupted_job_is_cancelled() {
    let here = tempfile::tempdir().unwrap();
    assert!(thon(here.path(), &["new", "."]).status.success());
    let mut child = Command::new(env!("CARGO_BIN_EXE_thon"))
        .args(["run", "acquire.simulate-tilt-series"])
        .args([
            "--options-image-width",
            "2048",
            "--options-image-height",
            "2048",
        ])
        .current_dir(here.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    messages.read_line(&mut line).unwrap();
    assert!(line.starts_with("00001 "), "{line}");
    let asked = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(asked.success());
    let mut rest = String::new();
    messages.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{rest}");
    assert!(
        rest.contains("hint: `thon run 1` goes on where it stopped"),
        "{rest}"
    );
    let jobs = thon(here.path(), &["ls", "--json"]);
    let jobs: Value = serde_json::from_slice(&jobs.stdout).unwrap();
    assert_eq!(jobs[0]["state"], "cancelled");
}

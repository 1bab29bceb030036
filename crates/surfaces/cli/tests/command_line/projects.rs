//! Looking at a project: ls, show, log, explain, cancel, verify, rebuild, doctor, export.

use std::fs;

use serde_json::json;
use thon_cli::Exit;

use crate::shell::{Answer, line, project, within};

/// A project with made curves (job 1) and scaled ones (job 2).
fn worked() -> tempfile::TempDir {
    let project = project();
    within(project.path(), "run toy.make --count 2").ok();
    within(
        project.path(),
        "run toy.scale-curve --input curve=1.curves --factor -3 --warn --smoothing-weights 1,2",
    )
    .ok();
    project
}

#[test]
fn jobs_are_listed() {
    let project = worked();
    let listed = within(project.path(), "ls").ok();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("job    operation        title"));
    assert!(lines[2].starts_with("00002  toy.scale-curve  Multiply each curve by a factor  done"));
    let document = within(project.path(), "ls --json").json();
    assert_eq!(document[1]["state"], "done");
    assert_eq!(document[1]["items_out"], 2);
    assert_eq!(document[1]["job"], 2);
}

#[test]
fn a_job_is_shown_with_what_came_out() {
    let project = worked();
    let shown = within(project.path(), "show 2").ok();
    for part in [
        "00002 toy.scale-curve\n",
        "  items  2 in, 2 out, 0 rejected\n",
        "  factor             -3 Å  default 2\n",
        "  smoothing.weights  1,2   default empty\n",
        "  curve  1.curves\n",
        "  scaled  2 items (curves)\n    c0  jobs/00002-scale-curve/units/c0-",
        "  c1  factor  -3\n",
        "  c0: this is only a toy\n",
        "  c1/point 7: too far out\n",
        "Methods\n  Curves were multiplied by -3.\n  Nobody 1999, https://doi.org/10.1000/toy\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let document = within(project.path(), "show 00002 --json").json();
    assert_eq!(
        document["changed_parameters"],
        json!({ "factor": -3.0, "warn": true, "smoothing.weights": [1.0, 2.0] })
    );
    assert_eq!(document["metrics"]["c0"]["factor"], -3.0);
    assert_eq!(
        document["rejected"][0],
        json!({ "item": "c0/point 7", "reason": "too far out" })
    );
    assert_eq!(document["methods"]["citations"][0]["doi"], "10.1000/toy");
}

#[test]
fn a_log_and_an_explanation() {
    let project = worked();
    let log = within(project.path(), "log 2 --follow").ok();
    assert!(log.starts_with("attempt 1 of job 00002, started "), "{log}");
    assert!(log.contains(" c0: warning: this is only a toy\n"), "{log}");
    assert!(
        log.ends_with("done: the manifest and its 2 files are there\n"),
        "{log}"
    );
    let document = within(project.path(), "log 2 --json").json();
    assert_eq!(
        (
            &document["state"],
            document["lines"].as_array().unwrap().len()
        ),
        (&json!("done"), 6)
    );
    let nothing = within(project.path(), "explain 2").ok();
    assert!(
        nothing.starts_with("job 00002: nothing would run, all of 2 items finished\n"),
        "{nothing}"
    );

    let failed = within(
        project.path(),
        "run toy.scale-curve --input curve=1 --factor -3 --fail c1",
    );
    assert_eq!(failed.exit, Exit::Failed);
    let why = within(project.path(), "explain 3").ok();
    assert!(
        why.starts_with("job 00003: 1 of 2 items would run\n"),
        "{why}"
    );
    assert!(why.contains("c1  would run"), "{why}");
    let differences = within(project.path(), "explain 3 --json").json();
    assert_eq!(differences["items"][1]["would_run"], true);
    let log = within(project.path(), "log 3").ok();
    assert!(log.contains("c1 failed: asked to fail"), "{log}");
}

#[test]
fn only_a_running_job_is_cancelled() {
    let project = worked();
    let refused = within(project.path(), "cancel 2").refused(Exit::Usage);
    assert_eq!(refused, "error: job 00002 is not running, it is done\n");
}

/// Cancels from another thread while the job runs; both sides see it.
#[test]
fn a_running_job_is_cancelled_and_taken_up_again() {
    let project = project();
    let root = project.path().to_path_buf();
    let runner = std::thread::spawn(move || within(&root, "run toy.make --pause 300"));
    let asked = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(30));
        within(project.path(), "cancel 1").exit == Exit::Ok
    });
    assert!(asked);
    let Answer { exit, err, .. } = runner.join().unwrap();
    assert_eq!(exit, Exit::Cancelled, "{err}");
    assert!(
        err.ends_with(
            "error: job 00001 is cancelled\nhint: `thon run 1` goes on where it stopped\n"
        ),
        "{err}"
    );
    assert_eq!(
        within(project.path(), "ls --json").json()[0]["state"],
        "cancelled"
    );
    within(project.path(), "run 1").ok();
    assert_eq!(
        within(project.path(), "ls --json").json()[0]["state"],
        "done"
    );
}

#[test]
fn damage_is_found() {
    let project = worked();
    assert_eq!(
        within(project.path(), "project verify").ok(),
        "2 jobs checked byte by byte: all is well\n"
    );
    let shown = within(project.path(), "show 2 --json").json();
    let file = shown["outputs"]["scaled"]["items"][0]["files"][0]
        .as_str()
        .unwrap();
    let path = project.path().join(file);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, &bytes).unwrap();
    within(project.path(), "project verify --sizes").ok();
    let said = within(project.path(), "project verify").refused(Exit::Project);
    assert!(
        said.contains(file) && said.contains("expected BLAKE3"),
        "{said}"
    );
    bytes.pop();
    fs::write(&path, &bytes).unwrap();
    let health = within(project.path(), "doctor");
    assert_eq!(health.exit, Exit::Project);
    assert!(
        health.err.starts_with("warning: ") && health.err.contains("expected"),
        "{}",
        health.err
    );
    assert_eq!(
        within(project.path(), "ls --json").json()[1]["state"],
        "damaged"
    );
    let rebuilt = within(project.path(), "project rebuild").ok();
    assert_eq!(rebuilt, "the index was made again from 2 jobs\n");
}

#[test]
fn the_doctor_answers_everywhere() {
    let document = line("doctor --json --threads 1 --memory 2G").json();
    assert_eq!(
        (&document["threads"], &document["memory_for_jobs"]),
        (&json!(1), &json!(2_000_000_000_u64))
    );
    assert!(document["cores"].as_u64().unwrap() >= 1);
    assert_eq!(document["jobs"].as_array().unwrap().len(), 3);
}

#[test]
fn outputs_are_exported_with_what_is_lost() {
    let project = worked();
    let target = project.path().join("out");
    let words = format!("export 2.scaled --to text {}", target.display());
    let told = within(project.path(), &words).ok();
    assert!(
        told.contains("2 files in ") && told.contains("\n  text/c0.txt\n"),
        "{told}"
    );
    assert!(
        told.ends_with("what the format cannot hold:\n  - the title of a curve\n"),
        "{told}"
    );
    assert_eq!(
        fs::read_to_string(target.join("text/c1.txt")).unwrap(),
        "-3\n"
    );
    let again = within(project.path(), &words).refused(Exit::Usage);
    assert!(again.contains("is not empty"), "{again}");
    let unknown = within(project.path(), "export 2 --to imod elsewhere").refused(Exit::Usage);
    assert_eq!(
        unknown,
        "error: no job exports to `imod`\nhint: formats: text-curves\n"
    );
}

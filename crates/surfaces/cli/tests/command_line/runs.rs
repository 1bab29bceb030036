//! Running: parameters from everywhere, pipelines, stand-alone runs, failures.

use std::fs;

use serde_json::{Value, json};
use thon_cli::Exit;

use crate::shell::{line, project, text, thon, within};
use crate::toy::PIPELINE;

#[test]
fn flags_go_before_the_parameter_file() {
    let project = project();
    within(project.path(), "run toy.make").ok();
    let file = project.path().join("scale.toml");
    fs::write(
        &file,
        "factor = 5\nnegative = \"clip\"\n[smoothing]\nweights = [0.5]\n",
    )
    .unwrap();
    let words = format!(
        "run toy.scale-curve --json --input 1 --params {} --factor -7 --title Mine --smoothing-weights 1 2",
        file.display()
    );
    let document = within(project.path(), &words).json();
    assert_eq!(
        (&document["job"], &document["items_out"]),
        (&json!(2), &json!(3))
    );
    let request = &within(project.path(), "show 2 --json").json()["request"];
    assert_eq!(request["title"], "Mine");
    assert_eq!(request["parameters"]["factor"], -7.0);
    assert_eq!(request["parameters"]["negative"], "clip");
    assert_eq!(
        request["parameters"]["smoothing"]["weights"],
        json!([1.0, 2.0])
    );
    // A parameter that is called like one of the flags of all jobs.
    within(
        project.path(),
        "run toy.scale-curve --input 1 --parameter-title own",
    )
    .ok();
    let request = &within(project.path(), "show 3 --json").json()["request"];
    assert_eq!(request["parameters"]["title"], "own");
    fs::write(&file, "factor = ").unwrap();
    let wrong = within(project.path(), &words).refused(Exit::Usage);
    assert!(
        wrong.contains("scale.toml: ") && wrong.contains("line 1"),
        "{wrong}"
    );
}

#[test]
fn paths_in_parameters_start_at_the_project() {
    let project = project();
    let outside = tempfile::tempdir().unwrap();
    let files = [project.path().join("a.txt"), outside.path().join("b.txt")];
    for file in &files {
        fs::write(file, "four").unwrap();
    }
    let words = format!(
        "run toy.make --measure {} {}",
        files[0].display(),
        files[1].display()
    );
    within(project.path(), &words).ok();
    let shown = within(project.path(), "show 1 --json").json();
    let recorded = &shown["request"]["parameters"]["measure"];
    assert_eq!(*recorded, json!(["a.txt", text(&files[1])]));
    assert_eq!(shown["metrics"]["all"]["a.txt (B)"], 4.0);
}

#[test]
fn a_failed_job_is_tried_again() {
    let project = project();
    within(project.path(), "run toy.make").ok();
    let failed = within(project.path(), "run toy.scale-curve --input 1 --fail c1");
    assert_eq!(failed.exit, Exit::Failed);
    assert!(
        failed.err.ends_with(
            "error: job 00002: 1 of 3 items failed\n  c1: asked to fail\n\
         hint: `thon log 2` says more; `thon run 2` tries again what failed\n"
        ),
        "{}",
        failed.err
    );
    let partial = within(project.path(), "run 2 --accept-partial");
    assert!(
        partial
            .err
            .contains("1 item did not come out\nhint: `thon show 2` says why\n"),
        "{}",
        partial.err
    );
    let shown = within(project.path(), "show 2").ok();
    assert!(shown.contains("items  3 in, 2 out, 1 rejected"), "{shown}");
    assert!(shown.contains("Rejected\n  c1: asked to fail\n"), "{shown}");
    assert!(within(project.path(), "ls").ok().contains("2 of 3"));
    let refused =
        within(project.path(), "run toy.scale-curve --input 1 --factor 0").refused(Exit::Usage);
    assert!(
        refused.ends_with("error: factor: nothing would be left\nhint: use 1\n"),
        "{refused}"
    );
}

#[test]
fn a_pipeline_runs_and_is_found_done() {
    let project = project();
    let file = project.path().join("toy.toml");
    fs::write(&file, PIPELINE).unwrap();
    let run = format!("run {}", text(&file));
    let first = within(project.path(), &run);
    assert!(
        first
            .err
            .contains("[2/2] scale: 00002 toy.scale-curve: done, 3 items"),
        "{}",
        first.err
    );
    let table = first.ok();
    assert!(
        table.contains("make   00001  toy.make") && !table.contains("was done"),
        "{table}"
    );
    let second = within(project.path(), &run);
    assert_eq!(second.err, "[1/2] make: was done\n[2/2] scale: was done\n");
    assert!(second.ok().contains("was done"));
    let other = within(project.path(), &format!("{run} --var factor=4 --json")).json();
    assert_eq!(other["steps"][0]["already_done"], true);
    assert_eq!(
        (
            &other["steps"][1]["job"],
            &other["steps"][1]["already_done"]
        ),
        (&json!(3), &json!(false))
    );
    let unknown = within(project.path(), &format!("{run} --var facter=4")).refused(Exit::Usage);
    assert!(
        unknown.contains("there is no variable facter\nhint: variables: factor\n"),
        "{unknown}"
    );
    let missing = within(project.path(), "run nowhere.toml").refused(Exit::Usage);
    assert!(missing.starts_with("error: nowhere.toml: "), "{missing}");
}

#[test]
fn a_job_runs_on_plain_files() {
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made");
    thon(&["run", "toy.make", "--output", &text(&made)]).ok();
    let input = format!("curve={}", text(&made.join("*.curves.json")));
    let scaled = directory.path().join("scaled");
    let arguments = [
        "run",
        "toy.scale-curve",
        "--input",
        &input,
        "--output",
        &text(&scaled),
    ];
    let told = thon(&arguments).ok();
    assert!(told.contains("scaled/c2/c2.curves.json"), "{told}");
    let read = fs::read(scaled.join("c2/c2.curves.json")).unwrap();
    let curve: Value = serde_json::from_slice(&read).unwrap();
    assert_eq!(curve["columns"][0]["values"], json!([4.0]));
    // The slot has a flag of its own.
    let by_flag = text(&directory.path().join("by_flag"));
    let curve = text(&made.join("c1.curves.json"));
    let told = thon(&[
        "run",
        "toy.scale-curve",
        "--curve",
        &curve,
        "--output",
        &by_flag,
    ])
    .ok();
    assert!(told.contains("by_flag/c1.curves.json"), "{told}");
    let again = thon(&arguments).refused(Exit::Usage);
    assert!(
        again.contains("already holds a result\nhint: choose another"),
        "{again}"
    );
    let job =
        line("run toy.scale-curve --input curve=1.curves --output elsewhere").refused(Exit::Usage);
    assert!(
        job.contains("hint: outputs of jobs can be used inside a project"),
        "{job}"
    );
}

#[test]
fn quiet_is_quiet() {
    let project = project();
    let answer = within(project.path(), "run toy.make -q --json");
    assert_eq!(answer.err, "");
    assert_eq!(answer.json()["state"], "done");
}

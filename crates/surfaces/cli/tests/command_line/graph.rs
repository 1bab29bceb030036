//! The graph of jobs: branches, pipelines made of it, reports.

use std::fs;

use serde_json::json;
use thon_cli::Exit;

use crate::shell::{project, text, within};

/// Makes, scales, scales again.
fn chain() -> tempfile::TempDir {
    let project = project();
    within(project.path(), "run toy.make").ok();
    within(project.path(), "run toy.scale-curve --input 1 --factor 3").ok();
    within(project.path(), "run toy.scale-curve --input 2 --factor 5").ok();
    project
}

#[test]
fn a_branch_is_rewired_and_only_what_changes_runs() {
    let project = chain();
    let pairs = within(project.path(), "branch 2 --set factor=4 --json").json();
    assert_eq!(
        pairs,
        json!([{ "job": 2, "branch": 4 }, { "job": 3, "branch": 5 }])
    );
    let shown = within(project.path(), "show 5 --json").json();
    assert_eq!(shown["request"]["inputs"]["curve"]["job"]["job"], 4);
    assert_eq!(shown["request"]["parameters"]["factor"], 5.0);
    assert_eq!(
        within(project.path(), "show 4 --json").json()["request"]["parameters"]["factor"],
        4.0
    );
    within(project.path(), "run 4").ok();
    within(project.path(), "run 5").ok();
    // A branch that changes nothing is known.
    let same = within(project.path(), "branch 2 --set factor=3 --alone --json").json();
    assert_eq!(same, json!([{ "job": 2, "branch": 6 }]));
    let run = within(project.path(), "run 6");
    assert_eq!(run.exit, Exit::Ok);
    let units = project.path().join("jobs/00006-scale-curve/units");
    assert_eq!(fs::read_dir(units).unwrap().count(), 0);
    let wrong = within(project.path(), "branch 2 --set facter=3").refused(Exit::Usage);
    assert!(
        wrong.contains("facter: there is no such parameter"),
        "{wrong}"
    );
    let wrong = within(project.path(), "branch 2 --set factor=300").refused(Exit::Usage);
    assert!(wrong.contains("factor"), "{wrong}");
    assert!(!within(project.path(), "ls").ok().contains("00007"));
}

#[test]
fn a_pipeline_from_the_graph_is_all_known() {
    let project = chain();
    let file = project.path().join("from_graph.toml");
    let made = within(project.path(), "pipeline 3 --name again").ok();
    assert!(
        made.contains("factor = 5.0") && !made.contains("negative"),
        "{made}"
    );
    fs::write(&file, &made).unwrap();
    let run = within(project.path(), &format!("run {}", text(&file)));
    assert_eq!(run.exit, Exit::Ok, "{}", run.err);
    for job in ["00004-make", "00005-scale-curve", "00006-scale-curve"] {
        let units = project.path().join("jobs").join(job).join("units");
        assert_eq!(fs::read_dir(units).unwrap().count(), 0, "{job} ran again");
    }
    let verified = within(project.path(), "project verify").ok();
    assert!(verified.contains("all is well"), "{verified}");
}

#[test]
fn files_become_variables_of_a_pipeline() {
    let project = project();
    let (one, two) = (
        project.path().join("one.txt"),
        project.path().join("two.txt"),
    );
    fs::write(&one, "four").unwrap();
    fs::write(&two, "sixsix").unwrap();
    within(
        project.path(),
        &format!("run toy.make --measure {}", text(&one)),
    )
    .ok();
    let made = within(project.path(), "pipeline 1").ok();
    assert!(made.contains("${make_measure}"), "{made}");
    let file = project.path().join("other.toml");
    fs::write(&file, &made).unwrap();
    let words = format!("run {} --var make_measure=[\"two.txt\"]", text(&file));
    within(project.path(), &words).ok();
    let shown = within(project.path(), "show 2 --json").json();
    assert_eq!(shown["metrics"]["all"]["two.txt (B)"], 6.0);
}

#[test]
fn a_report_says_how_a_result_came_about() {
    let project = chain();
    let told = within(project.path(), "report 3").ok();
    assert!(
        told.contains("Curves were multiplied by 3. [@Nobody1999] Curves were multiplied by 5."),
        "{told}"
    );
    assert!(
        told.contains("| 00003 | toy.scale-curve | 1 | 3 | 3 |"),
        "{told}"
    );
    assert!(
        told.contains("- 00002 toy.scale-curve: `factor` = 3.0"),
        "{told}"
    );
    let output = project.path().join("report");
    within(
        project.path(),
        &format!("report 3 --output {}", text(&output)),
    )
    .ok();
    let bib = fs::read_to_string(output.join("references.bib")).unwrap();
    assert!(
        bib.starts_with(
            "@article{Nobody1999,\n  author = {Nobody},\n  year = {1999},\n  doi = {10.1000/toy},"
        ),
        "{bib}"
    );
    for file in ["report.md", "pipeline.toml", "provenance.json"] {
        assert!(output.join(file).is_file());
    }
    within(project.path(), "branch 2 --set factor=4").ok();
    let wrong = within(project.path(), "report 4").refused(Exit::Project);
    assert!(wrong.contains("no result"), "{wrong}");
}

#[test]
fn jobs_are_put_into_the_queue() {
    let project = project();
    within(project.path(), "run toy.make --later").ok();
    assert!(
        within(project.path(), "history 1")
            .err
            .contains("was never in the queue")
    );
    assert!(within(project.path(), "ls").ok().contains("draft"));
    let wrong = within(project.path(), "start 1 --on moon").refused(Exit::Usage);
    assert!(
        wrong.contains("there is no executor moon\nhint: there are local"),
        "{wrong}"
    );
    let missing = within(
        project.path(),
        "run toy.scale-curve --later --input curve=7.curves",
    );
    assert_ne!(missing.exit, Exit::Ok);
    for topic in ["executors", "plugins"] {
        assert!(
            !within(project.path(), &format!("help {topic}"))
                .ok()
                .is_empty()
        );
    }
}

//! Picks by hand from the shell: begun, edited, taken back, sealed; and what makes no sense.

use serde_json::json;
use thon_cli::Exit;

use crate::shell::{project, within};

#[test]
fn points_are_added_moved_and_taken_back() {
    let project = project();
    let at = project.path();
    assert_eq!(within(at, "curate start --json").json()["number"], 1);
    within(at, "curate add 1 --series TS_1 --at -1.5,2,3").ok();
    within(at, "curate add 1 --series TS_1 --at 4,5,6 --class 2").ok();
    within(at, "curate move 1 1 --at 7,8,9").ok();
    within(at, "curate reject 1 0").ok();
    let answer = within(at, "curate undo 1 --json").json();
    assert_eq!(answer["edits"], 5);
    let shown = within(at, "curate show 1 --json").json();
    let added = shown["curated"]["added"].as_array().unwrap();
    assert_eq!(added.len(), 2, "{shown}");
    assert_eq!(added[0]["position"], json!([-1.5, 2.0, 3.0]));
    assert_eq!(added[1]["position"], json!([7.0, 8.0, 9.0]));
    assert_eq!(shown["curated"]["redoable"], 1);
    let table = within(at, "curate show 1").ok();
    assert!(
        table.contains("5 edits, 3 can be taken back, 1 made again"),
        "{table}"
    );
    let path = within(at, "curate seal 1 --json").json()["path"].clone();
    assert_eq!(path, "curations/1/curation-1-5.edits.json");
    let sealed = std::fs::read_to_string(at.join(path.as_str().unwrap())).unwrap();
    within(at, "curate redo 1").ok();
    assert_eq!(
        within(at, "curate show 1 --json").json()["curated"]["added"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let again = std::fs::read_to_string(at.join(path.as_str().unwrap())).unwrap();
    assert_eq!(sealed, again, "what was sealed stays");
    assert!(within(at, "curate list").ok().contains('6'));
}

#[test]
fn what_makes_no_sense_is_a_mistake_in_the_command() {
    let project = project();
    let at = project.path();
    within(at, "curate start").ok();
    for wrong in [
        "curate accept 1 0",
        "curate undo 1",
        "curate show 7",
        "curate add 1 --series TS_1 --at 1,2",
        "curate add 1 --series TS_1 --at 1,2,nan",
        "curate start --particles 9.particles",
        "curate start --particles nine",
    ] {
        let answer = within(at, wrong);
        assert_ne!(answer.exit, Exit::Ok, "{wrong}");
    }
}

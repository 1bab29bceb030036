//! `thon demo`: from nothing, again, and after half of it was lost.

use std::fs;

use serde_json::{Value, json};
use thon_cli::Exit;

use crate::shell::{text, thon};

#[test]
fn a_demo_runs_resumes_and_judges() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("demo");
    let arguments = ["demo", "--output", &text(&place)];
    let told = thon(&arguments);
    let table = told.ok();
    assert!(
        table.contains("simulated curves      2  ≥         2  kept\n"),
        "{table}"
    );
    assert!(
        table.contains("Pictures\n") && table.contains("none.png"),
        "{table}"
    );
    let record = fs::read(place.join("data/thon.json")).unwrap();

    // Again: the data are kept, the pipeline is found done.
    let again = thon(&["demo", "--json", "--output", &text(&place)]);
    assert!(
        again.err.contains("toy.make: the data are there\n"),
        "{}",
        again.err
    );
    let document = again.json();
    assert_eq!(
        document["rows"][0],
        json!({
            "name": "simulated curves", "unit": "", "found": 2.0, "relation": "at-least",
            "expected": 2.0, "kept": true,
        })
    );
    assert!(document["memory_peak"].as_u64().unwrap() > 1_000_000);
    assert_eq!(fs::read(place.join("data/thon.json")).unwrap(), record);

    // Half-written data are written again, the same bytes.
    fs::remove_file(place.join("data/thon.json")).unwrap();
    fs::remove_file(place.join("data/c1.curves.json")).unwrap();
    fs::write(place.join("data/c9.curves.json"), "half").unwrap();
    thon(&arguments).ok();
    assert!(place.join("data/c1.curves.json").exists());
    assert!(!place.join("data/c9.curves.json").exists());
    assert_eq!(fs::read(place.join("data/thon.json")).unwrap(), record);

    // Data of another request are not taken for these.
    let mut other: Value = serde_json::from_slice(&record).unwrap();
    other["parameters"]["count"] = json!(7);
    fs::write(place.join("data/thon.json"), other.to_string()).unwrap();
    thon(&arguments).ok();
    assert_eq!(fs::read(place.join("data/thon.json")).unwrap(), record);
}

#[test]
fn a_directory_of_somebody_else_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("data")).unwrap();
    fs::write(directory.path().join("data/precious.mrc"), "raw").unwrap();
    let said = thon(&["demo", "--output", &text(directory.path())]).refused(Exit::Usage);
    assert!(said.contains("no demo began there\nhint: "), "{said}");
    assert!(directory.path().join("data/precious.mrc").exists());
}

//! `thon disk` and `thon clean`: what can be made again goes, comes back, and is made again with the same bytes.

use std::fs;

use serde_json::Value;

use super::program::{Place, processes};

fn json(place: &Place, words: &[&str]) -> Value {
    let words = [words, &["--json"]].concat();
    serde_json::from_str(&place.ok(&words)).unwrap()
}

fn states(place: &Place) -> Vec<String> {
    let jobs = json(place, &["ls"]);
    let state = |job: &Value| job["state"].as_str().unwrap().to_owned();
    jobs.as_array().unwrap().iter().map(state).collect()
}

/// Three jobs, each from the one before.
fn chain() -> Place {
    let place = Place::new("cores = 2\ncores_per_job = 1\nmemory = \"64G\"\npoll = 20\n");
    place.ok(&["run", "toy.make", "--count", "2"]);
    place.ok(&["run", "toy.scale-curve", "--factor", "3", "--input", "1"]);
    place.ok(&["run", "toy.scale-curve", "--factor", "5", "--input", "2"]);
    place
}

#[test]
fn what_was_cleaned_comes_back() {
    let place = chain();
    let before = place.results();
    let space = json(&place, &["disk"]);
    let job = |n: usize| space["jobs"][n].clone();
    assert_eq!(job(0)["stays"], Value::Null);
    assert!(job(0)["disk"]["results"].as_u64().unwrap() > 0);
    let moved = json(&place, &["clean", "1", "2"]);
    assert_eq!(moved["jobs"], serde_json::json!([1, 2]));
    assert!(moved["bytes"].as_u64().unwrap() > 0);
    assert_eq!(states(&place), ["cleaned", "cleaned", "done"]);
    let space = json(&place, &["disk"]);
    assert_eq!(space["jobs"][0]["disk"]["results"], 0);
    assert!(space["trash"].as_u64() > moved["bytes"].as_u64());
    // The index made anew says the same; what has no result is not cleaned.
    place.ok(&["project", "rebuild"]);
    assert_eq!(states(&place), ["cleaned", "cleaned", "done"]);
    let refused = place.run(&["clean", "1"]);
    assert_eq!(refused.status.code(), Some(2));
    let back = json(&place, &["clean", "--undo"]);
    assert_eq!(back["jobs"], serde_json::json!([1, 2]));
    assert_eq!(states(&place), ["done", "done", "done"]);
    assert_eq!(place.results(), before);
    place.ok(&["project", "verify"]);
}

#[test]
fn what_is_needed_is_made_again_with_the_same_bytes() {
    let place = chain();
    let before = place.results();
    place.ok(&["clean", "1", "2"]);
    place.ok(&["clean", "--empty"]);
    // The third was made from the second; a fourth needs both again.
    place.ok(&["run", "toy.scale-curve", "--factor", "7", "--input", "2"]);
    assert_eq!(states(&place), ["done"; 4]);
    let after = place.results();
    for (path, bytes) in &before {
        assert!(after.get(path) == Some(bytes), "{}", path.display());
    }
    place.ok(&["project", "verify"]);
    // The queue makes it again as well.
    place.ok(&["clean", "1", "2"]);
    place.ok(&[
        "run",
        "toy.scale-curve",
        "--later",
        "--factor",
        "9",
        "--input",
        "2",
    ]);
    place.ok(&["work"]);
    assert_eq!(states(&place), ["done"; 5]);
    let after = place.results();
    for (path, bytes) in &before {
        assert!(after.get(path) == Some(bytes), "{}", path.display());
    }
    assert!(processes(place.path(), "attempt-worker").is_empty());
}

#[test]
fn what_others_need_or_cannot_be_made_again_stays() {
    let place = chain();
    // The same work under another number: its files are those of job 2.
    place.ok(&[
        "run",
        "toy.scale-curve",
        "--factor",
        "3",
        "--input",
        "1",
        "--title",
        "again",
    ]);
    let refused = place.run(&["clean", "2"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("job 00004"), "{said}");
    let before = place.results();
    place.ok(&["clean", "2", "4"]);
    place.ok(&["clean", "--undo"]);
    assert_eq!(states(&place), ["done"; 4]);
    assert_eq!(place.results(), before);
    // Made again, it finds the work where it was.
    place.ok(&["clean", "2", "4"]);
    place.ok(&["run", "4"]);
    assert_eq!(states(&place), ["done"; 4]);
    assert_eq!(place.results(), before);
    // A unit whose bytes changed is not what it was: made again it is refused, and the old files come back.
    place.ok(&["clean", "1"]);
    let cleaned = place.path().join("jobs/00001-make/cleaned.json");
    let text = fs::read_to_string(&cleaned).unwrap();
    let digest = text.split("\"digest\": \"").nth(1).unwrap();
    let digest = &digest[..64];
    let other: String = digest.chars().rev().collect();
    fs::write(&cleaned, text.replace(digest, &other)).unwrap();
    let refused = place.run(&["run", "1"]);
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("not what it was"), "{said}");
}

#[test]
fn a_result_whose_files_changed_is_stale_and_stays() {
    let place = Place::new("");
    let data = place.path().join("data.txt");
    fs::write(&data, "one").unwrap();
    place.ok(&["run", "toy.make", "--measure", data.to_str().unwrap()]);
    place.ok(&["run", "toy.scale-curve", "--input", "1"]);
    let stale = |place: &Place| -> Vec<bool> {
        let jobs = json(place, &["ls"]);
        let jobs = jobs.as_array().unwrap().iter();
        jobs.map(|job| !job["stale"].is_null()).collect()
    };
    assert_eq!(stale(&place), [false, false]);
    // Written again with the same content: a suspicion, and no more.
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&data, "one").unwrap();
    assert_eq!(stale(&place), [false, false]);
    fs::write(&data, "one, two").unwrap();
    assert_eq!(stale(&place), [true, true]);
    assert!(place.ok(&["ls"]).contains("stale"));
    let refused = place.run(&["clean", "1"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("would not be the same again"), "{said}");
}

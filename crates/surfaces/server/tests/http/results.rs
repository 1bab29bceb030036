//! What is answered of jobs and their results, and that what is asked for is run by another process.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;
use thon_server::Role;

use crate::toy::Place;

#[tokio::test]
async fn a_job_is_told_in_full() {
    let place = Place::new();
    let (status, job) = place.get("/api/jobs/1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(job["summary"]["state"], "done");
    assert_eq!(job["parameters"]["size"], 4);
    assert_eq!(job["outputs"]["map"][0]["files"], json!(["map.mrc"]));
    assert_eq!(job["methods"], "A map was made.");
    assert_eq!(job["command"], "thon run toy.make-map");
    let (_, log) = place.get("/api/jobs/1/log").await;
    assert_eq!(log["state"], "done");
    for missing in [
        "/api/jobs/9",
        "/api/jobs/9/log",
        "/api/objects/1/map/1/volume",
        "/api/objects/1/x/0/volume",
    ] {
        assert_eq!(
            place.get(missing).await.0,
            StatusCode::NOT_FOUND,
            "{missing}"
        );
    }
    for wrong in [
        "/api/jobs/x",
        "/api/objects/1/map/0/document",
        "/api/objects/1/map/0/picture",
        "/api/objects/1/map/0/slice?axis=w",
        "/api/objects/1/map/0/slice?index=4",
        "/api/objects/1/map/0/slice?index=-1",
        "/api/objects/1/map/0/slice?size=99999999999999999999",
    ] {
        assert_eq!(place.get(wrong).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn slices_are_those_of_the_map_and_kept_by_the_browser() {
    let place = Place::new();
    let (_, volume) = place.get("/api/objects/1/map/0/volume").await;
    assert_eq!(
        (&volume["shape"], &volume["voxel_size"]),
        (&json!([4, 4, 4]), &json!(2.0))
    );
    let path = "/api/objects/1/map/0/slice?axis=y&index=2";
    let (status, headers, bytes) = place
        .send(place.request("GET", path, Role::Viewer, ""))
        .await;
    assert_eq!((status, bytes.len()), (StatusCode::OK, 20 + 2 * 16));
    let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (low, high) = (float(12), float(16));
    assert_eq!((low, high), (20.0, 323.0));
    let level = u16::from_le_bytes([bytes[20 + 2 * 6], bytes[21 + 2 * 6]]);
    let value = low + f32::from(level) / 65535.0 * (high - low);
    assert!((value - 122.0).abs() < 0.01, "z 1, y 2, x 2 is {value}");
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let mut again = place.request("GET", path, Role::Viewer, "");
    again
        .headers_mut()
        .insert("if-none-match", tag.parse().unwrap());
    let (status, _, bytes) = place.send(again).await;
    assert_eq!((status, bytes.len()), (StatusCode::NOT_MODIFIED, 0));
    // Another slice has another tag.
    let other = place.request(
        "GET",
        "/api/objects/1/map/0/slice?axis=y&index=1",
        Role::Viewer,
        "",
    );
    assert_ne!(place.send(other).await.1["etag"].to_str().unwrap(), tag);
    let (_, headers, bytes) = place
        .send(place.request("GET", "/api/objects/1/map/0/files/0", Role::Viewer, ""))
        .await;
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"map.mrc\""
    );
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("sandbox")
    );
    assert_eq!(bytes.len(), 1024 + 4 * 64);
}

#[tokio::test]
async fn forms_are_checked_and_what_they_ask_is_a_command() {
    let place = Place::new();
    let asked =
        json!({ "operation": "toy.make-map", "parameters": { "size": 8 }, "title": "it's a map" });
    let (_, checked) = place.post("/api/check", &asked).await;
    assert_eq!(
        checked["command"],
        r"thon run toy.make-map '--title=it'\''s a map' --size=8"
    );
    assert_eq!(checked["preview"]["units"][0]["cost"]["memory"], 4 * 512);
    assert_eq!(checked["preview"]["units"][0]["cached"], false);
    let (_, known) = place
        .post("/api/check", &json!({ "operation": "toy.make-map" }))
        .await;
    assert_eq!(known["preview"]["units"][0]["cached"], true);
    let wrong = json!({ "operation": "toy.make-map", "parameters": { "size": 1 } });
    let (status, checked) = place.post("/api/check", &wrong).await;
    assert_eq!(
        (status, &checked["preview"]["findings"][0]["place"]),
        (StatusCode::OK, &json!("size"))
    );
    assert_eq!(place.post("/api/jobs", &wrong).await.0.as_u16(), 422);
    let (_, operation) = place.get("/api/operations/toy.make-map").await;
    assert_eq!(operation["parameters"][0]["minimum"], 2.0);
}

#[tokio::test]
async fn jobs_are_run_by_another_process_and_its_words_are_shown() {
    let scripts = tempfile::tempdir().unwrap();
    let (script, record) = (
        scripts.path().join("program"),
        scripts.path().join("record"),
    );
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >> {0}\nsleep 0.3\necho refused >&2\nexit 1\n",
        record.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let place = Place::with_program(&script);
    let asked = json!({ "operation": "toy.make-map", "parameters": { "size": 5 }, "run": true });
    let (status, done) = place.post("/api/jobs", &asked).await;
    assert_eq!((status, &done["job"]), (StatusCode::OK, &json!(2)));
    let (_, graph) = place.get("/api/graph").await;
    assert_eq!(graph["jobs"][1]["state"], "queued");
    assert_eq!(
        place.post("/api/jobs/1/run", &json!({})).await.0,
        StatusCode::CONFLICT
    );
    assert_eq!(
        place.post("/api/jobs/1/cancel", &json!({})).await.0,
        StatusCode::CONFLICT
    );
    // The request waits in the project for whoever turns its queue; what the process says is shown.
    let root = place.directory.path().join("project");
    assert_eq!(
        std::fs::read_dir(root.join(".thon/requests"))
            .unwrap()
            .count(),
        1
    );
    let began = Instant::now();
    let said = loop {
        let (_, graph) = place.get("/api/graph").await;
        let second = graph["jobs"][1].clone();
        if second["evidence"] == "refused" {
            break second;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{second}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(said["state"], "draft");
    let lines = std::fs::read_to_string(&record).unwrap();
    let expected = format!("--project {} --quiet work", root.display());
    assert_eq!(lines.lines().next(), Some(expected.as_str()));
    assert_eq!(
        place.post("/api/jobs/2/cancel", &json!({})).await.0,
        StatusCode::OK
    );
    drop(place.server);
}

//! Picks are curated over HTTP: edits are stored before they are acknowledged, once, and outlive the server.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};
use thon_server::{Server, router};

use crate::toy::Place;

#[expect(
    clippy::needless_pass_by_value,
    reason = "written on the spot at every call"
)]
fn edits(after: usize, edits: Value) -> Value {
    json!({ "after": after, "edits": edits })
}

#[tokio::test]
async fn edits_are_stored_once_and_outlive_the_server() {
    let mut place = Place::new();
    let job = place.run("toy.make-particles");
    let asked = json!({ "particles": { "job": job, "slot": "particles" } });
    let (status, begun) = place.post("/api/curations", &asked).await;
    assert_eq!(status, StatusCode::OK, "{begun}");
    assert_eq!((&begun["number"], &begun["count"]), (&json!(1), &json!(30)));
    assert_eq!(
        begun["command"],
        format!("thon curate start --particles {job}.particles")
    );
    let path = "/api/curations/1/edits";
    let first = edits(
        0,
        json!([{ "edit": "reject", "particles": [3, 4] },
               { "edit": "add", "tilt_series": "TS_1", "position": [1.0, 2.0, 3.5] }]),
    );
    let (status, stored) = place.post(path, &first).await;
    assert_eq!((status, &stored["edits"]), (StatusCode::OK, &json!(2)));
    // The answer was lost and the same is asked again: it is refused, and is there once.
    let (status, _) = place.post(path, &first).await;
    assert_eq!(status, StatusCode::CONFLICT);
    for wrong in [
        json!([{ "edit": "accept", "particles": [31] }]),
        json!([{ "edit": "redo" }]),
        json!([]),
        json!([{ "edit": "paint" }]),
    ] {
        let (status, said) = place.post(path, &edits(2, wrong.clone())).await;
        assert!(status.is_client_error(), "{wrong}: {said}");
    }
    let (_, sealed) = place.post("/api/curations/1/seal", &json!({})).await;
    let file = sealed["path"].as_str().unwrap().to_owned();
    let file = place.directory.path().join("project").join(file);
    let before = std::fs::read(&file).unwrap();
    // A new server over the same project.
    let settings = place.settings();
    place.server = Server::open(settings, place.tokens.clone()).unwrap();
    place.router = router(Arc::clone(&place.server));
    let (_, found) = place.get(&format!("{path}?from=1")).await;
    assert_eq!(found["edits"].as_array().unwrap().len(), 1);
    assert_eq!(found["edits"][0]["position"], json!([1.0, 2.0, 3.5]));
    let (status, _) = place
        .post(path, &edits(2, json!([{ "edit": "undo" }])))
        .await;
    assert_eq!(status, StatusCode::OK);
    let (_, again) = place.post("/api/curations/1/seal", &json!({})).await;
    assert_ne!(again["path"], sealed["path"]);
    assert_eq!(
        std::fs::read(&file).unwrap(),
        before,
        "what was sealed stays"
    );
    let (_, all) = place.get("/api/curations").await;
    assert_eq!(
        (all.as_array().unwrap().len(), &all[0]["edits"]),
        (1, &json!(3))
    );
}

#[tokio::test]
async fn what_cannot_be_curated_is_refused() {
    let place = Place::new();
    for wrong in [
        json!({ "particles": { "job": 1, "slot": "map" } }),
        json!({ "particles": { "job": 1, "slot": "none" } }),
        json!({ "tomograms": { "job": 1, "slot": "map" } }),
        json!({ "particles": { "job": 99, "slot": "map" } }),
    ] {
        let (status, said) = place.post("/api/curations", &wrong).await;
        assert!(status.is_client_error(), "{wrong}: {status} {said}");
    }
    let (status, _) = place.get("/api/curations/7").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_torn_line_loses_no_edit_before_or_after_it() {
    let place = Place::new();
    place.post("/api/curations", &json!({})).await;
    let path = "/api/curations/1/edits";
    let add = |x: f64| json!([{ "edit": "add", "tilt_series": "TS_1", "position": [x, 0.0, 0.0] }]);
    place.post(path, &edits(0, add(1.0))).await;
    let file = place
        .directory
        .path()
        .join("project/curations/1/edits.jsonl");
    let mut text = std::fs::read(&file).unwrap();
    let line = text.len();
    text.extend_from_within(..line / 2);
    std::fs::write(&file, text).unwrap();
    let (status, stored) = place.post(path, &edits(1, add(2.0))).await;
    assert_eq!((status, &stored["edits"]), (StatusCode::OK, &json!(2)));
    let (_, found) = place.get(path).await;
    assert_eq!(found["edits"].as_array().unwrap().len(), 2);
}

//! What is about several jobs, branches, pipelines, reports; and sets of particles, read by ranges.

use axum::http::StatusCode;
use serde_json::json;
use thon_server::Role;

use crate::toy::Place;

#[tokio::test]
async fn a_branch_is_a_job_with_another_parameter() {
    let place = Place::new();
    let asked = json!({ "changes": { "size": 6 }, "run": true });
    let (status, made) = place.post("/api/jobs/1/branch", &asked).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert_eq!(made["jobs"], json!([[2, 1]]));
    assert_eq!(made["command"], "thon branch 1 --set size=6 --later");
    let (_, job) = place.get("/api/jobs/2").await;
    assert_eq!(job["parameters"]["size"], 6);
    assert_eq!(job["summary"]["state"], "queued");
    let wrong = json!({ "changes": { "nothing": 6 } });
    let (status, _) = place.post("/api/jobs/1/branch", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_pipeline_comes_out_of_the_graph_and_goes_in_again() {
    let place = Place::new();
    let (_, text) = place.get("/api/jobs/1/pipeline").await;
    let toml = text["toml"].as_str().unwrap();
    assert!(toml.contains("toy.make-map"), "{toml}");
    let twice = json!({ "toml": toml });
    let (status, made) = place.post("/api/pipelines", &twice).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let first = made["jobs"].clone();
    // The second time the jobs are recorded already.
    let (_, made) = place.post("/api/pipelines", &twice).await;
    assert_eq!(made["jobs"], first);
    let (status, said) = place
        .post("/api/pipelines", &json!({ "toml": "name = 1" }))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
    let (_, report) = place.get("/api/jobs/1/report").await;
    let markdown = report["markdown"].as_str().unwrap();
    assert!(markdown.contains("A map was made."), "{markdown}");
}

#[tokio::test]
async fn jobs_are_put_where_they_are_asked_to_run() {
    let place = Place::new();
    let (_, executors) = place.get("/api/executors").await;
    assert_eq!(executors.as_array().unwrap().len(), 1, "{executors}");
    let elsewhere = json!({ "operation": "toy.make-map", "parameters": { "size": 5 }, "run": true, "placing": { "executor": "nowhere" } });
    let (status, said) = place.post("/api/jobs", &elsewhere).await;
    assert_ne!(status, StatusCode::OK, "{said}");
    let name = executors[0]["name"].as_str().unwrap();
    let here = json!({ "operation": "toy.make-map", "parameters": { "size": 5 }, "run": true, "placing": { "executor": name, "processes": 2 } });
    let (status, made) = place.post("/api/jobs", &here).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let command = made["command"].as_str().unwrap();
    assert!(
        command.ends_with(&format!("--later --on {name} --processes=2")),
        "{command}"
    );
}

#[tokio::test]
async fn particles_are_read_by_ranges() {
    let place = Place::new();
    let job = place.run("toy.make-particles");
    let at = |what: &str| format!("/api/objects/{job}/particles/0/{what}");
    let (_, summary) = place.get(&at("particles")).await;
    assert_eq!(summary["tilt_series"], json!([["TS_1", 20], ["TS_2", 10]]));
    assert_eq!(summary["classes"], json!([[1, 10], [2, 10], [3, 10]]));
    let (_, rows) = place.get(&at("particles/rows?from=28&limit=5")).await;
    assert_eq!(rows["name"], json!(["p28", "p29"]));
    let (_, rows) = place
        .get(&at("particles/rows?from=3&limit=4&series=1"))
        .await;
    assert_eq!(rows["row"], json!([9, 12, 15, 18]));
    assert_eq!(rows["class"], json!([1, 1, 1, 1]));
    assert_eq!(rows["position"][1], json!([12.0, 2.0, -3.0]));
    let (_, rows) = place.get(&at("particles/rows?from=99")).await;
    assert_eq!(rows["row"], json!([]));
    // Every second particle of the first series, 20 of which there are.
    let path = at("particles/points?series=0&most=10");
    let request = place.request("GET", &path, Role::Viewer, "");
    let (status, _, body) = place.send(request).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body[..8], [10, 0, 0, 0, 20, 0, 0, 0]);
    assert_eq!(body.len(), 8 + 35 * 10);
    let x: Vec<f32> = (0..10)
        .map(|k| f32::from_le_bytes(body[8 + 12 * k..][..4].try_into().unwrap()))
        .collect();
    assert_eq!(x, [1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0, 22.0, 25.0, 28.0]);
    let (status, _) = place.get(&at("particles/points?by=nothing")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

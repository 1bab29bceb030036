//! Two hundred hostile names: kept and given back as they are, as data and nothing else.

use serde_json::json;
use thon_server::Role;

use crate::toy::Place;

/// Pieces that mean something to a browser, a shell, a terminal, a path or a database.
const PIECES: [&str; 25] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "\"><script>alert(1)</script>",
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "$(touch hacked)",
    "`touch hacked`",
    "; touch hacked #",
    "| touch hacked",
    "&& touch hacked",
    "' OR 1=1; DROP TABLE job; --",
    "../../../etc/passwd",
    "..\\..\\windows",
    "%2e%2e%2f",
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "\u{202e}gnp.exe",
    "\u{0}",
    "a\r\nSet-Cookie: x=y",
    "__proto__",
    "--output=/tmp/x",
    "-rf",
    "\u{feff}ünï\u{301}cödé 🔬",
];

fn names() -> Vec<String> {
    let doubled = PIECES.iter().enumerate().flat_map(|(k, first)| {
        (1..8).map(move |step| format!("{first} {}", PIECES[(k + 3 * step) % PIECES.len()]))
    });
    PIECES
        .iter()
        .map(|piece| (*piece).to_owned())
        .chain(doubled)
        .collect()
}

#[tokio::test]
async fn hostile_titles_are_only_titles() {
    let place = Place::new();
    let names = names();
    assert_eq!(names.len(), 200);
    for name in &names {
        let asked = json!({ "operation": "toy.make-map", "title": name });
        let (status, done) = place.post("/api/jobs", &asked).await;
        assert_eq!(status.as_u16(), 200, "{name:?}: {done}");
        assert!(
            done["command"]
                .as_str()
                .unwrap()
                .starts_with("thon run toy.make-map")
        );
    }
    let request = place.request("GET", "/api/graph", Role::Viewer, "");
    let (_, headers, body) = place.send(request).await;
    assert_eq!(headers["content-type"], "application/json");
    let graph: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let jobs = graph["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 201);
    for (job, name) in jobs[1..].iter().zip(&names) {
        assert_eq!(job["title"], name.trim());
    }
    // The names touched nothing beside the project.
    let beside = std::fs::read_dir(place.directory.path()).unwrap().count();
    assert_eq!(beside, 1);
}

#[tokio::test]
async fn hostile_requests_are_refused_with_a_reason() {
    let place = Place::new();
    for name in names() {
        let bodies = [
            json!({ "operation": name }),
            json!({ "operation": "toy.make-map", "parameters": { name.clone(): 1 } }),
            json!({ "operation": "toy.make-map", "parameters": { "size": name } }),
            json!({ "operation": "toy.make-map", "inputs": { name.clone(): { "files": [name] } } }),
            json!({ "operation": "toy.make-map", name.clone(): 1 }),
        ];
        for body in bodies {
            let (status, said) = place.post("/api/jobs", &body).await;
            assert!(
                (400..500).contains(&status.as_u16()),
                "{body}: {status} {said}"
            );
            assert!(!said["error"].as_str().unwrap().is_empty());
        }
    }
    for body in ["", "{", "[]", "null", "\"\"", "{\"operation\":1}", "\u{0}"] {
        let request = place.request("POST", "/api/jobs", Role::Owner, body);
        assert_eq!(place.send(request).await.0.as_u16(), 400, "{body:?}");
    }
    let large = "x".repeat(2 << 20);
    let request = place.request("POST", "/api/jobs", Role::Owner, &large);
    assert_eq!(place.send(request).await.0.as_u16(), 413);
    let (_, graph) = place.get("/api/graph").await;
    assert_eq!(graph["jobs"].as_array().unwrap().len(), 1);
}

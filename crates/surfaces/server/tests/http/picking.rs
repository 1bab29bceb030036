//! The file picker sees the project and the directory around it, and no path or link leads out.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use crate::toy::Place;

fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        let _ = write!(text, "%{byte:02x}");
    }
    text
}

#[tokio::test]
async fn nothing_outside_is_seen() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let place = Place::new();
    let root = place.directory.path().join("project");
    symlink(outside.path(), root.join("out")).unwrap();
    symlink("/", root.join("top")).unwrap();
    symlink("jobs", root.join("in")).unwrap();
    fs::create_dir_all(root.join("a/b")).unwrap();
    let outside = outside.path().display().to_string();
    let ways_out = [
        "..",
        "../",
        "../..",
        "a/../..",
        "a/b/../../..",
        "./..",
        "/",
        "//",
        "/etc",
        "out",
        "out/",
        "top",
        "top/etc",
        "in/../..",
        outside.as_str(),
        "a/./../../",
        "..\\",
        "%2e%2e",
        "a\0b",
        "/proc/self/root",
        "out/secret",
        "nothing",
        "....//",
    ];
    for way in ways_out {
        let (status, said) = place
            .get(&format!("/api/files?root=0&path={}", encoded(way)))
            .await;
        let top = way.trim_matches('/').is_empty();
        assert_eq!(
            status.as_u16(),
            if top { 200 } else { 404 },
            "{way}: {said}"
        );
        assert!(!said.to_string().contains("secret"), "{way}: {said}");
    }
    for inside in ["", "a", "a/b", "in", "a/../a"] {
        let (status, said) = place
            .get(&format!("/api/files?root=0&path={}", encoded(inside)))
            .await;
        assert_eq!(status.as_u16(), 200, "{inside}: {said}");
    }
    let (_, top) = place.get("/api/files").await;
    let names: Vec<&str> = top["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["name"].as_str().unwrap())
        .collect();
    // Hidden files, where the project keeps its own, are not listed.
    assert_eq!(names, ["a", "in", "jobs", "out", "project.toml", "top"]);
    let (status, _) = place.get("/api/files?root=7").await;
    assert_eq!(status.as_u16(), 404);
    let (_, around) = place.get("/api/files?root=1").await;
    assert_eq!(
        (&around["written"], &around["entries"][0]["name"]),
        (&"..".into(), &"project".into())
    );
}

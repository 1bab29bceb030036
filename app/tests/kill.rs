//! `kill -9` at random moments of `thon demo`: every resume ends with the same bytes.
//!
//! Four kills in ordinary test runs; `THON_KILLS=200 cargo test -p thon --test kill -- --nocapture` for the long run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Kills of one demo before it is left to end.
const KILLS_PER_RUN: usize = 8;

fn demo(thon: &Path, directory: &Path) -> Child {
    Command::new(thon)
        .args(["demo", "--output"])
        .arg(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

/// Digests of everything that must not depend on when or how often the work was interrupted: the data, the manifests,
/// the units. Left out are requests, attempts and the index, which hold times and process numbers.
fn result_digests(directory: &Path) -> BTreeMap<PathBuf, blake3::Hash> {
    let mut digests = BTreeMap::new();
    let mut open = vec![directory.join("data"), directory.join("project/jobs")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if name.starts_with("attempt-") || name == "job.json" {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                let digest = blake3::hash(&std::fs::read(&path).expect("a file"));
                digests.insert(
                    path.strip_prefix(directory).expect("below").to_path_buf(),
                    digest,
                );
            }
        }
    }
    digests
}

/// A small reproducible generator: the moments need no more.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 31)
    }
}

#[test]
fn killed_and_resumed_equals_uninterrupted() {
    let kills: usize = std::env::var("THON_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(4);
    let seed = std::env::var("THON_SEED")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let place = tempfile::tempdir().unwrap();
    // A copy, so that building the program meanwhile does not change what is tested.
    let thon = place.path().join("thon");
    std::fs::copy(env!("CARGO_BIN_EXE_thon"), &thon).unwrap();
    // Plain files handed in are known by their absolute paths, so every run uses the same directory.
    let directory = place.path().join("demo");
    let began = Instant::now();
    assert!(demo(&thon, &directory).wait().unwrap().success());
    let whole = began.elapsed();
    let expected = result_digests(&directory);
    assert!(expected.len() > 30);
    let mut moments = Moments(seed);
    let (mut done, mut runs) = (0, 0);
    while done < kills {
        std::fs::remove_dir_all(&directory).unwrap();
        runs += 1;
        for _ in 0..KILLS_PER_RUN.min(kills - done) {
            let mut child = demo(&thon, &directory);
            let moment = whole.as_secs_f64() * 0.6 * moments.next();
            std::thread::sleep(Duration::from_secs_f64(moment));
            let ended = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            child.wait().unwrap();
            if ended {
                break; // the work was done before the kill: it does not count
            }
            done += 1;
        }
        assert!(demo(&thon, &directory).wait().unwrap().success());
        let found = result_digests(&directory);
        let differing: Vec<&PathBuf> = expected
            .keys()
            .chain(found.keys())
            .filter(|path| expected.get(*path) != found.get(*path))
            .collect();
        assert!(differing.is_empty(), "after {done} kills: {differing:?}");
    }
    println!(
        "{done} kills in {runs} runs of {:.1} s: {} files equal",
        whole.as_secs_f64(),
        expected.len()
    );
}

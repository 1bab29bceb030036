//! The queue through the program itself: processes that are killed at random moments, owners that come back.
//!
//! 200 kills in ordinary test runs; `THON_KILLS=10000 cargo test -p thon-cli --test queue -- --nocapture` for the long run,
//! and `THON_KILLS_SEED` for other moments.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "queue/clean.rs"]
mod clean;
#[path = "queue/limits.rs"]
mod limits;
#[path = "queue/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use program::{Place, kill, processes};
use serde_json::Value;

/// Jobs of one batch.
const BATCH: usize = 8;

/// A small reproducible generator: the moments need no more.
struct Moments(u64);

impl Moments {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Records a batch of jobs; the numbers in front of them are the same in every project.
fn batch(place: &Place, number: usize) {
    for job in 0..BATCH {
        let factor = format!("{}.5", 1 + (number * BATCH + job) % 90);
        let again = format!("{}", number * BATCH + job);
        let mut words = vec!["run", "toy.scale-curve", "--later", "--input", "1"];
        // The title of the parameters makes every job's units its own.
        words.extend([
            "--pause",
            "2",
            "--factor",
            &factor,
            "--parameter-title",
            &again,
        ]);
        place.ok(&words);
    }
}

pub(crate) fn states(place: &Place) -> BTreeMap<u64, String> {
    let jobs: Vec<Value> = serde_json::from_str(&place.ok(&["ls", "--json"])).unwrap();
    let state = |job: &Value| {
        let word = job["state"].as_str().unwrap().to_owned();
        (job["job"].as_u64().unwrap(), word)
    };
    jobs.iter().map(state).collect()
}

#[test]
fn killed_at_random_moments_nothing_is_lost() {
    let given = |name| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
    let wanted = given("THON_KILLS").unwrap_or(200) as usize;
    let place = Place::new("cores = 6\ncores_per_job = 1\nmemory = \"64G\"\npoll = 20\n");
    place.ok(&["run", "toy.make", "--count", "4"]);
    let mut moments = Moments(given("THON_KILLS_SEED").unwrap_or(7));
    let (mut kills, mut batches, mut again) = ([0usize; 3], 0, 0);
    let mut owner = None;
    while kills.iter().sum::<usize>() < wanted {
        batch(&place, batches);
        batches += 1;
        loop {
            let child = owner.get_or_insert_with(|| place.start(&["work"]));
            std::thread::sleep(Duration::from_millis(moments.below(120)));
            if child.try_wait().unwrap().is_some() {
                owner = None;
                let failed: Vec<String> = states(&place)
                    .into_iter()
                    .filter(|(_, state)| state != "done")
                    .map(|(job, _)| job.to_string())
                    .collect();
                if failed.is_empty() {
                    break;
                }
                // Interrupted more often than it goes on by itself: somebody asks again.
                again += failed.len();
                let mut words = vec!["start"];
                words.extend(failed.iter().map(String::as_str));
                place.ok(&words);
                continue;
            }
            if kills.iter().sum::<usize>() >= wanted {
                continue;
            }
            let kind = [0, 1, 1, 2, 2, 2][moments.below(6) as usize];
            let name = ["work", "attempt", "attempt-worker"][kind];
            let found = processes(place.path(), name);
            let chosen = moments.below(found.len().max(1) as u64) as usize;
            if let Some(number) = found.get(chosen)
                && kill(*number)
            {
                kills[kind] += 1;
                if kind == 0 {
                    owner.take().unwrap().wait().unwrap();
                }
            }
        }
    }
    let reference = Place::new("cores = 2\ncores_per_job = 1\nmemory = \"64G\"\npoll = 20\n");
    reference.ok(&["run", "toy.make", "--count", "4"]);
    for number in 0..batches {
        batch(&reference, number);
    }
    reference.ok(&["work"]);
    let (found, expected) = (place.results(), reference.results());
    assert_eq!(
        expected.len(),
        1 + batches * BATCH + 4 + batches * BATCH * 4
    );
    assert_eq!(found, expected);
    // The index made anew says the same.
    let before = states(&place);
    place.ok(&["project", "rebuild"]);
    place.ok(&["project", "verify"]);
    assert_eq!(states(&place), before);
    assert!(processes(place.path(), "attempt-worker").is_empty());
    println!(
        "{kills:?} kills of owner, supervisor, worker over {} jobs: {} files equal, {again} jobs asked for again",
        batches * BATCH,
        found.len()
    );
}

#[test]
fn an_owner_that_comes_back_takes_up_all_running_jobs() {
    const JOBS: usize = 50;
    let place = Place::new("cores = 50\ncores_per_job = 1\nmemory = \"64G\"\npoll = 50\n");
    place.ok(&["run", "toy.make", "--count", "1"]);
    for job in 0..JOBS {
        let factor = format!("{}.5", job + 1);
        let mut words = vec!["run", "toy.scale-curve", "--later", "--input", "1"];
        words.extend(["--pause", "1500", "--factor", &factor]);
        place.ok(&words);
    }
    let mut owner = place.start(&["work"]);
    let began = Instant::now();
    while processes(place.path(), "attempt-worker").len() < JOBS {
        assert!(began.elapsed() < Duration::from_secs(100), "not all run");
        std::thread::sleep(Duration::from_millis(50));
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_eq!(processes(place.path(), "attempt-worker").len(), JOBS);
    place.ok(&["work"]);
    assert!(states(&place).values().all(|state| state == "done"));
    // Each was run once.
    assert_eq!(place.attempts(), JOBS + 1);
}

#[test]
fn jobs_wait_for_each_other_and_are_blocked() {
    let place = Place::new("");
    place.ok(&["run", "toy.make", "--later"]);
    place.ok(&[
        "run",
        "toy.scale-curve",
        "--later",
        "--input",
        "curve=1.curves",
    ]);
    let mut wrong = vec![
        "run",
        "toy.scale-curve",
        "--later",
        "--input",
        "curve=1.curves",
    ];
    wrong.extend(["--fail", "c1"]);
    place.ok(&wrong);
    place.ok(&[
        "run",
        "toy.scale-curve",
        "--later",
        "--input",
        "curve=3.scaled",
    ]);
    assert_eq!(place.run(&["work"]).status.code(), Some(1));
    let found: Vec<String> = states(&place).into_values().collect();
    assert_eq!(found, ["done", "done", "failed", "blocked"]);
    place.ok(&["cancel", "4"]);
    place.run(&["work"]);
    assert_eq!(states(&place)[&4], "cancelled");
    let history = place.ok(&["history", "4"]);
    assert!(history.contains("job 3 is failed"), "{history}");
}

//! A job that is told to stop, whenever it asks, stops and says so.

use std::sync::atomic::{AtomicU64, Ordering};

use thon_compute::Progress;
use thon_contract::JobError;

use crate::fixture::{cases, fixture};

/// Counts how often it is asked, and says stop from the given time on.
struct StopAt {
    asked: AtomicU64,
    at: u64,
}

impl StopAt {
    fn new(at: u64) -> Self {
        Self {
            asked: AtomicU64::new(0),
            at,
        }
    }
}

impl Progress for StopAt {
    fn advance(&self, done: u64, total: u64) {
        assert!(done <= total, "{done} of {total}");
    }
    fn cancelled(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) + 1 >= self.at
    }
}

/// Jobs that copy tables in milliseconds: there is nothing to stop.
fn at_once(id: &str) -> bool {
    let room = id.split('.').next();
    room == Some("import") || room == Some("export") || room == Some("tilt_series")
}

#[test]
fn every_answer_to_stop_is_heard() {
    let fixture = fixture();
    for case in cases() {
        let watched = StopAt::new(u64::MAX);
        fixture.run(&case, &watched, &fixture.aside()).unwrap();
        let asked = watched.asked.into_inner();
        assert!(asked > 0 || at_once(case.id), "{} never asks", case.id);
        let times = [1, asked / 3, 2 * asked / 3, asked];
        for at in times.into_iter().filter(|at| *at > 0 && *at <= asked) {
            let result = fixture.run(&case, &StopAt::new(at), &fixture.aside());
            assert!(
                matches!(result, Err(JobError::Cancelled)),
                "{}, stopped at question {at} of {asked}: {result:?}",
                case.id
            );
        }
        println!("{}: asks {asked} times whether to go on", case.id);
    }
}

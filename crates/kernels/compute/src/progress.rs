//! Progress and cancellation as an argument: kernels own no clock, no terminal, no signal handler.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a kernel reports to, and asks whether to go on. Methods may be called from any thread of the pool.
pub trait Progress: Sync {
    /// `done` of `total` units of the kernel's own work are finished; `total` may grow between calls.
    fn advance(&self, done: u64, total: u64);
    /// True once the caller no longer wants the result. It never becomes false again.
    fn cancelled(&self) -> bool;
}

/// Reports to nobody and is never cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quiet;

impl Progress for Quiet {
    fn advance(&self, _done: u64, _total: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
}

/// The caller asked the kernel to stop; no result exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled by the caller")]
pub struct Cancelled;

/// `Err(Cancelled)` once the caller has lost interest: `check(progress)?` between units of work.
///
/// # Errors
/// [`Cancelled`] when [`Progress::cancelled`] says so.
pub fn check(progress: &dyn Progress) -> Result<(), Cancelled> {
    if progress.cancelled() {
        Err(Cancelled)
    } else {
        Ok(())
    }
}

/// Counts finished units from many threads and reports each to a [`Progress`].
pub struct Counter<'a> {
    progress: &'a dyn Progress,
    done: AtomicU64,
    total: u64,
}

impl<'a> Counter<'a> {
    /// A counter of `total` units, none done.
    pub fn new(progress: &'a dyn Progress, total: u64) -> Self {
        Self {
            progress,
            done: AtomicU64::new(0),
            total,
        }
    }

    /// One more unit is finished.
    pub fn unit_done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.progress.advance(done, self.total);
    }

    /// As [`check`].
    ///
    /// # Errors
    /// [`Cancelled`] when the caller asked to stop.
    pub fn check(&self) -> Result<(), Cancelled> {
        check(self.progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    struct StopAt(AtomicU64, AtomicBool, u64);
    impl Progress for StopAt {
        fn advance(&self, done: u64, _total: u64) {
            self.0.fetch_max(done, Ordering::Relaxed);
            if done >= self.2 {
                self.1.store(true, Ordering::Relaxed);
            }
        }
        fn cancelled(&self) -> bool {
            self.1.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_counter_reports_every_unit_and_passes_cancellation_on() {
        let progress = StopAt(AtomicU64::new(0), AtomicBool::new(false), 3);
        let counter = Counter::new(&progress, 10);
        for _ in 0..2 {
            counter.unit_done();
            assert_eq!(counter.check(), Ok(()));
        }
        counter.unit_done();
        assert_eq!(counter.check(), Err(Cancelled));
        assert_eq!(progress.0.load(Ordering::Relaxed), 3);
        assert_eq!(check(&Quiet), Ok(()));
    }
}

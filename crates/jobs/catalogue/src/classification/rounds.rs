//! Progress over rounds that each count the same images.

use thon_compute::Progress;

/// Reports images of all rounds to a progress, from one round.
pub(super) struct RoundProgress<'a> {
    /// Whom to report to.
    pub whole: &'a dyn Progress,
    /// Rounds done before this one.
    pub done: usize,
    /// Rounds in all.
    pub rounds: usize,
}

impl Progress for RoundProgress<'_> {
    fn advance(&self, done: u64, total: u64) {
        self.whole
            .advance(self.done as u64 * total + done, self.rounds as u64 * total);
    }

    fn cancelled(&self) -> bool {
        self.whole.cancelled()
    }
}

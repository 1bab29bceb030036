//! Several processes at one unit: numbered pieces of a step, computed by whoever is free, put together in their order.
//!
//! One process leads: it does the unit and hands out each step as a *request* and a number of *pieces*. The others help: they run
//! the same job on the same inputs up to where it serves ([`Team::serve`]), and compute pieces of every request. What a piece is
//! worth must depend on the request and its number alone, so that it does not matter who computes it, or how often.

use thon_compute::Progress;

use crate::JobError;

/// Computes piece `number` of a request.
pub type PieceOf<'a> = dyn FnMut(&[u8], usize) -> Result<Vec<u8>, JobError> + 'a;

/// The processes that work at a unit.
pub trait Team: Sync {
    /// Processes, this one included; those that have died count.
    fn size(&self) -> usize;

    /// True in the process that does the unit.
    fn leads(&self) -> bool;

    /// The pieces of a request, in order: computed by all processes, those of a process that died by others. Leader only.
    ///
    /// # Errors
    /// What `work` says, a disk that does not answer, and [`JobError::Cancelled`].
    fn spread(
        &self,
        request: &[u8],
        pieces: usize,
        work: &mut PieceOf<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<u8>>, JobError>;

    /// Computes pieces of every request until the leader is done or gone. Helpers only.
    ///
    /// # Errors
    /// What `work` says, a disk that does not answer, and [`JobError::Cancelled`].
    fn serve(&self, work: &mut PieceOf<'_>, progress: &dyn Progress) -> Result<(), JobError>;
}

//! One iteration of expectation–maximisation over particles, in independent blocks.
//!
//! [`expect_block`] compares a range of particles with the references of a [`State`] and sums what they contribute;
//! [`reduce`] makes the next state of all blocks. Sums over Fourier space are exact (whole quanta), every other figure
//! is kept per particle and folded in the order of particles, so that the next state has the same bytes for any number of
//! threads and any division into blocks. Blocks begin and end at multiples of [`UNIT`] particles: those are compared
//! together in one matrix product.

mod block;
mod candidates;
mod empty;
mod expect;
mod grey_scale;
mod maximise;
mod own_share;
mod prepare;
mod read;
mod reduce;
mod schedule;

pub use block::{BlockResult, ParticleRow, block_ranges};
pub use expect::expect_block;
pub(crate) use grey_scale::to_grey_scale;
pub(crate) use maximise::{FinishedMaps, finish_maps, solvent_mask};
pub(crate) use read::wanted;
pub use reduce::reduce;
pub(crate) use reduce::{Joined, join};
pub(crate) use schedule::{first_band, largest_band, whole_band};

use thon_compute::Progress;
use thon_likelihood::ParticleSource;

use crate::{AverageError, State};

/// Particles that are compared together.
pub const UNIT: usize = 32;

/// A whole iteration in one process.
///
/// # Errors
/// As [`expect_block`] and [`reduce`].
pub fn iterate(
    source: &dyn ParticleSource,
    state: &State,
    progress: &dyn Progress,
) -> Result<State, AverageError> {
    let block = expect_block(source, state, 0..source.len(), progress)?;
    reduce(state, vec![block])
}

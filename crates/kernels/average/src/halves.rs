//! Two independent halves of a particle set.

use rand::seq::SliceRandom;
use thon_compute::seed_stream;
use thon_model::Half;

use crate::AverageError;

/// Draws halves by seed: every second particle of a shuffled order, so that the halves differ by one at most.
///
/// ```
/// use thon_average::draw_halves;
/// use thon_model::Half;
/// let halves = draw_halves(101, 7);
/// assert_eq!(halves.iter().filter(|half| **half == Half::One).count(), 51);
/// assert_eq!(halves, draw_halves(101, 7));
/// ```
pub fn draw_halves(count: usize, seed: u64) -> Vec<Half> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut seed_stream(seed, "particles/halves", 0));
    let mut halves = vec![Half::One; count];
    for row in order.into_iter().skip(1).step_by(2) {
        halves[row] = Half::Two;
    }
    halves
}

/// Halves as 0 and 1, the form in which a state keeps them.
pub(crate) fn numbers(halves: &[Half]) -> Vec<u8> {
    halves
        .iter()
        .map(|half| u8::from(*half == Half::Two))
        .collect()
}

/// Fails unless every particle has half 0 or 1 and neither half is empty.
pub(crate) fn check_halves(halves: &[u8], particles: usize) -> Result<(), AverageError> {
    if halves.len() != particles {
        return Err(AverageError::Count {
            what: "halves",
            expected: particles,
            found: halves.len(),
        });
    }
    if let Some(half) = halves.iter().find(|half| **half > 1) {
        return Err(AverageError::option("half", half, "0 or 1"));
    }
    let ones: usize = halves.iter().map(|half| usize::from(*half)).sum();
    if ones == 0 || ones == particles {
        return Err(AverageError::option(
            "halves",
            format!("{} and {ones} particles", particles - ones),
            "particles in both halves",
        ));
    }
    Ok(())
}

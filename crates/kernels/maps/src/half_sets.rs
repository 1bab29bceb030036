//! Two independent halves of a particle set, for gold-standard refinement and honest resolution.

use rand::seq::SliceRandom;
use thon_compute::seed_stream;
use thon_model::Half;

/// Draws halves by seed: every second particle of a shuffled order, so that the halves differ by one at most.
///
/// ```
/// use thon_maps::draw_halves;
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

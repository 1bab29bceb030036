//! Rotations drawn uniformly from SO(3): a normalised vector of four normal deviates is a uniform unit quaternion.

use glam::DQuat;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Draws a rotation from the uniform distribution over SO(3), as a unit quaternion.
pub fn random_rotation(random: &mut impl Rng) -> DQuat {
    loop {
        let [x, y, z, w]: [f64; 4] = std::array::from_fn(|_| random.sample(StandardNormal));
        let quaternion = DQuat::from_xyzw(x, y, z, w);
        if quaternion.length_squared() > 1e-12 {
            return quaternion.normalize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;
    use rand::SeedableRng;

    #[test]
    fn directions_are_uniform() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let count = 20_000;
        let (mut sum, mut octants) = (DVec3::ZERO, [0usize; 8]);
        for _ in 0..count {
            let direction = random_rotation(&mut random) * DVec3::Z;
            sum += direction;
            let bit = |v: f64| usize::from(v > 0.0);
            octants[bit(direction.x) + 2 * bit(direction.y) + 4 * bit(direction.z)] += 1;
        }
        assert!(sum.length() / f64::from(count) < 0.02);
        assert!(
            octants.iter().all(|n| n.abs_diff(2500) < 200),
            "{octants:?}"
        );
    }
}

//! Rotations drawn uniformly from SO(3): a normalised vector of four normal deviates is a uniform unit quaternion.

use rand::RngExt;
use rand_distr::StandardNormal;
use thon_compute::random::ChaCha8Rng;
use thon_geometry::glam::DQuat;
use thon_geometry::{Frame, Rotation};

pub(crate) fn random_rotation<A: Frame, B: Frame>(random: &mut ChaCha8Rng) -> Rotation<A, B> {
    loop {
        let [x, y, z, w]: [f64; 4] = std::array::from_fn(|_| random.sample(StandardNormal));
        let quaternion = DQuat::from_xyzw(x, y, z, w);
        if quaternion.length_squared() > 1e-12 {
            return Rotation::from_quaternion(quaternion);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_compute::seed_stream;
    use thon_geometry::glam::DVec3;
    use thon_geometry::{Particle, Specimen};

    #[test]
    fn directions_are_uniform() {
        let mut random = seed_stream(1, "rotations", 0);
        let count = 20_000;
        let (mut sum, mut octants) = (DVec3::ZERO, [0usize; 8]);
        for _ in 0..count {
            let rotation: Rotation<Particle, Specimen> = random_rotation(&mut random);
            let direction = rotation.apply(DVec3::Z);
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

//! From where particles are seen: the distribution of viewing directions over equal areas of the sphere.
//!
//! A particle with rotation A (reference → data frame) is seen along A⁻¹ z in the frame of the reference (for subtomograms
//! z is the beam of the untilted view). Directions are counted in HEALPix pixels (Górski et al. 2005).

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};
use thon_geometry::healpix;

/// HEALPix order of the counts: 768 directions, 7.3° apart.
pub const ORDER: u8 = 3;

/// Particles per viewing direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AngularDistribution {
    /// HEALPix order.
    pub order: u8,
    /// Particles seen from each pixel (nested numbering).
    pub counts: Vec<u32>,
}

impl AngularDistribution {
    /// Counts the directions of rotations.
    ///
    /// ```
    /// use thon_average::AngularDistribution;
    /// let one = AngularDistribution::of([glam::DQuat::IDENTITY]);
    /// assert_eq!(one.counts.iter().sum::<u32>(), 1);
    /// assert!(one.directions().max_by(|a, b| a.1.cmp(&b.1)).unwrap().0.z > 0.99);
    /// ```
    pub fn of(rotations: impl IntoIterator<Item = DQuat>) -> Self {
        let pixels: Vec<DVec3> = (0..healpix::pixel_count(ORDER))
            .map(|pixel| healpix::direction(ORDER, pixel))
            .collect();
        let mut counts = vec![0; pixels.len()];
        for rotation in rotations {
            let view = rotation.conjugate() * DVec3::Z;
            let nearest = pixels
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.dot(view).total_cmp(&b.1.dot(view)))
                .map_or(0, |(pixel, _)| pixel);
            counts[nearest] += 1;
        }
        Self {
            order: ORDER,
            counts,
        }
    }

    /// Direction (unit vector) and count of every pixel.
    pub fn directions(&self) -> impl Iterator<Item = (DVec3, u32)> + '_ {
        let order = self.order;
        let counts = self.counts.iter().enumerate();
        counts.map(move |(pixel, &count)| (healpix::direction(order, pixel), count))
    }

    /// Effective share of the sphere that is seen: exp(entropy) over the number of pixels; 1 for a uniform distribution of
    /// very many particles.
    pub fn evenness(&self) -> f64 {
        let total = f64::from(self.counts.iter().sum::<u32>());
        if total == 0.0 {
            return 0.0;
        }
        let entropy: f64 = self
            .counts
            .iter()
            .filter(|count| **count > 0)
            .map(|&count| f64::from(count) / total)
            .map(|p| -p * p.ln())
            .sum();
        entropy.exp() / self.counts.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_particle_is_counted_where_it_looks() {
        let turned = DQuat::from_rotation_x(1.0);
        let counted = AngularDistribution::of(vec![turned; 7]);
        assert_eq!(counted.counts.iter().sum::<u32>(), 7);
        let (direction, _) = counted.directions().find(|(_, count)| *count == 7).unwrap();
        assert!(direction.angle_between(turned.conjugate() * DVec3::Z) < 0.08);
        assert!((counted.evenness() - 1.0 / 768.0).abs() < 1e-12);
        let all = AngularDistribution {
            order: ORDER,
            counts: vec![3; 768],
        };
        assert!((all.evenness() - 1.0).abs() < 1e-9);
    }
}

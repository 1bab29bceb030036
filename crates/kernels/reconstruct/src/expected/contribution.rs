//! What one particle adds, and whether it may.

use glam::{DQuat, DVec3};
use thon_signal::fft::Complex32;

use super::Quanta;
use crate::ReconstructError;

/// A placement of the reference in the data frame of a particle, with its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedPlacement {
    /// Reference → data frame, active, unit.
    pub rotation: DQuat,
    /// Displacement of the particle from the centre of its box, voxels (x, y, z).
    pub shift: DVec3,
    /// Probability; not negative.
    pub weight: f32,
}

/// Samples of one particle and its placements. Placements of the same rotation that follow each other cost about as much
/// as one.
#[derive(Clone, Copy, Debug)]
pub struct Contribution<'a> {
    /// q = (x, y, z) of each sample in the data frame, cycles per box, one of each Friedel pair.
    pub positions: &'a [[f32; 3]],
    /// D of each sample: c·X over the noise power.
    pub products: &'a [Complex32],
    /// W of each sample: c² over the noise power, not negative.
    pub weights: &'a [f32],
    /// Samples to use, from the first; the others lie beyond the band that is wanted.
    pub count: usize,
    /// Where the particle may be.
    pub placements: &'a [WeightedPlacement],
}

/// Upper bounds of what a contribution can add to any one element, in quanta.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bound {
    pub(super) products: f64,
    pub(super) weights: f64,
}

impl Contribution<'_> {
    /// Bounds of the contribution `index`, in quanta; fails when something is missing, not finite or negative.
    pub(super) fn check(&self, index: usize, quanta: Quanta) -> Result<Bound, ReconstructError> {
        for (what, found) in [
            ("positions of a particle", self.positions.len()),
            ("products of a particle", self.products.len()),
            ("weights of a particle", self.weights.len()),
        ] {
            if found < self.count {
                return Err(ReconstructError::Length {
                    what,
                    found,
                    expected: self.count,
                });
            }
        }
        let fault = |what| ReconstructError::Contribution { index, what };
        let mut total = 0.0;
        for placement in self.placements {
            if !(placement.rotation.is_finite() && placement.shift.is_finite()) {
                return Err(fault("a placement that is not finite"));
            }
            if !(placement.rotation.length_squared() - 1.0).abs().le(&1e-6) {
                return Err(fault("a rotation that is not a unit quaternion"));
            }
            if !(placement.weight.is_finite() && placement.weight >= 0.0) {
                return Err(fault("a probability that is negative or not finite"));
            }
            total += f64::from(placement.weight);
        }
        let places = sum_of_sizes(self.positions[..self.count].as_flattened());
        let products = sum_of_sizes(bytemuck::cast_slice(&self.products[..self.count]));
        let weights = sum_of_sizes(&self.weights[..self.count]);
        if !(places.is_finite() && products.is_finite() && weights.is_finite()) {
            return Err(fault("a sample that is not finite"));
        }
        if self.weights[..self.count].iter().any(|w| *w < 0.0) {
            return Err(fault("a sample with a negative weight"));
        }
        let samples = (self.count * self.placements.len()) as f64;
        let bound = |sum: f64, quantum: f64| 1.01 * sum * total / quantum + samples;
        Ok(Bound {
            products: bound(products, quanta.products),
            weights: bound(weights, quanta.weights),
        })
    }
}

/// Σ|v|; not finite when a value is not.
fn sum_of_sizes(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut sums = [0.0_f64; 16];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value.abs());
        }
    }
    let rest: f64 = rest.iter().map(|value| f64::from(value.abs())).sum();
    sums.iter().sum::<f64>() + rest
}

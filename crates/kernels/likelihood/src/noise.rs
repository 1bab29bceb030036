//! The power of the noise per group, shell and direction, and data in units of it.
//!
//! P(q) = P_group(shell) · shape(q). The shape holds what a shell's mean cannot: in a subtomogram made of tilt images the
//! noise falls with the number of tilts that contribute to a voxel. Masking an image leaves `mask_fraction` of the noise
//! power in every coefficient and correlates them; powers here are those of unmasked noise, so that the likelihood of
//! masked data counts independent values only.

use std::collections::BTreeMap;
use std::sync::Arc;

use num_complex::Complex32;
use serde::{Deserialize, Serialize};

use crate::{Observation, SampleGeometry};

/// Noise powers E|noise|² of unmasked data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseModel {
    /// `[group][shell]`.
    pub shells: Vec<Vec<f64>>,
    /// Relative power of every sample of a geometry (by its label), mean 1 in each shell; none: 1.
    pub shapes: BTreeMap<u64, Vec<f32>>,
}

/// An observation in units of its noise: all that poses and maps depend on.
#[derive(Clone, Debug)]
pub struct Whitened {
    /// Where the samples lie.
    pub geometry: Arc<SampleGeometry>,
    /// D/P.
    pub products: Vec<Complex32>,
    /// W/P.
    pub weights: Vec<f32>,
}

impl NoiseModel {
    /// Divides an observation by its noise power. Samples of shells without a power (or with 0) get weight 0.
    pub fn whiten(&self, observation: &Observation) -> Whitened {
        let geometry = &observation.geometry;
        let shape = self.shapes.get(&geometry.label);
        let mut products = observation.products.clone();
        let mut weights = observation.weights.clone();
        for (shell, range) in geometry.shells() {
            let power = self.power(observation.group, shell);
            for i in range {
                let power = power * shape.map_or(1.0, |s| f64::from(s[i]));
                let gain = if power > 0.0 {
                    (1.0 / power) as f32
                } else {
                    0.0
                };
                products[i] *= gain;
                weights[i] *= gain;
            }
        }
        Whitened {
            geometry: geometry.clone(),
            products,
            weights,
        }
    }

    /// Power of a group in a shell; 0 where unknown.
    pub fn power(&self, group: u32, shell: usize) -> f64 {
        let shells = self.shells.get(group as usize);
        shells.and_then(|s| s.get(shell)).copied().unwrap_or(0.0)
    }
}

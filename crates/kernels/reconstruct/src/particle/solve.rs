//! From the sums to the map: Friedel and point symmetry, division by the weights, inverse transform, gridding correction.
//!
//! Division is either by max(W, radial mean of W / 1000) — the default of `relion_tomo_reconstruct_particle` — or
//! Wiener-like by W + 1/(padding³ · SNR), where SNR is the ratio of signal to noise power in one perfect view
//! (t = 1); padding³ elements of the padded space share one component of the box.

use glam::{DMat3, DVec3};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_signal::fft::Complex32;

use super::PartialSums;
use crate::ReconstructError;
use crate::completed::{complete_origin_plane, radial_mean, real_space, shell};
use crate::half_space::HalfSpace;

/// What the data sum is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// The weight, but at least this fraction of its mean over the shell.
    WeightFloor {
        /// Fraction of the shell's mean weight.
        fraction: f64,
    },
    /// The weight plus the inverse of the signal-to-noise ratio.
    Wiener {
        /// Power of the signal over power of the noise in one view without CTF.
        snr: f64,
    },
}

impl Default for Normalisation {
    /// At least a thousandth of the mean weight.
    fn default() -> Self {
        Self::WeightFloor { fraction: 1e-3 }
    }
}

/// How a map is made of the sums.
#[derive(Clone, Debug, Default)]
pub struct SolveOptions {
    /// What the data sum is divided by.
    pub normalisation: Normalisation,
    /// All operators of the point group, the identity among them; empty for none.
    pub symmetry: Vec<DMat3>,
}

impl PartialSums {
    /// The map, `[n, n, n]`, its origin at voxel ⌊n/2⌋.
    ///
    /// # Errors
    /// [`ReconstructError::NoViews`] for empty sums, [`ReconstructError::Parameter`] for a fraction or ratio that is not
    /// positive.
    pub fn solve(&self, options: &SolveOptions) -> Result<Vec<f32>, ReconstructError> {
        if self.views() == 0 {
            return Err(ReconstructError::NoViews);
        }
        let (name, number) = match options.normalisation {
            Normalisation::WeightFloor { fraction } => ("fraction", fraction),
            Normalisation::Wiener { snr } => ("snr", snr),
        };
        if !(number.is_finite() && number > 0.0) {
            return Err(ReconstructError::parameter(
                name,
                &number,
                "a positive number",
            ));
        }
        let space = self.space();
        let mut data: Vec<Complex32> = self
            .elements
            .iter()
            .map(|e| Complex32::new(e[0], e[1]))
            .collect();
        let mut weight: Vec<f32> = self.elements.iter().map(|e| e[2]).collect();
        complete_origin_plane(space, &mut data, &mut weight);
        if !options.symmetry.is_empty() {
            (data, weight) = symmetrised(space, &data, &weight, &options.symmetry);
        }
        self.divide(&mut data, &weight, options.normalisation);
        drop(weight);
        Ok(real_space(space, self.box_size(), self.padding(), &data))
    }

    /// data / weight, regularised.
    fn divide(&self, data: &mut [Complex32], weight: &[f32], normalisation: Normalisation) {
        let space = self.space();
        let added = match normalisation {
            Normalisation::WeightFloor { .. } => 0.0,
            Normalisation::Wiener { snr } => (1.0 / (self.padding().pow(3) as f64 * snr)) as f32,
        };
        let floors: Vec<f32> = match normalisation {
            Normalisation::Wiener { .. } => vec![0.0; 2 * space.height()],
            Normalisation::WeightFloor { fraction } => radial_mean(space, weight)
                .into_iter()
                .map(|mean| (mean * fraction) as f32)
                .collect(),
        };
        data.par_chunks_mut(space.plane())
            .zip(weight.par_chunks(space.plane()))
            .enumerate()
            .for_each(|(z, (data, weight))| {
                for (i, (value, weight)) in data.iter_mut().zip(weight).enumerate() {
                    let divisor = (weight + added).max(floors[shell(space, z, i)]);
                    *value = if divisor > 0.0 {
                        *value / divisor
                    } else {
                        Complex32::default()
                    };
                }
            });
    }
}

/// Sums over the operators g of the values at g·k.
fn symmetrised(
    space: HalfSpace,
    data: &[Complex32],
    weight: &[f32],
    operators: &[DMat3],
) -> (Vec<Complex32>, Vec<f32>) {
    let extent = space.extent as f64;
    let mut new_data = vec![Complex32::default(); data.len()];
    let mut new_weight = vec![0.0; weight.len()];
    new_data
        .par_chunks_mut(space.plane())
        .zip(new_weight.par_chunks_mut(space.plane()))
        .enumerate()
        .for_each(|(z, (values, weights))| {
            for (i, (value, total)) in values.iter_mut().zip(weights).enumerate() {
                let (x, y) = (i % space.width(), i / space.width());
                let k = DVec3::new(x as f64, y as f64 - extent, z as f64 - extent);
                if k.length() >= extent {
                    continue;
                }
                for operator in operators {
                    let rotated = *operator * k;
                    *value += space.value_at(data, rotated);
                    *total += space.weight_at(weight, rotated);
                }
            }
        });
    (new_data, new_weight)
}

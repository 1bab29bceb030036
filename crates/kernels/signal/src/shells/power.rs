//! Power by shell in Fourier space, average by radius in real space.

use ndarray::Array3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thon_compute::parallel::sum_lists;

use super::Shells;
use crate::fft::Complex32;

/// Power for every shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ShellPower {
    /// Frequency of each shell, cycles per voxel.
    pub frequency: Vec<f64>,
    /// Σ|F|² over the coefficients of each shell, mirrored ones included.
    pub sum: Vec<f64>,
    /// Coefficients in each shell, mirrored ones included.
    pub count: Vec<u64>,
}

impl ShellPower {
    /// Mean |F|² in each shell; 0 for an empty one.
    pub fn mean(&self) -> Vec<f64> {
        self.sum
            .iter()
            .zip(&self.count)
            .map(|(sum, &count)| sum / (count.max(1) as f64))
            .collect()
    }
}

/// Power by shell of the half spectrum of a field `dims`.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn shell_power(spectrum: &Array3<Complex32>, dims: [usize; 3]) -> ShellPower {
    let shells = Shells::new(dims);
    let sums = shells.sum(spectrum, 2, |plane, [_, y, x], weight, sums| {
        let value = plane[[y, x]];
        sums[0] += weight * (f64::from(value.re).powi(2) + f64::from(value.im).powi(2));
        sums[1] += weight;
    });
    ShellPower {
        frequency: shells.frequencies(),
        sum: sums.chunks(2).map(|s| s[0]).collect(),
        count: sums.chunks(2).map(|s| s[1] as u64).collect(),
    }
}

/// Mean of a volume by distance from its centre voxel floor(n/2): element i is the mean over voxels with
/// round(distance) = i, out to floor of half the longest axis; 0 where there are none.
pub fn radial_average3(volume: &Array3<f32>) -> Vec<f64> {
    let (nz, ny, nx) = volume.dim();
    let bins = nz.max(ny).max(nx) / 2 + 1;
    let square = |index: usize, length: usize| (index as f64 - (length / 2) as f64).powi(2);
    let planes: Vec<Vec<f64>> = volume
        .outer_iter()
        .into_par_iter()
        .enumerate()
        .map(|(z, plane)| {
            let mut sums = vec![0.0; 2 * bins];
            for ((y, x), &value) in plane.indexed_iter() {
                let bin = (square(z, nz) + square(y, ny) + square(x, nx))
                    .sqrt()
                    .round() as usize;
                if bin < bins {
                    sums[2 * bin] += f64::from(value);
                    sums[2 * bin + 1] += 1.0;
                }
            }
            sums
        })
        .collect();
    if planes.is_empty() {
        return vec![0.0; bins];
    }
    sum_lists(planes)
        .chunks(2)
        .map(|s| s[0] / s[1].max(1.0))
        .collect()
}

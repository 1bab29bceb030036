//! Gains by shell, and whitening.

use ndarray::Array3;
use rayon::prelude::*;

use crate::fft::{Complex32, Fft3};
use crate::shells::{Shells, shell_power};

/// Multiplies a half spectrum of a field `dims` by a gain for every shell, in place: straight lines between whole shells, the last
/// gain beyond. An empty list changes nothing.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn multiply_shell_gain(spectrum: &mut Array3<Complex32>, dims: [usize; 3], gain: &[f64]) {
    let [nz, ny, nx] = dims;
    assert_eq!(
        spectrum.shape(),
        [nz, ny, nx / 2 + 1],
        "half spectrum against {dims:?}"
    );
    let Some(last) = gain.len().checked_sub(1) else {
        return;
    };
    let shells = Shells::new(dims);
    spectrum
        .outer_iter_mut()
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for ((y, x), value) in plane.indexed_iter_mut() {
                let radius = shells.radius([z, y, x]).min(last as f64);
                let below = radius as usize;
                let above = gain[(below + 1).min(last)];
                *value *= (gain[below] + (above - gain[below]) * radius.fract()) as f32;
            }
        });
}

/// The gain that brings the mean power of every shell to 1: 1/√⟨|F|²⟩, and 0 for shells without power.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn whitening_gain(spectrum: &Array3<Complex32>, dims: [usize; 3]) -> Vec<f64> {
    let gain = |power: f64| {
        if power > 0.0 {
            power.sqrt().recip()
        } else {
            0.0
        }
    };
    shell_power(spectrum, dims)
        .mean()
        .into_iter()
        .map(gain)
        .collect()
}

/// A volume of mean 0 whose power is the same in every shell. Its coefficients have mean |F|² = N, as white noise of
/// variance 1 has.
pub fn whiten3(volume: &Array3<f32>) -> Array3<f32> {
    let (nz, ny, nx) = volume.dim();
    let dims = [nz, ny, nx];
    let plan = Fft3::plan(dims);
    let mut spectrum = plan.forward(volume);
    if let Some(mean) = spectrum.get_mut((0, 0, 0)) {
        *mean = Complex32::default();
    }
    let scale = (volume.len() as f64).sqrt();
    let mut gain = whitening_gain(&spectrum, dims);
    // Shell 0 holds the mean alone; between 0 and 1 the gain of shell 1 applies.
    if let [zero, one, ..] = gain.as_mut_slice() {
        *zero = *one;
    }
    for value in &mut gain {
        *value *= scale;
    }
    multiply_shell_gain(&mut spectrum, dims, &gain);
    plan.inverse(&spectrum)
}

//! Filters on the half spectrum of a map: FSC weights, MTF, B factor, low-pass.

use ndarray::{Array3, Axis};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use thon_signal::fft::Complex32;
use thon_signal::shells::{Shells, fsc_weight};
use thon_units::SquareAngstrom;

/// Width of the low-pass edge, in shells.
const EDGE: f64 = 2.0;
/// Below this an FSC counts as the end of the signal.
const SIGNAL_END: f64 = 1e-4;

/// Amplitude weight of each shell, √(2·FSC/(1+FSC)); 0 from the first shell without positive FSC on.
pub fn fsc_weights(fsc: &[f64]) -> Vec<f64> {
    let end = fsc
        .iter()
        .skip(1)
        .position(|&f| f < SIGNAL_END)
        .map_or(fsc.len(), |shell| shell + 1);
    fsc.iter()
        .enumerate()
        .map(|(shell, &f)| if shell < end { fsc_weight(f) } else { 0.0 })
        .collect()
}

/// Multiplies a half spectrum by `factor(frequency in cycles per voxel, nearest shell)`.
pub fn shell_filter(
    spectrum: &mut Array3<Complex32>,
    dims: [usize; 3],
    factor: impl Fn(f64, usize) -> f64 + Sync,
) {
    let shells = Shells::new(dims);
    spectrum
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for ((y, x), value) in plane.indexed_iter_mut() {
                let radius = shells.radius([z, y, x]);
                let frequency = radius * shells.frequency(1);
                *value *= factor(frequency, radius.round() as usize) as f32;
            }
        });
}

/// Gain of the low-pass that ends at shell `end`, at a radius in shells: half a cosine two shells wide.
pub(crate) fn low_pass_at(radius: f64, end: f64) -> f64 {
    let (inner, outer) = ((end - EDGE / 2.0).max(0.0), end + EDGE / 2.0);
    if radius <= inner {
        1.0
    } else if radius >= outer {
        0.0
    } else {
        0.5 + 0.5 * (std::f64::consts::PI * (radius - inner) / (outer - inner)).cos()
    }
}

/// exp(−B k²/4).
pub(super) fn sharpen(
    spectrum: &mut Array3<Complex32>,
    dims: [usize; 3],
    voxel_size: f64,
    b_factor: SquareAngstrom,
) {
    shell_filter(spectrum, dims, |frequency, _| {
        let k = frequency / voxel_size;
        // A strongly negative B must not overflow, not even in the corners.
        (-b_factor.0 * k * k / 4.0).min(60.0).exp()
    });
}

/// A raised-cosine low-pass two shells wide at `low_pass` Å.
pub(super) fn cut(
    spectrum: &mut Array3<Complex32>,
    dims: [usize; 3],
    voxel_size: f64,
    low_pass: f64,
) {
    let step = Shells::new(dims).frequency(1);
    let end = (voxel_size / low_pass / step).round();
    shell_filter(spectrum, dims, |frequency, _| {
        low_pass_at(frequency / step, end)
    });
}

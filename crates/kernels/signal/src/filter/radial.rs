//! Low, high and band pass, B factor, tabulated curves: the gain as a function of frequency, and its application.

use std::f64::consts::PI;

use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fft::{Complex32, Fft3, signed_index};

/// How a pass filter falls off at its cutoff.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Edge {
    /// Half a cosine of the given width (cycles/Å), centred on the cutoff, where the gain is ½. Width 0 is a step.
    RaisedCosine(f64),
    /// Full gain up to the cutoff, beyond it a Gaussian of the given standard deviation (cycles/Å).
    Gaussian(f64),
}

impl Edge {
    /// Gain at `beyond` cycles/Å past the cutoff (negative inside).
    fn gain(self, beyond: f64) -> f64 {
        match self {
            Self::RaisedCosine(width) if beyond.abs() < width / 2.0 => {
                0.5 - 0.5 * (PI * beyond / width).sin()
            }
            Self::Gaussian(deviation) if beyond > 0.0 => {
                (-0.5 * (beyond / deviation).powi(2)).exp()
            }
            _ if beyond > 0.0 => 0.0,
            _ => 1.0,
        }
    }
}

/// A gain that depends on |k| alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RadialFilter {
    /// Keeps frequencies below `cutoff` (cycles/Å).
    LowPass {
        /// Where the gain falls, cycles/Å.
        cutoff: f64,
        /// How it falls.
        edge: Edge,
    },
    /// Keeps frequencies above `cutoff` (cycles/Å).
    HighPass {
        /// Where the gain rises, cycles/Å.
        cutoff: f64,
        /// How it rises.
        edge: Edge,
    },
    /// Keeps frequencies from `low` to `high` (cycles/Å).
    BandPass {
        /// Where the gain rises, cycles/Å.
        low: f64,
        /// Where it falls again, cycles/Å.
        high: f64,
        /// How it rises and falls.
        edge: Edge,
    },
    /// exp(−B·k²/4): blurs for positive B (Å²), sharpens for negative.
    BFactor(f64),
    /// Straight lines between points (frequency in cycles/Å ascending, gain); the first and last gain continue.
    Curve(Vec<(f64, f64)>),
}

impl RadialFilter {
    /// The gain at a frequency in cycles/Å.
    ///
    /// ```
    /// use thon_signal::filter::{Edge, RadialFilter};
    /// let filter = RadialFilter::LowPass { cutoff: 0.1, edge: Edge::RaisedCosine(0.02) };
    /// assert_eq!([filter.gain(0.05), filter.gain(0.1), filter.gain(0.12)], [1.0, 0.5, 0.0]);
    /// ```
    pub fn gain(&self, frequency: f64) -> f64 {
        match self {
            Self::LowPass { cutoff, edge } => edge.gain(frequency - cutoff),
            Self::HighPass { cutoff, edge } => edge.gain(cutoff - frequency),
            Self::BandPass { low, high, edge } => {
                edge.gain(low - frequency) * edge.gain(frequency - high)
            }
            Self::BFactor(b_factor) => (-b_factor * frequency * frequency / 4.0).exp(),
            Self::Curve(points) => interpolate(points, frequency),
        }
    }
}

fn interpolate(points: &[(f64, f64)], frequency: f64) -> f64 {
    let after = points.partition_point(|point| point.0 <= frequency);
    match (
        after.checked_sub(1).map(|before| points[before]),
        points.get(after),
    ) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (frequency - x0) / (x1 - x0),
        (Some((_, gain)), None) | (None, Some(&(_, gain))) => gain,
        (None, None) => 1.0,
    }
}

/// Multiplies a half spectrum of a field `dims` with voxels of `voxel_size` Å by `gain(|k|)`, k in cycles/Å, in place.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn multiply_radial(
    spectrum: &mut Array3<Complex32>,
    dims: [usize; 3],
    voxel_size: f64,
    gain: impl Fn(f64) -> f64 + Sync,
) {
    let [nz, ny, nx] = dims;
    assert_eq!(
        spectrum.shape(),
        [nz, ny, nx / 2 + 1],
        "half spectrum against {dims:?}"
    );
    let square = |index: usize, length: usize| {
        (signed_index(index, length) as f64 / (length as f64 * voxel_size)).powi(2)
    };
    let x_squares: Vec<f64> = (0..=nx / 2).map(|x| square(x, nx.max(1))).collect();
    spectrum
        .outer_iter_mut()
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                let zy = square(z, nz) + square(y, ny);
                for (value, x_square) in row.iter_mut().zip(&x_squares) {
                    *value *= gain((zy + x_square).sqrt()) as f32;
                }
            }
        });
}

/// Applies the product of filters to a volume `[z, y, x]` with voxels of `voxel_size` Å.
pub fn apply_filters3(
    volume: &Array3<f32>,
    voxel_size: f64,
    filters: &[RadialFilter],
) -> Array3<f32> {
    let (nz, ny, nx) = volume.dim();
    let plan = Fft3::plan([nz, ny, nx]);
    let mut spectrum = plan.forward(volume);
    multiply_radial(&mut spectrum, [nz, ny, nx], voxel_size, |k| {
        filters.iter().map(|filter| filter.gain(k)).product()
    });
    plan.inverse(&spectrum)
}

/// As [`apply_filters3`] for an image `[y, x]` with pixels of `pixel_size` Å.
pub fn apply_filters2(
    image: &Array2<f32>,
    pixel_size: f64,
    filters: &[RadialFilter],
) -> Array2<f32> {
    apply_filters3(&image.clone().insert_axis(Axis(0)), pixel_size, filters)
        .index_axis_move(Axis(0), 0)
}

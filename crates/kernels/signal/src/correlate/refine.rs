//! Sub-pixel shifts from the correlation evaluated between voxels.
//!
//! The correlation is a band-limited periodic function: its value at any shift is a sum over its spectrum. Around a
//! peak that sum is evaluated on a fine grid by one small matrix for each axis (Guizar-Sicairos, Thurman & Fienup
//! 2008), twice: steps of 1/8 voxel within ±1 voxel, then steps of 1/64 within ±1/8; a parabola ends it. On noise-free
//! fields without power at the Nyquist frequency the error is below 0.001 voxel. Cost: 17·N/2 complex multiply-adds for each grid.

use std::f64::consts::PI;

use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;

use super::peak::parabola_vertex;
use super::{Correlation, cross_spectrum3, highest_peak3};
use crate::fft::{Complex32, Fft3, Origin, centre_phases, signed_index};

/// Points on each side of the middle of a fine grid.
const REACH: isize = 8;

/// The shift `(x, y, z)` in voxels by which `reference` was moved to give `image`, within `max_shift` voxels, and the
/// correlation there; `None` when no finite correlation lies within reach (non-finite or empty input).
///
/// # Panics
/// When the extents differ.
pub fn estimate_shift3(
    image: &Array3<f32>,
    reference: &Array3<f32>,
    scaling: Correlation,
    max_shift: f64,
) -> Option<([f64; 3], f32)> {
    let (nz, ny, nx) = image.dim();
    let dims = [nz, ny, nx];
    let spectrum = cross_spectrum3(image, reference, scaling);
    let mut centred = spectrum.clone();
    centre_phases(&mut centred, dims, Origin::FirstVoxel);
    let coarse = highest_peak3(&Fft3::plan(dims).inverse(&centred), max_shift)?;
    Some(refine_peak3(&spectrum, dims, coarse.shift(dims)))
}

/// As [`estimate_shift3`] for images; the shift is `(x, y)` pixels.
///
/// # Panics
/// When the extents differ.
pub fn estimate_shift2(
    image: &Array2<f32>,
    reference: &Array2<f32>,
    scaling: Correlation,
    max_shift: f64,
) -> Option<([f64; 2], f32)> {
    let volume = |array: &Array2<f32>| array.clone().insert_axis(Axis(0));
    let ([x, y, _], value) =
        estimate_shift3(&volume(image), &volume(reference), scaling, max_shift)?;
    Some(([x, y], value))
}

/// The top of the correlation near `shift` `(x, y, z)` and its height, from the half spectrum of a correlation map of extents
/// `dims` with shift 0 at voxel 0 (as [`cross_spectrum3`] gives it).
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn refine_peak3(
    spectrum: &Array3<Complex32>,
    dims: [usize; 3],
    shift: [f64; 3],
) -> ([f64; 3], f32) {
    assert_eq!(
        spectrum.shape(),
        [dims[0], dims[1], dims[2] / 2 + 1],
        "half spectrum against {dims:?}"
    );
    let (mut shift, mut height) = (shift, 0.0);
    for step in [1.0 / 8.0, 1.0 / 64.0] {
        let grid = FineGrid::evaluate(spectrum, dims, shift, step);
        (shift, height) = grid.top();
    }
    (shift, height)
}

/// Correlation values on a small grid around `middle` (x, y, z).
struct FineGrid {
    values: Array3<f64>,
    middle: [f64; 3],
    step: f64,
}

impl FineGrid {
    /// Points of an axis: one where the axis has a single voxel.
    fn offsets(length: usize) -> std::ops::RangeInclusive<isize> {
        let reach = if length > 1 { REACH } else { 0 };
        -reach..=reach
    }

    fn evaluate(
        spectrum: &Array3<Complex32>,
        dims: [usize; 3],
        middle: [f64; 3],
        step: f64,
    ) -> Self {
        let [mx, my, mz] = middle;
        let x = waves(dims[2], dims[2] / 2 + 1, mx, step);
        let y = waves(dims[1], dims[1], my, step);
        let z = waves(dims[0], dims[0], mz, step);
        let planes: Vec<Vec<Pair>> = (0..dims[0])
            .into_par_iter()
            .map(|plane| contract(spectrum, plane, &x, &y))
            .collect();
        let extents = [z.len(), y.len(), x.len()];
        let elements = dims.iter().map(|&n| n as f64).product::<f64>();
        let values = Array3::from_shape_fn(extents, |(c, b, a)| {
            let terms = planes.iter().zip(&z[c]).map(|(plane, wave)| {
                let value = plane[b * x.len() + a];
                value.0 * wave.0 - value.1 * wave.1
            });
            terms.sum::<f64>() / elements
        });
        Self {
            values,
            middle,
            step,
        }
    }

    /// Position and height of the top: the highest point and a parabola along each axis.
    fn top(&self) -> ([f64; 3], f32) {
        let first = ([0; 3], f64::NEG_INFINITY);
        let (at, height) = self
            .values
            .indexed_iter()
            .fold(first, |best, ((z, y, x), &value)| {
                if value > best.1 {
                    ([z, y, x], value)
                } else {
                    best
                }
            });
        let along = |axis: usize| {
            let length = self.values.len_of(Axis(axis));
            let from_middle = at[axis] as f64 - (length / 2) as f64;
            if at[axis] == 0 || at[axis] + 1 == length {
                return from_middle;
            }
            let value = |index: usize| {
                let mut point = at;
                point[axis] = index;
                self.values[point]
            };
            from_middle + parabola_vertex(value(at[axis] - 1), height, value(at[axis] + 1))
        };
        (
            [0, 1, 2].map(|i| self.middle[i] + along(2 - i) * self.step),
            height as f32,
        )
    }
}

/// Real and imaginary part in f64.
type Pair = (f64, f64);

/// exp(2πi k·s/n) for every fine point s and every stored frequency k of an axis. Nyquist of an even axis: cos(πs). Half
/// axes carry the weight 2 of the mirrored frequencies that are not stored.
fn waves(length: usize, stored: usize, middle: f64, step: f64) -> Vec<Vec<Pair>> {
    let wave = |index: usize, shift: f64| {
        if 2 * index == length {
            return ((PI * shift).cos(), 0.0);
        }
        let weight = if stored < length && index > 0 {
            2.0
        } else {
            1.0
        };
        let (sine, cosine) =
            (2.0 * PI * (signed_index(index, length) as f64 * shift / length as f64).fract())
                .sin_cos();
        (weight * cosine, weight * sine)
    };
    FineGrid::offsets(length)
        .map(|offset| {
            let shift = middle + offset as f64 * step;
            (0..stored).map(|index| wave(index, shift)).collect()
        })
        .collect()
}

/// One plane of the spectrum summed over kx and ky for every fine x and y: `[y, x]`.
fn contract(
    spectrum: &Array3<Complex32>,
    plane: usize,
    x: &[Vec<Pair>],
    y: &[Vec<Pair>],
) -> Vec<Pair> {
    let mut sums = vec![(0.0, 0.0); y.len() * x.len()];
    for (ky, row) in spectrum.index_axis(Axis(0), plane).outer_iter().enumerate() {
        for (a, x_wave) in x.iter().enumerate() {
            let part = row
                .iter()
                .zip(x_wave)
                .fold((0.0, 0.0), |sum: Pair, (value, wave)| {
                    add_product(sum, pair(*value), *wave)
                });
            for (b, y_wave) in y.iter().enumerate() {
                let sum = &mut sums[b * x.len() + a];
                *sum = add_product(*sum, part, y_wave[ky]);
            }
        }
    }
    sums
}

fn pair(value: Complex32) -> Pair {
    (f64::from(value.re), f64::from(value.im))
}

fn add_product(sum: Pair, a: Pair, b: Pair) -> Pair {
    (sum.0 + a.0 * b.0 - a.1 * b.1, sum.1 + a.0 * b.1 + a.1 * b.0)
}

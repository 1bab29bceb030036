//! Any number of SIRT iterations in one step: what is back-projected after N of them, as a linear mixture of the views' data.
//!
//! SIRT from an empty volume (see `iterative`) ends at a back-projection x = Aᵀ y. In a slab without sides every frequency k across
//! the views is a problem of its own, and with L the lengths of the views' rays in a row of n sections
//! ```text
//!   y(k) = g Σ_{i<N} (I − g L K(k))ⁱ b(k)      K_uv(k) = Σ_z a_u(z, k)* a_v(z, k)      g = 1/(n Σ L)
//! ```
//! where a_v(z, k) is the response of the taps by which view v reaches section z: shift and interpolation as the projector has
//! them. The matrix before b is made once per frequency, by doubling, and every row of the tomogram is multiplied with it. A radial
//! filter (`filter`) is the best diagonal in its place: it misses what views share at low frequencies.

use rayon::prelude::*;
use realfft::RealFftPlanner;
use rustfft::num_complex::Complex32;
use std::f64::consts::TAU;
use thon_signal::fft::{half_length, next_fast_even_length};

use super::kernel::Tap;
use super::split_matrix::{SplitMatrix, multiply, multiply_vector};
use super::task::Task;

/// Matrices of all frequencies may take so much; beyond it the radial filter stands for them.
const MOST_BYTES: usize = 256 << 20;
/// Rows of the tomogram multiplied together.
const ROWS: usize = 8;

/// The mixtures of one tilt series.
pub(super) struct Mixing {
    length: usize,
    /// Where each view's samples lie in a plane.
    ranges: Vec<std::ops::Range<usize>>,
    /// One matrix per frequency.
    matrices: Vec<SplitMatrix>,
}

impl Mixing {
    /// For so many iterations; `None` where slices perpendicular to the axis do not see one row of every view, or where matrices
    /// would be too large. `task` has a sample per voxel.
    pub(super) fn new(task: &Task<'_>, iterations: u32) -> Option<Self> {
        if task.axes().iter().any(|a| !a.is_level() || a.is_steep()) {
            return None;
        }
        let [nz, _, nx] = task.grid.dims;
        let layout = task.layout(&(0..1));
        let ranges = layout.view_ranges();
        let views = ranges.len();
        let beyond = ranges.iter().map(|range| range.len() - nx).max()?;
        let length = next_fast_even_length(nx + 2 * beyond);
        if half_length(length) * SplitMatrix::bytes(views) > MOST_BYTES {
            return None;
        }
        let (taps, _) = layout.taps(0, 0..nz);
        let plane = layout.plane_of(0);
        let starts: Vec<usize> = ranges.iter().map(|range| plane + range.start).collect();
        let lengths: Vec<f64> = task.axes().iter().map(|a| 1.0 / a.cos.abs()).collect();
        let roots: Vec<[f32; 2]> = (0..length)
            .map(|i| {
                let (sin, cos) = (TAU * i as f64 / length as f64).sin_cos();
                [cos as f32, sin as f32]
            })
            .collect();
        let voxel = task.grid.voxel_size.0;
        let matrices = (0..half_length(length))
            .into_par_iter()
            .map(|k| {
                let responses = responses(&taps, &starts, k, &roots);
                mixture(&responses, &lengths, nz, voxel, iterations)
            })
            .collect();
        Some(Self {
            length,
            ranges,
            matrices,
        })
    }

    /// Bytes of the matrices and of the rows in work.
    pub(super) fn bytes(&self) -> usize {
        let views = self.ranges.len();
        let rows = 8 * ROWS * views * half_length(self.length);
        self.matrices.len() * SplitMatrix::bytes(views) + rows * rayon::current_num_threads()
    }

    /// Replaces the data in planes of `plane_length` by what is back-projected.
    pub(super) fn apply(&self, planes: &mut [f32], plane_length: usize) {
        let mut planner = RealFftPlanner::<f32>::new();
        let forward = planner.plan_fft_forward(self.length);
        let inverse = planner.plan_fft_inverse(self.length);
        let half = half_length(self.length);
        let views = self.ranges.len();
        planes
            .par_chunks_mut(ROWS * plane_length)
            .for_each(|planes| {
                let rows = planes.len() / plane_length;
                let mut spectra = vec![Complex32::default(); rows * views * half];
                let mut row = vec![0.0_f32; self.length];
                let mut scratch = forward.make_scratch_vec();
                let places = planes
                    .chunks(plane_length)
                    .flat_map(|plane| self.ranges.iter().map(|range| &plane[range.clone()]));
                for (samples, spectrum) in places.zip(spectra.chunks_mut(half)) {
                    row.fill(0.0);
                    row[..samples.len()].copy_from_slice(samples);
                    // Lengths are those of the plan.
                    let _ = forward.process_with_scratch(&mut row, spectrum, &mut scratch);
                }
                self.mix(&mut spectra, half);
                let mut scratch = inverse.make_scratch_vec();
                let scale = 1.0 / self.length as f32;
                for (index, spectrum) in spectra.chunks_mut(half).enumerate() {
                    spectrum[0].im = 0.0;
                    spectrum[half - 1].im = 0.0;
                    let _ = inverse.process_with_scratch(spectrum, &mut row, &mut scratch);
                    let plane = &mut planes[index / views * plane_length..][..plane_length];
                    let out = &mut plane[self.ranges[index % views].clone()];
                    for (out, value) in out.iter_mut().zip(&row) {
                        *out = scale * value;
                    }
                }
            });
    }

    /// Multiplies the spectra of rows, `[row, view, k]`.
    fn mix(&self, spectra: &mut [Complex32], half: usize) {
        let views = self.ranges.len();
        let width = SplitMatrix::width(views);
        let mut from = vec![0.0_f32; 2 * width];
        let mut to = vec![0.0_f32; 2 * width];
        for (k, matrix) in self.matrices.iter().enumerate() {
            for spectra in spectra.chunks_mut(views * half) {
                for view in 0..views {
                    let value = spectra[view * half + k];
                    (from[view], from[width + view]) = (value.re, value.im);
                }
                multiply_vector(matrix, &from, &mut to);
                for view in 0..views {
                    spectra[view * half + k] = Complex32::new(to[view], to[width + view]);
                }
            }
        }
    }
}

/// a_v(z, k) of all views and sections: `[z, view]`, real and imaginary part.
fn responses(taps: &[Tap], starts: &[usize], k: usize, roots: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let length = roots.len();
    taps.iter()
        .zip(starts.iter().cycle())
        .map(|(tap, start)| {
            let mut sum = [0.0_f32; 2];
            for (offset, weight) in tap.offset.iter().zip(tap.weight) {
                let [cos, sin] = roots[(offset - start) * k % length];
                sum[0] += weight * cos;
                sum[1] += weight * sin;
            }
            sum
        })
        .collect()
}

/// The matrix of one frequency.
fn mixture(
    responses: &[[f32; 2]],
    lengths: &[f64],
    sections: usize,
    voxel_size: f64,
    iterations: u32,
) -> SplitMatrix {
    let views = lengths.len();
    let total: f64 = lengths.iter().sum();
    let gain = 1.0 / (total * sections as f64);
    // B = I − g L K.
    let mut step = SplitMatrix::zeros(views);
    for at_z in responses.chunks(views) {
        step.add_outer(at_z);
    }
    for (u, length) in lengths.iter().enumerate() {
        step.scale_row(u, -(gain * length) as f32);
    }
    step.add_identity(1.0);
    // Σ_{i<m} Bⁱ and Bᵐ, by doubling along the digits of the number.
    let mut sum = SplitMatrix::zeros(views);
    sum.add_identity(1.0);
    let mut power = step.clone();
    for digit in (0..iterations.ilog2()).rev() {
        sum = sum.clone().plus(&multiply(&power, &sum));
        power = multiply(&power, &power);
        if iterations >> digit & 1 == 1 {
            sum = sum.plus(&power);
            power = multiply(&power, &step);
        }
    }
    // Data are line integrals in Å; rays are counted in voxels here.
    sum.scale((gain / voxel_size) as f32);
    sum
}

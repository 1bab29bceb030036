//! Direct Fourier inversion: the views' transforms are put where they belong in Fourier space, slice by slice.
//!
//! Rows of all views are sampled in steps of whole voxels along x (`rows`), so that a view's transform along x lies on the columns
//! of the slice's transform, on the line k_z = k_x tan θ: only k_z falls between. Along it values are spread by a Kaiser–Bessel kernel
//! four points wide on a grid of twice the depth, and its transform is divided out (O'Sullivan 1985, IEEE Trans. Med. Imaging
//! 4:200; Jackson et al. 1991, IEEE Trans. Med. Imaging 10:473; kernel width and shape after Beatty et al. 2005, ibid. 24:799). A value
//! counts for the part of the column that it alone knows: with T the depth of the slab
//! ```text
//!   d_v = 1 / (T Σ_u Λ(T |k_v − k_u|))        Λ(q) = max(0, 1 − q)
//! ```
//! which is the distance to its neighbours where they lie closer than 1/T, 1/T where they do not, and a share of it where views
//! coincide. Densities come out on the scale of the specimen; uneven tilts need no further weights.

use std::f64::consts::{PI, TAU};
use std::ops::Range;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::{Complex32, Complex64};
use std::sync::Arc;
use thon_signal::fft::{ComplexFft1, half_length, next_fast_even_length};

use super::coordinates::z_of;
use super::task::Task;
use crate::ReconstructError;

/// Points of the kernel, and points of the column over those of the slab.
const KERNEL: f64 = 4.0;
const OVERSAMPLING: usize = 2;

/// One value's place in a column.
#[derive(Clone, Copy)]
struct Place {
    view: usize,
    /// First of the four points of the kernel.
    first: usize,
    weights: [f32; 4],
    /// What the value is multiplied with.
    factor: Complex32,
}

/// The geometry that all slices share.
pub(super) struct Inversion {
    nz: usize,
    nx: usize,
    /// Length of rows and of columns.
    length: usize,
    depth: usize,
    /// Where each view's samples lie in a plane.
    ranges: Vec<Range<usize>>,
    /// The values of each column.
    places: Vec<Vec<Place>>,
    /// What the kernel has done to each section, divided out.
    gains: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    columns: ComplexFft1,
}

impl Inversion {
    /// For a task with a sample per voxel and no weights.
    ///
    /// # Errors
    /// [`ReconstructError::Geometry`] for views with x-tilt or beyond about 80°.
    pub(super) fn new(task: &Task<'_>) -> Result<Self, ReconstructError> {
        task.refuse_tilted_slices()?;
        let [nz, _, nx] = task.grid.dims;
        let layout = task.layout(&(0..1));
        let ranges = layout.view_ranges();
        let longest = ranges.iter().map(Range::len).max().unwrap_or(nx);
        let length = next_fast_even_length(longest.max(nx));
        let depth = next_fast_even_length(OVERSAMPLING * nz.max(8));
        let voxel = task.grid.voxel_size.0;
        let lines: Vec<Line> = (0..ranges.len())
            .map(|view| {
                let axes = task.axes()[view];
                let tangent = axes.sin / axes.cos;
                Line {
                    tangent,
                    // The sample that x = 0 of the middle section falls on.
                    start: (z_of(task.grid, 0) / voxel + (nz / 2) as f64) * tangent
                        - layout.first_of(view) as f64,
                    scale: axes.cos.abs() / voxel,
                }
            })
            .collect();
        let places = (0..half_length(length))
            .map(|k| places(&lines, k as f64 / length as f64, [nz, depth]))
            .collect();
        let mut planner = RealFftPlanner::<f32>::new();
        Ok(Self {
            nz,
            nx,
            length,
            depth,
            places,
            gains: (0..nz)
                .map(|z| gain(z as f64 - (nz / 2) as f64, depth))
                .collect(),
            forward: planner.plan_fft_forward(length),
            inverse: planner.plan_fft_inverse(length),
            columns: ComplexFft1::plan(depth),
            ranges,
        })
    }

    /// Bytes of the places, and of one slice in work.
    pub(super) fn bytes(&self) -> [usize; 2] {
        let places = self.places.iter().map(Vec::len).sum::<usize>() * size_of::<Place>();
        let half = half_length(self.length);
        [
            places,
            8 * half * (self.ranges.len() + self.nz) + 4 * self.nz * self.nx,
        ]
    }

    /// The slice `[z, x]` whose rows lie in `plane`.
    pub(super) fn slice(&self, plane: &[f32]) -> Vec<f32> {
        let half = half_length(self.length);
        let mut row = vec![0.0_f32; self.length];
        let mut spectra = vec![Complex32::default(); self.ranges.len() * half];
        let mut scratch = self.forward.make_scratch_vec();
        for (range, spectrum) in self.ranges.iter().zip(spectra.chunks_mut(half)) {
            row.fill(0.0);
            row[..range.len()].copy_from_slice(&plane[range.clone()]);
            // Lengths are those of the plan.
            let _ = self
                .forward
                .process_with_scratch(&mut row, spectrum, &mut scratch);
        }
        let mut sections = vec![Complex32::default(); self.nz * half];
        let mut column = vec![Complex32::default(); self.depth];
        for (k, places) in self.places.iter().enumerate() {
            column.fill(Complex32::default());
            for place in places {
                let value = spectra[place.view * half + k] * place.factor;
                for (i, weight) in place.weights.iter().enumerate() {
                    column[(place.first + i) % self.depth] += value * weight;
                }
            }
            self.columns.inverse_in_place(&mut column);
            for (z, gain) in self.gains.iter().enumerate() {
                let at = (z + self.depth - self.nz / 2) % self.depth;
                sections[z * half + k] = column[at] * gain;
            }
        }
        let mut out = vec![0.0_f32; self.nz * self.nx];
        let mut scratch = self.inverse.make_scratch_vec();
        let scale = 1.0 / self.length as f32;
        for (section, out) in sections.chunks_mut(half).zip(out.chunks_mut(self.nx)) {
            section[0].im = 0.0;
            section[half - 1].im = 0.0;
            let _ = self
                .inverse
                .process_with_scratch(section, &mut row, &mut scratch);
            for (out, value) in out.iter_mut().zip(&row) {
                *out = scale * value;
            }
        }
        out
    }
}

/// One view's line in the transform of a slice.
struct Line {
    tangent: f64,
    start: f64,
    scale: f64,
}

/// Where the values of all views at `k` cycles per voxel along x go; those beyond Nyquist along z are left out.
fn places(lines: &[Line], k: f64, [nz, depth]: [usize; 2]) -> Vec<Place> {
    let slab = nz as f64;
    let inside: Vec<(usize, f64)> = lines
        .iter()
        .map(|line| k * line.tangent)
        .enumerate()
        .filter(|(_, k_z)| k_z.abs() < 0.5)
        .collect();
    inside
        .iter()
        .map(|&(view, k_z)| {
            let shared: f64 = inside
                .iter()
                .map(|(_, other)| (1.0 - slab * (k_z - other).abs()).max(0.0))
                .sum();
            let line = &lines[view];
            // The inverse transform along z divides by the depth.
            let size = line.scale * depth as f64 / (slab * shared);
            let factor = Complex64::from_polar(size, TAU * k * line.start);
            let position = k_z * depth as f64;
            let first = (position - KERNEL / 2.0).ceil();
            let weights = std::array::from_fn(|i| kernel(first + i as f64 - position) as f32);
            Place {
                view,
                first: first.rem_euclid(depth as f64) as usize,
                weights,
                factor: Complex32::new(factor.re as f32, factor.im as f32),
            }
        })
        .collect()
}

/// β of the kernel, for columns of twice the slab.
fn shape() -> f64 {
    let ratio = OVERSAMPLING as f64;
    PI * ((KERNEL / ratio * (ratio - 0.5)).powi(2) - 0.8).sqrt()
}

/// The kernel at a distance in points.
fn kernel(distance: f64) -> f64 {
    let inside = 1.0 - (2.0 * distance / KERNEL).powi(2);
    if inside < 0.0 {
        return 0.0;
    }
    bessel_i0(shape() * inside.sqrt()) / KERNEL
}

/// 1 over the kernel's transform `z` sections from the middle.
fn gain(z: f64, depth: usize) -> f32 {
    let square = shape().powi(2) - (PI * KERNEL * z / depth as f64).powi(2);
    // Within the slab the argument is real.
    let root = square.max(1e-12).sqrt();
    (root / root.sinh()) as f32
}

/// Modified Bessel function of the first kind of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = 0.25 * x * x;
    let (mut term, mut sum) = (1.0, 1.0);
    for i in 1..60 {
        term *= quarter / f64::from(i * i);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_undone() {
        // A value between the points of a column is a wave over the slab.
        let depth = 64;
        for position in [0.0, 3.3, -11.75, 20.5] {
            let first = f64::ceil(position - KERNEL / 2.0);
            for z in -16..16 {
                let sum: Complex64 = (0..4)
                    .map(|i| {
                        let point = first + f64::from(i);
                        let angle = TAU * point * f64::from(z) / depth as f64;
                        kernel(point - position) * Complex64::from_polar(1.0, angle)
                    })
                    .sum();
                let found = sum * f64::from(gain(f64::from(z), depth));
                let expected =
                    Complex64::from_polar(1.0, TAU * position * f64::from(z) / depth as f64);
                assert!(
                    (found - expected).norm() < 5e-3,
                    "{found} against {expected}"
                );
            }
        }
    }
}

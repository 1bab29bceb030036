//! Exact band-limited rescaling to any voxel size and box.
//!
//! Every axis is one matrix: output voxel j lies at p_j = floor(n/2) + (j − floor(m/2))·(size_out/size_in) of the input
//! axis, and its value is the periodic band-limited interpolant there,
//! D(p − i) = (1/n)·Σ_k cos(2πk(p − i)/n), over |k| ≤ n/2 and |k|/n ≤ size_in/(2·size_out) (nothing aliases).
//! When n·size_in/size_out is whole this is Fourier crop or pad. Cost: 2·n·m multiply-adds for each line of each axis.

use ndarray::Array3;
use rayon::prelude::*;

use super::fourier::extents;

/// A volume sampled with voxels of `voxel_size` Å, on a box of `to = [nz, ny, nx]` voxels of `new_voxel_size` Å. The centre
/// voxel stays in place; where the new box reaches beyond the old one it is `fill`.
///
/// # Panics
/// When a voxel size is not positive.
pub fn rescale3(
    volume: &Array3<f32>,
    voxel_size: f64,
    new_voxel_size: f64,
    to: [usize; 3],
    fill: f32,
) -> Array3<f32> {
    assert!(
        voxel_size > 0.0 && new_voxel_size > 0.0,
        "voxel sizes {voxel_size} and {new_voxel_size}"
    );
    let from = extents(volume);
    let ratio = new_voxel_size / voxel_size;
    let mut values: Vec<f32> = volume.iter().map(|v| v - fill).collect();
    let mut dims = from;
    for axis in 0..3 {
        let matrix = Matrix::interpolating(from[axis], to[axis], ratio);
        let outer = dims[..axis].iter().product();
        let inner = dims[axis + 1..].iter().product();
        values = if inner == 1 {
            matrix.apply_rows(&values, outer)
        } else {
            matrix.apply(&values, outer, inner)
        };
        dims[axis] = to[axis];
    }
    for value in &mut values {
        *value += fill;
    }
    Array3::from_shape_vec(to, values).expect("each axis was brought to its new extent")
}

/// Output voxel × input voxel weights of one axis.
struct Matrix {
    rows: usize,
    columns: usize,
    weights: Vec<f32>,
}

impl Matrix {
    /// Periodic band-limited interpolation from `from` voxels to `to` voxels `ratio` times as long.
    fn interpolating(from: usize, to: usize, ratio: f64) -> Self {
        let n = from as f64;
        // The tolerance keeps the limit itself when n/(2·ratio) is a whole number up to rounding.
        let highest = ((n / 2.0 / ratio.max(1.0)) * (1.0 + 1e-9)).floor() as usize;
        let kernel = |t: f64| {
            // Σ over |k| ≤ K of cos(2πkt/n) = sin((2K + 1)πt/n)/sin(πt/n); the Nyquist pair ±n/2 counts once.
            let half_turn = std::f64::consts::PI * t / n;
            let waves = (2 * highest + 1) as f64;
            let sum = if half_turn.sin().abs() < 1e-12 {
                waves
            } else {
                (waves * half_turn).sin() / half_turn.sin()
            };
            let nyquist = if 2 * highest == from {
                (n * half_turn).cos()
            } else {
                0.0
            };
            (sum - nyquist) / n
        };
        let weights = (0..to).into_par_iter().flat_map_iter(|j| {
            let position = (from / 2) as f64 + (j as f64 - (to / 2) as f64) * ratio;
            let inside = position >= -0.5 && position < n - 0.5;
            (0..from).map(move |i| {
                if inside {
                    kernel(position - i as f64) as f32
                } else {
                    0.0
                }
            })
        });
        Self {
            rows: to,
            columns: from,
            weights: weights.collect(),
        }
    }

    /// Along the middle axis of `[outer][columns][inner]`.
    fn apply(&self, input: &[f32], outer: usize, inner: usize) -> Vec<f32> {
        let mut output = vec![0.0; outer * self.rows * inner];
        output
            .par_chunks_mut(inner.max(1))
            .enumerate()
            .for_each(|(line, sums)| {
                let (block, row) = (line / self.rows, line % self.rows);
                let weights = &self.weights[row * self.columns..(row + 1) * self.columns];
                let source =
                    &input[block * self.columns * inner..(block + 1) * self.columns * inner];
                for (weight, values) in weights.iter().zip(source.chunks(inner.max(1))) {
                    add_scaled(sums, values, *weight);
                }
            });
        output
    }

    /// Along the last axis of `[outer][columns]`.
    fn apply_rows(&self, input: &[f32], outer: usize) -> Vec<f32> {
        let mut transposed = vec![0.0; self.weights.len()];
        for (index, weight) in self.weights.iter().enumerate() {
            transposed[(index % self.columns) * self.rows + index / self.columns] = *weight;
        }
        let mut output = vec![0.0; outer * self.rows];
        let lines = output
            .par_chunks_mut(self.rows.max(1))
            .zip(input.par_chunks(self.columns.max(1)));
        lines.for_each(|(sums, values)| {
            for (value, weights) in values.iter().zip(transposed.chunks(self.rows.max(1))) {
                add_scaled(sums, weights, *value);
            }
        });
        output
    }
}

fn add_scaled(sums: &mut [f32], values: &[f32], factor: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

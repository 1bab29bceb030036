//! Band-limited sampling of scattered points: spread onto a grid of twice the sampling, transform, divide by the
//! transform of the spreading kernel.
//!
//! The kernel is φ(x) = exp(β(√(1 − (2x/w)²) − 1)) with w = 6 fine pixels and β = 2.3 w (Barnett, Magland & af Klinteberg
//! 2019, SIAM J. Sci. Comput. 41:C479); with a twofold grid the error of every Fourier coefficient is below 2·10⁻⁵ of
//! Σ|weight| (tested here against the plain sum), which is the single-precision accuracy of what follows.

/// Fine pixels that one point touches along an axis.
pub(crate) const WIDTH: usize = 6;
const BETA: f64 = 2.3 * WIDTH as f64;
/// Table entries per half width.
const ENTRIES: usize = 6144;

/// The spreading kernel as a table.
#[derive(Clone)]
pub(crate) struct Kernel {
    table: Vec<f32>,
}

fn kernel(z: f64) -> f64 {
    if z.abs() >= 1.0 {
        0.0
    } else {
        (BETA * ((1.0 - z * z).sqrt() - 1.0)).exp()
    }
}

impl Kernel {
    pub(crate) fn new() -> Self {
        let table = (0..=ENTRIES + 1).map(|i| kernel(i as f64 / ENTRIES as f64) as f32);
        Self {
            table: table.collect(),
        }
    }

    /// First grid index (may be negative) that a point at `u` touches, and the kernel there.
    #[inline]
    pub(crate) fn window(&self, u: f64) -> (i64, [f32; WIDTH]) {
        let first = (u - 0.5 * WIDTH as f64).ceil();
        let mut values = [0.0; WIDTH];
        for (i, value) in values.iter_mut().enumerate() {
            let z = (first + i as f64 - u).abs() * (2.0 * ENTRIES as f64 / WIDTH as f64);
            let entry = (z as usize).min(ENTRIES);
            let fraction = (z - entry as f64) as f32;
            *value = self.table[entry] + fraction * (self.table[entry + 1] - self.table[entry]);
        }
        (first as i64, values)
    }

    /// Spreads one point of `weight` at fine pixel (ux, uy) of a periodic `[fine, fine]` image.
    #[inline]
    pub(crate) fn spread_2d(&self, grid: &mut [f32], fine: usize, at: [f64; 2], weight: f32) {
        let (x0, wx) = self.window(at[0]);
        let (y0, wy) = self.window(at[1]);
        let columns = wrapped(x0, fine);
        for (y, wy) in wrapped(y0, fine).into_iter().zip(wy) {
            let row = &mut grid[y * fine..(y + 1) * fine];
            let factor = weight * wy;
            for (x, wx) in columns.iter().zip(wx) {
                row[*x] += factor * wx;
            }
        }
    }

    /// Spreads one point of `weight` at fine voxel (x, y, z) of a periodic `[fine, fine, fine]` volume.
    pub(crate) fn spread_3d(&self, grid: &mut [f32], fine: usize, at: [f64; 3], weight: f32) {
        let (z0, wz) = self.window(at[2]);
        for (z, wz) in wrapped(z0, fine).into_iter().zip(wz) {
            let plane = &mut grid[z * fine * fine..(z + 1) * fine * fine];
            self.spread_2d(plane, fine, [at[0], at[1]], weight * wz);
        }
    }
}

fn wrapped(first: i64, length: usize) -> [usize; WIDTH] {
    std::array::from_fn(|i| (first + i as i64).rem_euclid(length as i64) as usize)
}

/// 1 / φ̂ at the frequencies 0 … size/2 of a grid of `size`, whose fine grid has twice as many samples.
pub(crate) fn correction(size: usize) -> Vec<f32> {
    let steps = 4096;
    (0..=size / 2)
        .map(|k| {
            let frequency = k as f64 / (2 * size) as f64;
            let sum: f64 = (0..steps)
                .map(|i| {
                    let z = (i as f64 + 0.5) / steps as f64;
                    let x = 0.5 * WIDTH as f64 * z;
                    kernel(z) * (2.0 * std::f64::consts::PI * x * frequency).cos()
                })
                .sum();
            (steps as f64 / (sum * WIDTH as f64)) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use std::f64::consts::TAU;
    use thon_signal::fft::{Fft2, frequency};

    #[test]
    fn coefficients_equal_the_plain_sum() {
        let size = 24;
        let points = [
            [3.21, 7.9, 1.0],
            [11.5, 0.02, -0.4],
            [23.97, 12.0, 2.0],
            [-1.3, 25.6, 0.7],
        ];
        let mut grid = Array2::<f32>::zeros((2 * size, 2 * size));
        let kernel = Kernel::new();
        let cells = grid.as_slice_mut().unwrap();
        for [x, y, w] in points {
            kernel.spread_2d(cells, 2 * size, [2.0 * x, 2.0 * y], w as f32);
        }
        let spectrum = Fft2::plan([2 * size, 2 * size]).forward(&grid);
        let correction = correction(size);
        let mut worst = 0.0_f64;
        for ky in -(size as i64) / 2 + 1..size as i64 / 2 {
            for kx in 0..size / 2 {
                let row = ky.rem_euclid(2 * size as i64) as usize;
                let found =
                    spectrum[[row, kx]] * correction[kx] * correction[ky.unsigned_abs() as usize];
                let (mut real, mut imaginary) = (0.0, 0.0);
                for [x, y, w] in points {
                    let phase = -TAU * (kx as f64 * x + ky as f64 * y) / size as f64;
                    real += w * phase.cos();
                    imaginary += w * phase.sin();
                }
                let error = (f64::from(found.re) - real).hypot(f64::from(found.im) - imaginary);
                worst = worst.max(error);
            }
        }
        assert!(worst < 2e-5 * 4.1, "{worst:e}");
        assert_eq!(frequency(1, size), 1.0 / size as f64);
    }
}

//! Cross terms and powers of two spectra by shell and direction.

use glam::DVec3;
use ndarray::Array3;
use thon_signal::fft::{Complex32, signed_index};
use thon_signal::shells::Shells;

use crate::half_sphere::HalfSphere;

/// Sums of Re(A·B*), |A|², |B|² in cells of equal angle on the half sphere z ≥ 0, shell by shell.
pub(super) struct Cells {
    grid: HalfSphere,
    shells: usize,
    /// `[shell][cell]`.
    sums: Vec<[f64; 3]>,
}

impl Cells {
    /// Gathers two half spectra of fields `dims`. One pass in the order of memory.
    pub(super) fn of(spectra: &[Array3<Complex32>; 2], dims: [usize; 3]) -> Self {
        let shells = Shells::new(dims);
        let grid = HalfSphere::new();
        let mut cells = Self {
            shells: shells.count(),
            sums: vec![[0.0; 3]; shells.count() * grid.directions.len()],
            grid,
        };
        let [nz, ny, nx] = dims;
        for (((z, y, x), a), b) in spectra[0].indexed_iter().zip(&spectra[1]) {
            let Some(shell) = shells.shell([z, y, x]) else {
                continue;
            };
            let k = |i: usize, n: usize| signed_index(i, n) as f64 / n as f64;
            let direction = DVec3::new(x as f64 / nx as f64, k(y, ny), k(z, nz));
            let weight = if x > 0 && 2 * x != nx { 2.0 } else { 1.0 };
            let place = shell * cells.count() + cells.grid.nearest(direction);
            let sum = &mut cells.sums[place];
            sum[0] += weight * f64::from(a.re * b.re + a.im * b.im);
            sum[1] += weight * f64::from(a.norm_sqr());
            sum[2] += weight * f64::from(b.norm_sqr());
        }
        cells
    }

    fn count(&self) -> usize {
        self.grid.directions.len()
    }

    /// Correlation by shell of the cells whose middle lies within the angle of this cosine from a direction or its opposite.
    pub(super) fn cone(&self, direction: DVec3, cosine: f64) -> Vec<f64> {
        let inside = |cell: &usize| self.grid.directions[*cell].dot(direction).abs() >= cosine;
        let members: Vec<usize> = (0..self.count()).filter(inside).collect();
        let correlation = |shell: usize| {
            let mut sum = [0.0; 3];
            for &member in &members {
                let cell = self.sums[shell * self.count() + member];
                (0..3).for_each(|i| sum[i] += cell[i]);
            }
            let power = (sum[1] * sum[2]).sqrt();
            if power > 0.0 { sum[0] / power } else { 0.0 }
        };
        (0..self.shells).map(correlation).collect()
    }
}

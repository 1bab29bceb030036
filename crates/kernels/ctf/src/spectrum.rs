//! The CTF over a half spectrum `[ny, nx/2 + 1]`, the layout of a real transform.
//!
//! Column ix holds kx = ix/(nx·p); row iy holds ky = iy/(ny·p) for iy < ny/2 (rounded up) and (iy − ny)/(ny·p) from
//! there on, so that the Nyquist row of an even ny is negative.

use ndarray::Array2;
use thon_units::PixelSize;

use crate::CtfModel;
use crate::sine::sine;

/// The signed frequency index of row `iy` of a transform with `ny` rows.
///
/// ```
/// assert_eq!((0..6).map(|i| thon_ctf::frequency_of_row(i, 6)).collect::<Vec<_>>(), [0, 1, 2, -3, -2, -1]);
/// assert_eq!((0..5).map(|i| thon_ctf::frequency_of_row(i, 5)).collect::<Vec<_>>(), [0, 1, 2, -2, -1]);
/// ```
pub fn frequency_of_row(iy: usize, ny: usize) -> i64 {
    if iy < ny.div_ceil(2) {
        iy as i64
    } else {
        iy as i64 - ny as i64
    }
}

impl CtfModel {
    /// CTF along one row: `out[i] = CTF(i · step, ky)`, cycles/Å.
    pub fn fill_row(&self, out: &mut [f32], ky: f64, step: f64) {
        self.fill_row_from(out, 0, ky, step);
    }

    /// As [`Self::fill_row`] from column `first` on: `out[i] = CTF((first + i) · step, ky)`.
    pub fn fill_row_from(&self, out: &mut [f32], first: u32, ky: f64, step: f64) {
        let [xx, xy, yy] = self.quadratic;
        let squared_y = ky * ky;
        let start = self.constant + yy * squared_y;
        let linear = xy * ky;
        let quartic = self.quartic;
        for (i, value) in out.iter_mut().enumerate() {
            let kx = f64::from(first + i as u32) * step;
            let squared_x = kx * kx;
            let squared = squared_x + squared_y;
            let chi = start + xx * squared_x + linear * kx + quartic * squared * squared;
            *value = -sine(chi) as f32;
        }
    }

    /// CTF over the half spectrum of an `[ny, nx]` image, `out` in row-major order `[ny, nx/2 + 1]`; neither scale
    /// nor envelope is in it.
    ///
    /// # Panics
    /// When `out` does not hold `ny · (nx/2 + 1)` values.
    pub fn fill_half_spectrum(&self, out: &mut [f32], ny: usize, nx: usize, pixel_size: PixelSize) {
        let width = nx / 2 + 1;
        assert_eq!(
            out.len(),
            ny * width,
            "half spectrum of {ny} × {nx} has {} values",
            ny * width
        );
        let step = 1.0 / (nx as f64 * pixel_size.0);
        for (iy, row) in out.chunks_exact_mut(width).enumerate() {
            let ky = frequency_of_row(iy, ny) as f64 / (ny as f64 * pixel_size.0);
            self.fill_row(row, ky, step);
        }
    }

    /// As [`Self::fill_half_spectrum`], times the scale and the B factor envelope.
    ///
    /// # Panics
    /// When `out` does not hold `ny · (nx/2 + 1)` values.
    pub fn fill_half_spectrum_with_envelope(
        &self,
        out: &mut [f32],
        ny: usize,
        nx: usize,
        pixel_size: PixelSize,
    ) {
        self.fill_half_spectrum(out, ny, nx, pixel_size);
        let width = nx / 2 + 1;
        let step = 1.0 / (nx as f64 * pixel_size.0);
        let along_x: Vec<f32> = (0..width)
            .map(|ix| self.envelope(ix as f64 * step) as f32)
            .collect();
        for (iy, row) in out.chunks_exact_mut(width).enumerate() {
            let ky = frequency_of_row(iy, ny) as f64 / (ny as f64 * pixel_size.0);
            let factor = (self.scale() * self.envelope(ky)) as f32;
            for (value, envelope) in row.iter_mut().zip(&along_x) {
                *value *= factor * envelope;
            }
        }
    }

    /// The half spectrum as a new array `[ny, nx/2 + 1]`.
    pub fn half_spectrum(&self, ny: usize, nx: usize, pixel_size: PixelSize) -> Array2<f32> {
        let mut values = vec![0.0; ny * (nx / 2 + 1)];
        self.fill_half_spectrum(&mut values, ny, nx, pixel_size);
        Array2::from_shape_vec((ny, nx / 2 + 1), values).expect("length is ny · (nx/2 + 1)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_model::{Ctf, Optics};
    use thon_units::{Angstrom, Radians, SquareAngstrom};

    #[test]
    fn rows_equal_single_values() {
        let ctf = Ctf {
            defocus_u: Angstrom(32000.0),
            defocus_v: Angstrom(30500.0),
            defocus_angle: Radians(0.6),
            scale: 0.9,
            b_factor: SquareAngstrom(40.0),
            ..Ctf::round(Angstrom(0.0))
        };
        let model = CtfModel::new(&Optics::default(), &ctf);
        let (ny, nx, pixel_size) = (37, 48, PixelSize(1.35));
        let plain = model.half_spectrum(ny, nx, pixel_size);
        let mut full = vec![0.0; plain.len()];
        model.fill_half_spectrum_with_envelope(&mut full, ny, nx, pixel_size);
        for ((iy, ix), value) in plain.indexed_iter() {
            let ky = frequency_of_row(iy, ny) as f64 / (ny as f64 * 1.35);
            let kx = ix as f64 / (nx as f64 * 1.35);
            assert!((f64::from(*value) - model.value(kx, ky)).abs() < 1e-7);
            let with = f64::from(full[iy * (nx / 2 + 1) + ix]);
            assert!((with - model.amplitude(kx, ky)).abs() < 1e-6);
        }
    }
}

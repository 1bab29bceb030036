//! Fourier shell correlation of two volumes, ring correlation of two images.
//!
//! FSC(s) = Σ Re(A·B*) / √(Σ|A|²·Σ|B|²) over the coefficients of shell s (Harauz & van Heel 1986).

use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};

use super::{Counting, Shells};
use crate::fft::{Complex32, Fft3};

/// A correlation for every shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ShellCorrelation {
    /// Frequency of each shell, cycles per voxel: 0, 1/n, …, 0.5.
    pub frequency: Vec<f64>,
    /// Correlation in each shell, −1 to 1; 0 where a shell has no power.
    pub fsc: Vec<f64>,
    /// Fourier coefficients in each shell as they were counted: mirrored ones included (half as many are independent),
    /// unless [`Counting::Stored`] was asked for.
    pub count: Vec<u64>,
}

impl ShellCorrelation {
    /// The last shell before the curve first falls below `threshold` (RELION's rule), shell 0 not considered; a value
    /// that is not a number is below. The last
    /// shell of all when it never falls; 0 when shell 1 is already below.
    pub fn last_shell_above(&self, threshold: f64) -> usize {
        let shells = self.fsc.len();
        (1..shells)
            .find(|&shell| self.fsc[shell] < threshold || self.fsc[shell].is_nan())
            .map_or(shells.saturating_sub(1), |shell| shell - 1)
    }

    /// Resolution in Å at `threshold` by RELION's rule: voxel size over the frequency of [`Self::last_shell_above`].
    /// `None` when not even shell 1 reaches the threshold.
    pub fn resolution(&self, threshold: f64, voxel_size: f64) -> Option<f64> {
        let shell = self.last_shell_above(threshold);
        (shell > 0).then(|| voxel_size / self.frequency[shell])
    }

    /// Resolution in Å where the straight line between neighbouring shells crosses `threshold` for the first time.
    /// `None` when not even shell 1 reaches the threshold; the Nyquist resolution when the curve never falls below.
    pub fn interpolated_resolution(&self, threshold: f64, voxel_size: f64) -> Option<f64> {
        let shell = self.last_shell_above(threshold);
        if shell == 0 {
            return None;
        }
        let frequency = match (self.fsc.get(shell + 1), self.frequency.get(shell + 1)) {
            (Some(below), Some(next)) if !below.is_nan() => {
                let fraction = (self.fsc[shell] - threshold) / (self.fsc[shell] - below);
                self.frequency[shell] + fraction * (next - self.frequency[shell])
            }
            _ => self.frequency[shell],
        };
        Some(voxel_size / frequency)
    }
}

/// Fourier shell correlation of two volumes `[z, y, x]` of the same extents.
///
/// # Panics
/// When the extents differ.
pub fn fsc(a: &Array3<f32>, b: &Array3<f32>) -> ShellCorrelation {
    fsc_counting(a, b, Counting::Whole)
}

/// As [`fsc`], counting as told.
///
/// # Panics
/// When the extents differ.
pub fn fsc_counting(a: &Array3<f32>, b: &Array3<f32>, counting: Counting) -> ShellCorrelation {
    assert_eq!(a.shape(), b.shape(), "volumes to correlate");
    let (nz, ny, nx) = a.dim();
    let plan = Fft3::plan([nz, ny, nx]);
    fsc_of_spectra_counting(&plan.forward(a), &plan.forward(b), [nz, ny, nx], counting)
}

/// Fourier ring correlation of two images `[y, x]` of the same extents.
///
/// # Panics
/// When the extents differ.
pub fn frc(a: &Array2<f32>, b: &Array2<f32>) -> ShellCorrelation {
    fsc(
        &a.clone().insert_axis(Axis(0)),
        &b.clone().insert_axis(Axis(0)),
    )
}

/// Fourier shell correlation of two half spectra of fields of extents `dims`.
///
/// # Panics
/// When a spectrum does not have the extents of a half spectrum of `dims`.
pub fn fsc_of_spectra(
    a: &Array3<Complex32>,
    b: &Array3<Complex32>,
    dims: [usize; 3],
) -> ShellCorrelation {
    fsc_of_spectra_counting(a, b, dims, Counting::Whole)
}

/// As [`fsc_of_spectra`], counting as told.
///
/// # Panics
/// When a spectrum does not have the extents of a half spectrum of `dims`.
pub fn fsc_of_spectra_counting(
    a: &Array3<Complex32>,
    b: &Array3<Complex32>,
    dims: [usize; 3],
    counting: Counting,
) -> ShellCorrelation {
    let shells = Shells::new(dims).counting(counting);
    shells.check(b.shape());
    let sums = shells.sum(a, 4, |plane, [z, y, x], weight, sums| {
        let (a, b) = (plane[[y, x]], b[[z, y, x]]);
        let (ar, ai, br, bi) = (
            f64::from(a.re),
            f64::from(a.im),
            f64::from(b.re),
            f64::from(b.im),
        );
        sums[0] += weight * (ar * br + ai * bi);
        sums[1] += weight * (ar * ar + ai * ai);
        sums[2] += weight * (br * br + bi * bi);
        sums[3] += weight;
    });
    let correlation = |s: &[f64]| {
        let power = (s[1] * s[2]).sqrt();
        if power > 0.0 { s[0] / power } else { 0.0 }
    };
    ShellCorrelation {
        frequency: shells.frequencies(),
        fsc: sums.chunks(4).map(correlation).collect(),
        count: sums.chunks(4).map(|s| s[3] as u64).collect(),
    }
}

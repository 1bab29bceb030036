//! The Guinier curve, and the B factor from its slope.
//!
//! ln ⟨|F|⟩ against 1/d² falls with slope −B/4 when amplitudes fall as exp(−B k²/4) (Rosenthal & Henderson 2003).

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::{Counting, Shells};
use crate::fft::Complex32;

/// ln of the mean amplitude by shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GuinierCurve {
    /// Squared frequency of each shell, cycles²/Å².
    pub frequency_squared: Vec<f64>,
    /// ln ⟨|F|⟩ of each shell; −∞ is written as the most negative finite number where a shell is empty.
    pub log_amplitude: Vec<f64>,
}

/// A straight line fitted by least squares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LineFit {
    /// Slope; for a Guinier curve in Å², −B/4.
    pub slope: f64,
    /// Value at 0.
    pub intercept: f64,
    /// Pearson correlation of the fitted points.
    pub correlation: f64,
}

impl LineFit {
    /// The B factor in Å² by which the amplitudes fall, exp(−B k²/4): positive for a blurred map. Sharpening applies
    /// its negative.
    pub fn b_factor(&self) -> f64 {
        -4.0 * self.slope
    }
}

/// Guinier curve of the half spectrum of a field `dims` with voxels of `voxel_size` Å, shells counted as told.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn guinier_curve(
    spectrum: &Array3<Complex32>,
    dims: [usize; 3],
    voxel_size: f64,
    counting: Counting,
) -> GuinierCurve {
    let shells = Shells::new(dims).counting(counting);
    let sums = shells.sum(spectrum, 2, |plane, [_, y, x], weight, sums| {
        let value = plane[[y, x]];
        sums[0] += weight * f64::from(value.re).hypot(f64::from(value.im));
        sums[1] += weight;
    });
    GuinierCurve {
        frequency_squared: (0..shells.count())
            .map(|s| (shells.frequency(s) / voxel_size).powi(2))
            .collect(),
        log_amplitude: sums
            .chunks(2)
            .map(|s| (s[0] / s[1].max(1.0)).ln().max(f64::MIN))
            .collect(),
    }
}

impl GuinierCurve {
    /// The least-squares line through the shells between the resolutions `low` and `high` (Å, `low > high`).
    /// `None` with fewer than two shells between them.
    pub fn fit(&self, low: f64, high: f64) -> Option<LineFit> {
        let range = low.powi(-2)..=high.powi(-2);
        let inside = |&(x, y): &(f64, f64)| range.contains(&x) && y > f64::MIN;
        let points = self
            .frequency_squared
            .iter()
            .copied()
            .zip(self.log_amplitude.iter().copied());
        fit_line(&points.filter(inside).collect::<Vec<_>>())
    }
}

/// The least-squares line through `(x, y)` points; `None` with fewer than two distinct x.
pub fn fit_line(points: &[(f64, f64)]) -> Option<LineFit> {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let moment = |f: &dyn Fn(f64, f64) -> f64| {
        points
            .iter()
            .map(|p| f(p.0 - mean_x, p.1 - mean_y))
            .sum::<f64>()
    };
    let (xx, xy, yy) = (
        moment(&|x, _| x * x),
        moment(&|x, y| x * y),
        moment(&|_, y| y * y),
    );
    // `!(xx > 0)` also refuses an empty list, whose means are not numbers.
    if xx.is_nan() || xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let correlation = if yy > 0.0 { xy / (xx * yy).sqrt() } else { 1.0 };
    Some(LineFit {
        slope,
        intercept: mean_y - slope * mean_x,
        correlation,
    })
}

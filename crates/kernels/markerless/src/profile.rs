//! One number of the geometry at a time: the tilt axis, the extent of the specimen, tilt offset and pitch.
//!
//! Each trial value is given to all views, all displacements are solved for anew, and the log-likelihood is compared. The best value
//! is the vertex of the parabola through the highest three, its standard deviation 1/√(−curvature).

use thon_compute::{Progress, check};

use crate::MarkerlessError;
use crate::plane::Band;
use crate::precision::Amplitudes;
use crate::round::{Periods, Series};

/// Tilts that count as low, rad.
const LOW: f64 = 0.8;

/// A value found by comparing likelihoods.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The best value.
    pub best: f64,
    /// Its standard deviation as the curvature has it; infinite without a maximum inside the range.
    pub deviation: f64,
    /// Trial values with their log-likelihood, ascending.
    pub curve: Vec<(f64, f64)>,
    /// False when the best trial lies at an end of the range.
    pub inside: bool,
}

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    pub(crate) centre: f64,
    pub(crate) step: f64,
    /// Steps to each side.
    pub(crate) steps: usize,
    /// How often the step is divided by 3 around the best.
    pub(crate) refinements: usize,
}

impl Scan {
    /// `steps` to each side of what there is.
    pub(crate) fn around(step: f64, steps: usize, refinements: usize) -> Self {
        Self {
            centre: 0.0,
            step,
            steps,
            refinements,
        }
    }

    /// Evaluates `evidence` on the scan and ever finer around its maximum.
    pub(crate) fn run(
        self,
        mut evidence: impl FnMut(f64) -> Result<f64, MarkerlessError>,
    ) -> Result<Profile, MarkerlessError> {
        let mut curve: Vec<(f64, f64)> = Vec::new();
        let mut step = self.step;
        let count = self.steps as i32;
        for i in -count..=count {
            let value = self.centre + f64::from(i) * step;
            curve.push((value, evidence(value)?));
        }
        let top = |curve: &[(f64, f64)]| {
            curve
                .iter()
                .copied()
                .fold((self.centre, f64::NEG_INFINITY), |a, b| {
                    if b.1 > a.1 { b } else { a }
                })
        };
        // A maximum at an end is followed for as far again as the range was wide.
        for beyond in 1..=2 * count {
            let edge = f64::from(count + beyond - 1) * step;
            let at = top(&curve).0 - self.centre;
            if (at.abs() - edge).abs() > 1e-9 * step {
                break;
            }
            let value = self.centre + at + at.signum() * step;
            curve.push((value, evidence(value)?));
        }
        for _ in 0..self.refinements {
            step /= 3.0;
            let centre = top(&curve).0;
            for i in [-2, -1, 1, 2] {
                let value = centre + f64::from(i) * step;
                curve.push((value, evidence(value)?));
            }
        }
        curve.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(summit(curve))
    }
}

/// The vertex of a curve's highest place.
fn summit(curve: Vec<(f64, f64)>) -> Profile {
    let mut top = 0;
    for (i, point) in curve.iter().enumerate() {
        if point.1 > curve[top].1 {
            top = i;
        }
    }
    let inside = top > 0 && top + 1 < curve.len();
    let (mut best, mut deviation) = (curve[top].0, f64::INFINITY);
    if inside {
        let [(x0, y0), (x1, y1), (x2, y2)] = [curve[top - 1], curve[top], curve[top + 1]];
        let (left, right) = ((y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1));
        let bend = 2.0 * (right - left) / (x2 - x0);
        if bend < 0.0 {
            let slope = left + (right - left) * (x1 - x0) / (x2 - x0);
            best = (x1 - slope / bend).clamp(x0, x2);
            deviation = (-1.0 / bend).sqrt();
        }
    }
    Profile {
        best,
        deviation,
        curve,
        inside,
    }
}

/// The views at low tilt, which see all of the specimen's width, when there are enough of them.
fn low_tilts<'a>(
    series: &Series<'a>,
    known: Option<&Amplitudes>,
) -> (Series<'a>, Option<Amplitudes>) {
    let low: Vec<usize> = (0..series.views.len())
        .filter(|&i| series.geometry[i].tilt_angle.0.abs() < LOW)
        .collect();
    if low.len() < 9 {
        return (series.clone(), known.cloned());
    }
    let views = Series {
        views: low.iter().map(|&i| series.views[i]).collect(),
        geometry: low.iter().map(|&i| series.geometry[i]).collect(),
        specimen: series.specimen,
    };
    let amplitudes = known.map(|k| Amplitudes {
        shells: k.shells.clone(),
        views: low.iter().map(|&i| k.views[i]).collect(),
    });
    (views, amplitudes)
}

/// What may be asked of the likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Angle of the tilt axis of all views, added to what they have, rad.
    Axis,
    /// Added to all tilts, rad.
    TiltOffset,
    /// Added to all x-tilts, rad.
    Pitch,
    /// Factor on the extent of the specimen, as its logarithm.
    Extent,
}

impl Quantity {
    /// The series with the quantity changed by `value`.
    pub(crate) fn applied<'a>(self, series: &Series<'a>, value: f64) -> Series<'a> {
        let mut changed = series.clone();
        for geometry in &mut changed.geometry {
            match self {
                Self::Axis => geometry.tilt_axis_angle.0 += value,
                Self::TiltOffset => geometry.tilt_angle.0 += value,
                Self::Pitch => geometry.x_tilt.0 += value,
                Self::Extent => {}
            }
        }
        if self == Self::Extent {
            changed.specimen = series
                .specimen
                .of_extent(series.specimen.extent() * value.exp());
        }
        changed
    }

    /// The likelihood of the series around its present value.
    pub(crate) fn profile(
        self,
        series: &Series<'_>,
        periods: Periods,
        known: Option<&Amplitudes>,
        scan: Scan,
        progress: &dyn Progress,
    ) -> Result<Profile, MarkerlessError> {
        // The same window for all trials: likelihoods of other data cannot be compared.
        let band: Band = series.band(periods);
        if matches!(self, Self::TiltOffset | Self::Pitch) {
            let (low, known) = low_tilts(series, known);
            return scan.run(|value| {
                check(progress)?;
                let trial = self.applied(&low, value);
                Ok(trial.round(&band, known.as_ref(), 4)?.evidence)
            });
        }
        scan.run(|value| {
            check(progress)?;
            let trial = self.applied(series, value);
            Ok(trial.round(&band, known, 4)?.evidence)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_is_found_exactly() {
        let scan = Scan {
            centre: 0.0,
            step: 1.0,
            steps: 3,
            refinements: 2,
        };
        let profile = scan.run(|x| Ok(5.0 - 2.0 * (x - 0.7).powi(2))).unwrap();
        assert!((profile.best - 0.7).abs() < 1e-9 && profile.inside);
        assert!((profile.deviation - 0.5).abs() < 1e-9);
        let rising = scan.run(Ok).unwrap();
        assert!(!rising.inside || rising.best > 3.0);
    }
}

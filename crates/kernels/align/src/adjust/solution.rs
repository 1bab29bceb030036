//! What an adjustment found, and how far it can be trusted.

use glam::{DVec2, DVec3};
use thon_geometry::TiltGeometry;

/// Residuals and confidence of one view.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewReport {
    /// Observations with any weight.
    pub observations: usize,
    /// Observations that the robust loss switched off (weight below 0.05).
    pub outliers: usize,
    /// Mean length of the residuals of all observations, Å.
    pub mean_residual: f64,
    /// Weighted root mean square length of the residuals, Å.
    pub rms_residual: f64,
    /// Standard deviation of one measured coordinate that the weights assume, Å.
    pub noise: f64,
    /// Standard deviation of the tilt angle, radians; 0 when fixed.
    pub tilt_deviation: f64,
    /// Standard deviation of the axis angle, radians; 0 when fixed.
    pub rotation_deviation: f64,
    /// Standard deviation of the magnification; 0 when fixed.
    pub magnification_deviation: f64,
    /// Standard deviation of the shift, Å (one coordinate; the mean of both).
    pub shift_deviation: f64,
}

/// Result of [`super::adjust`].
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// Geometry of each view; `None` where nothing was observed.
    pub geometry: Vec<Option<TiltGeometry>>,
    /// Place of each track in the specimen, Å; `None` for tracks that were not used.
    pub points: Vec<Option<DVec3>>,
    /// Standard deviation of each place along x, y, z, Å.
    pub point_deviations: Vec<Option<DVec3>>,
    /// Covariance of the coordinates of the used points, `[3 points][3 points]`, row-major, Å²; empty unless it was asked for.
    pub point_covariance: Vec<f64>,
    /// Residual measured − predicted of each observation, Å, in the order of the tracks' points.
    pub residuals: Vec<Vec<DVec2>>,
    /// Robust weight 0–1 of each observation, likewise; 0 for those of unused tracks.
    pub weights: Vec<Vec<f64>>,
    /// One report per view.
    pub views: Vec<ViewReport>,
    /// Mean residual length of each track, Å; `None` for tracks that were not used.
    pub track_residuals: Vec<Option<f64>>,
    /// Mean length of the residuals of all observations used, Å.
    pub mean_residual: f64,
    /// Mean length of the residuals weighted by robust weight, Å.
    pub weighted_mean_residual: f64,
    /// Standard deviation of one measured coordinate, corrected for the number of unknowns, Å.
    pub noise: f64,
    /// Estimated or given spread of tilt, rotation, magnification, stretch, skew, thinning, x tilt, projection skew;
    /// `None` without prior.
    pub spreads: [Option<f64>; 8],
    /// Measured coordinates per unknown.
    pub redundancy: f64,
    /// Linear solves done.
    pub iterations: usize,
    /// The view whose shift and angles were the reference.
    pub reference_view: usize,
}

impl Solution {
    /// Observations switched off by the robust loss: (track, index in the track).
    pub fn outliers(&self) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        for (track, weights) in self.weights.iter().enumerate() {
            if self.points[track].is_some() {
                let off = |&(_, &weight): &(usize, &f64)| weight < super::weights::OFF;
                out.extend(
                    weights
                        .iter()
                        .enumerate()
                        .filter(off)
                        .map(|(k, _)| (track, k)),
                );
            }
        }
        out
    }
}

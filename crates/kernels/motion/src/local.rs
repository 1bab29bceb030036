//! Motion that differs over the field of view: low-order polynomials in x and y, each with few functions of time.
//!
//! The displacement of frame i at a place is `shift(i) + Σ_b Σ_h B_b(x, y) τ_h(i) a_bh` with x, y ∈ [−1, 1] over the detector,
//! B from {x, y, xy, x² − ⅓, y² − ⅓} (mean zero over the field, so that `shift` stays the mean motion) and τ the fast early
//! motion of vitreous ice, (1 − e^(−3u))/(1 − e^(−3)), and a steady one, u, with u from 0 to 1 through the movie.

use serde::{Deserialize, Serialize};
use thon_geometry::glam::DVec2;

/// How freely the motion may differ over the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalModel {
    /// Linear in x and y, one function of time: 4 parameters.
    Linear,
    /// Quadratic in x and y, one function of time: 10 parameters.
    Quadratic,
    /// Quadratic in x and y, two functions of time: 20 parameters.
    QuadraticTwoSpeeds,
}

impl LocalModel {
    /// From the stiffest to the freest.
    pub const ALL: [Self; 3] = [Self::Linear, Self::Quadratic, Self::QuadraticTwoSpeeds];

    fn spatial(self) -> usize {
        if self == Self::Linear { 2 } else { 5 }
    }

    fn temporal(self) -> usize {
        if self == Self::QuadraticTwoSpeeds {
            2
        } else {
            1
        }
    }

    /// Number of coefficients along each axis.
    pub fn terms(self) -> usize {
        self.spatial() * self.temporal()
    }

    /// All B_b · τ_h at a place (x, y ∈ [−1, 1]) and a time (already centred functions).
    pub(crate) fn values(self, place: DVec2, times: [f64; 2]) -> impl Iterator<Item = f64> {
        let DVec2 { x, y } = place;
        let spatial = [x, y, x * y, x * x - 1.0 / 3.0, y * y - 1.0 / 3.0];
        let (count, speeds) = (self.spatial(), self.temporal());
        (0..speeds).flat_map(move |h| (0..count).map(move |b| spatial[b] * times[h]))
    }
}

/// The two functions of time at each of the times `u`, with mean zero over them.
pub(crate) fn time_functions(times: &[f64]) -> Vec<[f64; 2]> {
    let raw = |u: f64| [(1.0 - (-3.0 * u).exp()) / (1.0 - (-3.0_f64).exp()), u];
    let count = times.len().max(1) as f64;
    let mut means = [0.0; 2];
    for u in times {
        let values = raw(*u);
        means = [means[0] + values[0] / count, means[1] + values[1] / count];
    }
    times
        .iter()
        .map(|u| raw(*u))
        .map(|v| [v[0] - means[0], v[1] - means[1]])
        .collect()
}

/// A place on a detector of `size` = `[ny, nx]` pixels as x, y ∈ [−1, 1].
pub(crate) fn normalised(pixel: DVec2, [ny, nx]: [usize; 2]) -> DVec2 {
    let half = DVec2::new(nx as f64, ny as f64) * 0.5;
    (pixel + DVec2::splat(0.5)) / half - DVec2::ONE
}

/// Local motion that was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalMotion {
    /// Its form.
    pub model: LocalModel,
    /// Coefficients (x, y) in pixels, all B of the first τ, then those of the second.
    pub coefficients: Vec<DVec2>,
    /// The centred functions of time of each frame.
    pub times: Vec<[f64; 2]>,
}

impl LocalMotion {
    /// Displacement of frame `frame` at a place x, y ∈ [−1, 1] beyond that of the whole field, pixels.
    pub fn at(&self, frame: usize, place: DVec2) -> DVec2 {
        let values = self.model.values(place, self.times[frame]);
        values
            .zip(&self.coefficients)
            .map(|(value, a)| *a * value)
            .sum()
    }
}

/// How a local model did on tiles that it was not fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The model.
    pub model: LocalModel,
    /// Gain of the logarithm of the likelihood over global motion, on tiles left out of the fit.
    pub gain: f64,
    /// Mean gain of a tile over its standard error.
    pub z: f64,
}

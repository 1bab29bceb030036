//! How well the rings of a view fit: profile, score, significance, and the resolution to which they are seen.

use crate::PolarGrid;
use crate::rings::{Envelope, ring, window_gain};
use crate::sector_table::SectorTable;
use crate::series::{Setting, Work};
use crate::smooth_basis::SmoothBasis;
use crate::stretch::equal_phase;
use crate::view_fit::Estimate;

/// Local correlation below which rings count as lost.
const LOST: f64 = 0.5;
/// Rings of the spectrum a window of the local correlation holds at least.
const WINDOW: usize = 9;

/// What speaks for the fit of one view.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// Correlation of the profile with the fitted rings over the whole band, −1 to 1.
    pub score: f64,
    /// Log-likelihood of the rings against none.
    pub log_likelihood: f64,
    /// Resolution to which rings correlate locally by more than ½, Å; infinite when nowhere.
    pub resolution: f64,
    /// Fitted strength of the rings relative to the background, at k = 0.
    pub strength: f64,
    /// Least deviation of defocus for rings of this strength, Å ([`crate::defocus_bound`], over the rings that were measured);
    /// infinite without rings.
    pub bound: f64,
    /// The profile along rings of equal phase.
    pub profile: Profile,
}

impl Quality {
    /// Rings are there beyond what noise shows by chance among all values of defocus that are tried.
    pub fn has_rings(&self) -> bool {
        self.log_likelihood > 10.0
    }
}

/// A spectrum averaged along rings of equal phase, relative to its background; tilt and astigmatism are taken out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Spatial frequency, cycles/Å.
    pub frequencies: Vec<f64>,
    /// Power over background, less one, smooth part taken out.
    pub rings: Vec<f64>,
    /// The fitted model of it.
    pub fit: Vec<f64>,
    /// Local correlation of both.
    pub correlation: Vec<f64>,
}

/// Judges the fit of one view.
pub(crate) fn judge(
    work: &Work<'_>,
    setting: &Setting<'_>,
    envelope: &Envelope,
    estimate: &Estimate,
    (heights, table): (&[f64], &SectorTable),
) -> Quality {
    let grid = setting.grid;
    let at = (estimate.defocus, estimate.astigmatism);
    let (excess, modes) = equal_phase(&work.white, grid, &setting.optics, at, heights);
    let model: Vec<f64> = grid
        .frequencies
        .iter()
        .map(|k| {
            let strength = envelope.value(*k, setting.optics.wavelength);
            strength * ring(&setting.optics, *k, grid.width, estimate.defocus)
        })
        .collect();
    let strength = table.strength(estimate.defocus, estimate.astigmatism);
    let profile = profile(
        grid,
        (&excess, &modes),
        &model,
        strength,
        work.white.freedom,
    );
    Quality {
        score: correlation(&profile.rings, &profile.fit, &modes),
        log_likelihood: estimate.log_likelihood,
        resolution: resolution(&profile),
        strength,
        bound: bound_of(work, setting, envelope, (strength, estimate.defocus)),
        profile,
    }
}

/// Least deviation of defocus for rings of a strength: 1/√(Σ n ½ (2πλk² · 2a)²), a the amplitude of −½ cos 2χ in each ring.
fn bound_of(
    work: &Work<'_>,
    setting: &Setting<'_>,
    envelope: &Envelope,
    (strength, defocus): (f64, f64),
) -> f64 {
    let (grid, optics) = (setting.grid, &setting.optics);
    let tiles: f64 = work.white.weights.iter().sum();
    let rings = grid.frequencies.iter().zip(grid.ring_modes());
    let information: f64 = rings
        .map(|(k, modes)| {
            let slope = 2.0 * std::f64::consts::PI * optics.wavelength * k * k;
            let amplitude = strength * envelope.value(*k, optics.wavelength);
            let gain = window_gain(optics.lag(*k, defocus), work.white.window);
            0.5 * tiles * modes * gain * (slope * amplitude).powi(2)
        })
        .sum();
    information.sqrt().recip()
}

/// Profile and model without what a smooth background can express.
fn profile(
    grid: &PolarGrid,
    (excess, modes): (&[f64], &[f64]),
    model: &[f64],
    strength: f64,
    freedom: usize,
) -> Profile {
    let weights: Vec<f64> = modes.iter().map(|n| n.max(1e-6)).collect();
    let basis = SmoothBasis::new(&grid.frequencies, &weights, freedom);
    let mut rings: Vec<f64> = excess.iter().zip(&weights).map(|(e, n)| e / n).collect();
    let mut fit: Vec<f64> = model.iter().map(|m| m * strength).collect();
    basis.remove(&mut rings);
    basis.remove(&mut fit);
    let correlation = local_correlation(&rings, &fit, &weights, model);
    Profile {
        frequencies: grid.frequencies.clone(),
        rings,
        fit,
        correlation,
    }
}

pub(crate) fn correlation(a: &[f64], b: &[f64], weights: &[f64]) -> f64 {
    let sum = |f: &dyn Fn(usize) -> f64| (0..a.len()).map(f).sum::<f64>();
    let product = sum(&|i| weights[i] * a[i] * b[i]);
    let norm = sum(&|i| weights[i] * a[i] * a[i]) * sum(&|i| weights[i] * b[i] * b[i]);
    if norm > 0.0 {
        product / norm.sqrt()
    } else {
        0.0
    }
}

/// Correlation in windows that hold at least one and a half periods of the rings, as the changes of sign of the model say.
fn local_correlation(rings: &[f64], fit: &[f64], weights: &[f64], model: &[f64]) -> Vec<f64> {
    let count = rings.len();
    let changes: Vec<usize> = (1..count)
        .filter(|i| (model[*i] > 0.0) != (model[i - 1] > 0.0))
        .collect();
    (0..count)
        .map(|i| {
            let next = changes.partition_point(|c| *c <= i);
            let before = if next >= 2 { changes[next - 2] } else { 0 };
            let after = changes.get(next + 1).copied().unwrap_or(count);
            let half = WINDOW / 2;
            let from = before.min(i.saturating_sub(half));
            let to = after.max(i + half + 1).min(count);
            correlation(&rings[from..to], &fit[from..to], &weights[from..to])
        })
        .collect()
}

/// The frequency before the local correlation falls below one half for three rings in a row, from its first good place.
fn resolution(profile: &Profile) -> f64 {
    let good: Vec<bool> = profile.correlation.iter().map(|c| *c > LOST).collect();
    let Some(first) =
        (0..good.len().saturating_sub(2)).find(|i| good[*i] && good[i + 1] && good[i + 2])
    else {
        return f64::INFINITY;
    };
    let lost = (first..good.len()).find(|i| good[*i..(*i + 3).min(good.len())].iter().all(|g| !g));
    let last = lost.unwrap_or(good.len()) - 1;
    1.0 / profile.frequencies[last]
}

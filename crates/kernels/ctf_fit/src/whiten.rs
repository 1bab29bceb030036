//! Tile spectra without their background: what is left fluctuates about zero with known variance, plus Thon rings.
//!
//! The background of a view is a smooth function of frequency fitted to the logarithm of the mean spectrum; every tile has
//! its own level. E = P / (level · background) − 1. The variance of E is 1 / (independent coefficients), so that sums weighted
//! by coefficients are log-likelihoods (Whittle's approximation for weak rings).
//!
//! Rings so strong that the model, not the noise, limits the comparison (the first ring of crowded protein) weigh less: the
//! model is trusted to a share τ of the rings, so that each ring counts 1 / (1 + τ² n A²), A its local amplitude.

use crate::smooth_basis::SmoothBasis;
use crate::{PolarGrid, TileSpectra};

/// Splines of the logarithmic background.
const BACKGROUND: usize = 8;
/// Splines that the background of each tile and sector may hold in addition.
const FREEDOM: usize = 6;
/// Robust deviations in log level from which on a tile is unlike the others.
const ODD_TILE: f64 = 5.0;

/// Rings on each side over which the local amplitude is averaged.
const NEIGHBOURS: usize = 6;

/// A view's spectra ready for comparison with rings.
#[derive(Clone, Debug)]
pub(crate) struct Whitened {
    /// Coefficients × ring weight × tile weight × E / redundancy, `[tile][sector][ring]`.
    pub(crate) excess: Vec<f32>,
    /// Weight of each tile / redundancy.
    pub(crate) weights: Vec<f64>,
    /// Splines that the background of each tile and sector may still hold; 1 for a constant.
    pub(crate) freedom: usize,
    /// Weight of each ring, 0 to 1.
    pub(crate) ring_weights: Vec<f64>,
    /// Length of the tiles' windows, Å; 0 for none.
    pub(crate) window: f64,
    /// Mean spectrum over tiles and sectors, `[ring]`.
    pub(crate) mean: Vec<f64>,
    /// Its smooth background, `[ring]`.
    pub(crate) background: Vec<f64>,
}

/// Whitens the spectra of one view; `None` when no tile can be used.
pub(crate) fn whiten(spectra: &TileSpectra, grid: &PolarGrid, trust: f64) -> Option<Whitened> {
    let size = grid.len();
    let modes = grid.ring_modes();
    let used: Vec<bool> = spectra
        .power
        .chunks_exact(size)
        .zip(&spectra.weights)
        .map(|(tile, weight)| {
            *weight > 0.0 && tile.iter().all(|v| v.is_finite()) && tile.iter().any(|v| *v > 0.0)
        })
        .collect();
    let first = mean_spectrum(spectra, grid, &used, None)?;
    let splines = if spectra.flat {
        1
    } else {
        BACKGROUND.min(grid.rings() / 2)
    };
    let background = smooth_logarithm(&first, &grid.frequencies, &modes, splines)?;
    let levels = levels(spectra, grid, &background);
    let weights = weights(spectra, &used, &levels);
    if weights.iter().all(|w| *w <= 0.0) {
        return None;
    }
    let kept: Vec<bool> = weights.iter().map(|w| *w > 0.0).collect();
    let mean = mean_spectrum(spectra, grid, &kept, Some(&levels))?;
    let background = smooth_logarithm(&mean, &grid.frequencies, &modes, splines)?;
    let ring_weights = ring_weights(
        &mean,
        &background,
        &modes,
        (weights.iter().sum::<f64>(), trust),
    );
    let mut excess = vec![0.0f32; spectra.power.len()];
    for (tile, out) in excess.chunks_exact_mut(size).enumerate() {
        if weights[tile] <= 0.0 {
            continue;
        }
        let power = &spectra.power[tile * size..(tile + 1) * size];
        for (place, out) in out.iter_mut().enumerate() {
            let ring = place % grid.rings();
            let relative = f64::from(power[place]) / (levels[tile] * background[ring]) - 1.0;
            *out = (weights[tile] * ring_weights[ring] * f64::from(grid.modes[place]) * relative)
                as f32;
        }
    }
    Some(Whitened {
        excess,
        weights,
        freedom: if spectra.flat {
            1
        } else {
            FREEDOM.min(grid.rings() / 4).max(4)
        },
        ring_weights,
        window: spectra.window,
        mean,
        background,
    })
}

/// How much each ring counts; `tiles` is the sum of the tiles' weights, `trust` the share τ.
fn ring_weights(
    mean: &[f64],
    background: &[f64],
    modes: &[f64],
    (tiles, trust): (f64, f64),
) -> Vec<f64> {
    // Squares of what is neither background nor noise.
    let squares: Vec<f64> = mean
        .iter()
        .zip(background)
        .zip(modes)
        .map(|((m, b), modes)| (m / b - 1.0).powi(2) - 1.0 / (modes * tiles))
        .collect();
    (0..mean.len())
        .map(|ring| {
            let range = ring.saturating_sub(NEIGHBOURS)..(ring + NEIGHBOURS + 1).min(squares.len());
            let count = range.len() as f64;
            let amplitude = (2.0 * squares[range].iter().sum::<f64>() / count).max(0.0);
            1.0 / (1.0 + trust * trust * tiles * modes[ring] * amplitude)
        })
        .collect()
}

/// Mean over used tiles (each divided by its level) and sectors.
fn mean_spectrum(
    spectra: &TileSpectra,
    grid: &PolarGrid,
    used: &[bool],
    levels: Option<&[f64]>,
) -> Option<Vec<f64>> {
    let mut sums = vec![0.0; grid.rings()];
    let mut total = 0.0;
    for (tile, power) in spectra.power.chunks_exact(grid.len()).enumerate() {
        if !used[tile] {
            continue;
        }
        let factor = f64::from(spectra.weights[tile]) / levels.map_or(1.0, |l| l[tile]);
        total += f64::from(spectra.weights[tile]);
        for (place, value) in power.iter().enumerate() {
            sums[place % grid.rings()] += factor * f64::from(*value) * f64::from(grid.modes[place]);
        }
    }
    let modes = grid.ring_modes();
    let mean: Vec<f64> = sums
        .iter()
        .zip(&modes)
        .map(|(s, n)| s / (n * total))
        .collect();
    mean.iter()
        .all(|v| v.is_finite() && *v > 0.0)
        .then_some(mean)
}

/// exp of the smooth part of the logarithm; the mean of what it leaves is one.
fn smooth_logarithm(
    mean: &[f64],
    frequencies: &[f64],
    modes: &[f64],
    splines: usize,
) -> Option<Vec<f64>> {
    // Rings count alike: the steep low frequencies must be followed too.
    let even = vec![1.0; mean.len()];
    let basis = SmoothBasis::new(frequencies, &even, splines);
    let logarithm: Vec<f64> = mean.iter().map(|v| v.ln()).collect();
    let smooth: Vec<f64> = basis.smooth(&logarithm).iter().map(|v| v.exp()).collect();
    let (mut ratio, mut total) = (0.0, 0.0);
    for ((mean, smooth), modes) in mean.iter().zip(&smooth).zip(modes) {
        ratio += modes * mean / smooth;
        total += modes;
    }
    let scale = ratio / total;
    let out: Vec<f64> = smooth.iter().map(|v| v * scale).collect();
    out.iter().all(|v| v.is_finite() && *v > 0.0).then_some(out)
}

/// Mean ratio of each tile to the background.
fn levels(spectra: &TileSpectra, grid: &PolarGrid, background: &[f64]) -> Vec<f64> {
    let total: f64 = grid.modes.iter().map(|n| f64::from(*n)).sum();
    let level = |power: &[f32]| {
        let sum: f64 = power
            .iter()
            .enumerate()
            .map(|(place, value)| {
                f64::from(grid.modes[place]) * f64::from(*value) / background[place % grid.rings()]
            })
            .sum();
        sum / total
    };
    spectra.power.chunks_exact(grid.len()).map(level).collect()
}

fn weights(spectra: &TileSpectra, used: &[bool], levels: &[f64]) -> Vec<f64> {
    let logs: Vec<f32> = (0..levels.len())
        .filter(|i| used[*i] && levels[*i] > 0.0)
        .map(|i| levels[i].ln() as f32)
        .collect();
    let (middle, spread) =
        thon_signal::statistics::median_and_robust_deviation(&logs).unwrap_or((0.0, 0.0));
    let limit = ODD_TILE * f64::from(spread).max(0.02);
    (0..levels.len())
        .map(|i| {
            let alike = levels[i] > 0.0 && (levels[i].ln() - f64::from(middle)).abs() <= limit;
            if used[i] && alike {
                f64::from(spectra.weights[i]) / spectra.redundancy
            } else {
                0.0
            }
        })
        .collect()
}

//! Noise of the views and robust weights of the observations (Huber, Tukey), from residual lengths.

use super::options::{Robust, ViewNoise};

/// Below this weight an observation counts as switched off.
pub(super) const OFF: f64 = 0.05;
/// Median of the length of a 2D normal vector of unit deviation: √(2 ln 2).
const MEDIAN_LENGTH: f64 = 1.177_410_022_515_474_7;
/// Strength with which a view's own noise is drawn towards that of all views, in observations.
const DRAW: f64 = 12.0;

/// Weight of an observation whose residual is `length` deviations long.
pub(super) fn robust_weight(robust: Robust, length: f64) -> f64 {
    match robust {
        Robust::None => 1.0,
        Robust::Huber(k) => {
            if length <= k {
                1.0
            } else {
                k / length
            }
        }
        Robust::Tukey(k) => {
            let ratio = length / k;
            if ratio >= 1.0 {
                0.0
            } else {
                (1.0 - ratio * ratio).powi(2)
            }
        }
    }
}

/// Standard deviation of one coordinate on each view from `lengths[view]`, the residual lengths scaled by √weight.
///
/// `excess`: factor for the freedom the unknowns took, √(measurements / (measurements − unknowns)).
pub(super) fn view_noise(
    lengths: &[Vec<f64>],
    kind: ViewNoise,
    robust: Robust,
    excess: f64,
) -> Vec<f64> {
    let all: Vec<f64> = lengths.iter().flatten().copied().collect();
    let deviation = |values: &[f64]| {
        if robust == Robust::None {
            let sum: f64 = values.iter().map(|v| v * v).sum();
            (sum / (2 * values.len()).max(1) as f64).sqrt()
        } else {
            median(values) / MEDIAN_LENGTH
        }
    };
    let common = (deviation(&all) * excess).max(1e-9);
    lengths
        .iter()
        .map(|own| {
            if kind == ViewNoise::Equal || own.is_empty() {
                return common;
            }
            let (n, own) = (own.len() as f64, deviation(own) * excess);
            ((n * own * own + DRAW * common * common) / (n + DRAW)).sqrt()
        })
        .collect()
}

/// Median; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

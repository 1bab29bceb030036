//! The hypothesis that a particle shows nothing, against all of its modes.

use thon_likelihood::{Mode, Posterior};

/// The posterior with one more mode for an empty particle, by evidence (Laplace's approximation).
pub(super) fn or_empty(
    shown: Posterior,
    class: u32,
    (empty, normalisation): (f64, f64),
) -> Posterior {
    let best = shown.best();
    // All modes together: the evidence of the best over its share.
    let evidence = best.log_posterior + 0.5 * log_volume(&best.covariance) + normalisation
        - best.weight.max(1e-9).ln();
    let odds = (empty - evidence).exp();
    let share = if odds.is_finite() {
        odds / (1.0 + odds)
    } else {
        1.0
    };
    let mode = Mode {
        class,
        log_posterior: empty,
        weight: share,
        ..best.clone()
    };
    let mut modes = shown.modes;
    for mode in &mut modes {
        mode.weight *= 1.0 - share;
    }
    if share >= 1e-3 {
        modes.push(mode);
        modes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    }
    Posterior { modes }
}

/// ln det 2πΣ; of a covariance that is not positive definite, the lowest that matters.
fn log_volume(covariance: &[[f64; 6]; 6]) -> f64 {
    let mut left = *covariance;
    let mut sum = 6.0 * std::f64::consts::TAU.ln();
    for k in 0..6 {
        let pivot = left[k][k].max(1e-30);
        sum += pivot.ln();
        for i in k + 1..6 {
            let factor = left[i][k] / pivot;
            let row = left[k];
            for (value, above) in left[i].iter_mut().zip(row).skip(k + 1) {
                *value -= factor * above;
            }
        }
    }
    sum
}

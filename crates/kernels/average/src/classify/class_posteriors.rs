//! Posteriors of classes from likelihoods, their shares, and random ones to begin with.

use rand_distr::{Distribution, Gamma};
use thon_compute::seed_stream;

use super::expectation_maximisation::EmOptions;

/// How much less the empty class has at random starts.
const EMPTY_AT_FIRST: f64 = 0.02;

/// Mean posterior of each class, at least one thousandth of a particle.
pub(super) fn shares(posteriors: &[f32], classes: usize) -> Vec<f64> {
    let count = posteriors.len() / classes;
    (0..classes)
        .map(|class| {
            let of_class = posteriors.iter().skip(class).step_by(classes);
            let sum: f64 = of_class.map(|p| f64::from(*p)).sum();
            sum.max(1e-3) / count as f64
        })
        .collect()
}

/// Posteriors ∝ share · exp(β LL); the sum of ln Σ share · exp(LL).
pub(super) fn soften(
    likelihoods: &[f32],
    shares: &[f64],
    beta: f64,
    posteriors: &mut [f32],
) -> f64 {
    let classes = shares.len();
    let mut total = 0.0;
    let rows = likelihoods
        .chunks(classes)
        .zip(posteriors.chunks_mut(classes));
    for (row, out) in rows {
        let log_sum = |beta: f64, out: Option<&mut [f32]>| {
            let terms: Vec<f64> = row
                .iter()
                .zip(shares)
                .map(|(l, share)| beta * f64::from(*l) + share.ln())
                .collect();
            let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = terms.iter().map(|t| (t - top).exp()).sum();
            if let Some(out) = out {
                for (p, t) in out.iter_mut().zip(&terms) {
                    *p = ((t - top).exp() / sum) as f32;
                }
            }
            top + sum.ln()
        };
        log_sum(beta, Some(out));
        total += log_sum(1.0, None);
    }
    total
}

/// Dirichlet(½) rows.
pub(super) fn random_posteriors(count: usize, options: &EmOptions, restart: usize) -> Vec<f32> {
    let mut random = seed_stream(options.seed, "classes/restart", restart as u64);
    let gamma = Gamma::new(0.5, 1.0).expect("a valid shape");
    let mut posteriors = Vec::with_capacity(count * options.classes);
    for _ in 0..count {
        let mut row: Vec<f64> = (0..options.columns())
            .map(|_| gamma.sample(&mut random) + 1e-12)
            .collect();
        for empty in &mut row[options.classes..] {
            *empty *= EMPTY_AT_FIRST;
        }
        let sum: f64 = row.iter().sum();
        posteriors.extend(row.iter().map(|v| (v / sum) as f32));
    }
    posteriors
}

//! From candidates to a posterior: polish, merge, let the modes compete by their evidence.
//!
//! All candidates are polished over a low band, where they cost little and capture ranges are wide; those that end in
//! one place are one. The ones within a margin of the best by Laplace's evidence are polished over the full band, merged
//! again, and weighted by exp(log posterior + ½ ln det 2πΣ).

use crate::polish::{PolishOptions, Polished, mahalanobis, polish};
use crate::prior::rotation_vector;
use crate::{Candidate, Mode, Placement, Posterior, Prior, Reference, Whitened};

/// How a posterior is sought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PosteriorOptions {
    /// Band of the first polishing; the full band or more: no first polishing.
    pub low_band: usize,
    /// Full band.
    pub band: usize,
    /// Modes this many nats below the best by evidence over the low band are given up.
    pub margin: f64,
    /// Modes polished over the full band, at most.
    pub polished_modes: usize,
    /// Modes kept, at most.
    pub modes: usize,
    /// Modes with a smaller share of the posterior are left out.
    pub least_weight: f64,
    /// When polishing ends.
    pub polish: PolishOptions,
}

impl PosteriorOptions {
    /// Low band first, then full.
    pub fn bands(low_band: usize, band: usize) -> Self {
        Self {
            low_band,
            band,
            margin: 12.0,
            polished_modes: 4,
            modes: 4,
            least_weight: 1e-3,
            polish: PolishOptions::default(),
        }
    }
}

/// The posterior of a particle over placements and classes, from candidates near its modes.
///
/// `references` are the classes. At least one candidate, each of a class that there is.
///
/// # Panics
/// Without candidates, or for a class without a reference.
pub fn posterior(
    references: &[Reference],
    particle: &Whitened,
    candidates: &[Candidate],
    prior: &Prior,
    options: &PosteriorOptions,
) -> Posterior {
    assert!(!candidates.is_empty(), "a posterior needs candidates");
    let run = |class: u32, start: &Placement, band: usize, polishing: &PolishOptions| {
        let reference = &references[class as usize];
        (
            class,
            polish(reference, particle, start, band, prior, polishing),
        )
    };
    let mut starts: Vec<Candidate> = candidates.to_vec();
    let rough = PolishOptions {
        tolerance: options.polish.tolerance.max(0.2),
        ..options.polish
    };
    if options.low_band < options.band && candidates.len() > 1 {
        let low = candidates.iter();
        let low = low.map(|c| run(c.class, &c.placement, options.low_band, &rough));
        let mut low: Vec<(u32, Polished)> = low.collect();
        rank(&mut low, prior);
        distinct(&mut low);
        let best = evidence(&low[0], prior);
        low.retain(|found| evidence(found, prior) >= best - options.margin);
        low.truncate(options.polished_modes.max(1));
        let kept = low.iter();
        starts = kept
            .map(|(class, found)| Candidate {
                class: *class,
                placement: found.placement,
            })
            .collect();
    }
    for band in between(options.low_band, options.band) {
        for start in &mut starts {
            start.placement = run(start.class, &start.placement, band, &rough).1.placement;
        }
    }
    let full = starts.iter();
    let full = full.map(|c| run(c.class, &c.placement, options.band, &options.polish));
    let mut full: Vec<(u32, Polished)> = full.collect();
    rank(&mut full, prior);
    distinct(&mut full);
    weigh(&full, prior, options)
}

/// Bands on the way from a low to the full one, each at most twice the one before.
fn between(low: usize, full: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(2 * low.max(1)), |band| Some(2 * band))
        .take_while(move |band| 4 * band < 3 * full)
}

fn evidence((class, found): &(u32, Polished), prior: &Prior) -> f64 {
    found.log_evidence() + prior.of_class(*class)
}

/// Heaviest first.
fn rank(found: &mut [(u32, Polished)], prior: &Prior) {
    found.sort_by(|a, b| evidence(b, prior).total_cmp(&evidence(a, prior)));
}

/// Keeps of those that ended in one place the first. One place: within one and a half standard deviations (root mean
/// square over the six directions), or 0.01 rad and 0.05 voxels.
fn distinct(found: &mut Vec<(u32, Polished)>) {
    let mut kept: Vec<(u32, Polished)> = Vec::with_capacity(found.len());
    for (class, candidate) in found.drain(..) {
        let same = |(other, mode): &(u32, Polished)| {
            let away = difference(&candidate.placement, &mode.placement);
            let turn = away[..3].iter().map(|v| v * v).sum::<f64>().sqrt();
            let shift = away[3..].iter().map(|v| v * v).sum::<f64>().sqrt();
            let close = mahalanobis(&mode.information, &away) < 6.0 * 1.5_f64.powi(2);
            *other == class && (close || (turn < 0.01 && shift < 0.05))
        };
        if !kept.iter().any(same) {
            kept.push((class, candidate));
        }
    }
    *found = kept;
}

/// (ω, t) that moves one placement to another.
pub(crate) fn difference(to: &Placement, from: &Placement) -> [f64; 6] {
    let turn = rotation_vector(to.rotation * from.rotation.conjugate());
    let shift = to.shift - from.shift;
    [turn.x, turn.y, turn.z, shift.x, shift.y, shift.z]
}

fn weigh(found: &[(u32, Polished)], prior: &Prior, options: &PosteriorOptions) -> Posterior {
    let best = evidence(&found[0], prior);
    let share = |f: &(u32, Polished)| (evidence(f, prior) - best).exp();
    let kept: Vec<&(u32, Polished)> = found
        .iter()
        .take(options.modes.max(1))
        .filter(|f| share(f) >= options.least_weight)
        .collect();
    let total: f64 = kept.iter().map(|f| share(f)).sum();
    let modes = kept.iter().map(|f| Mode {
        placement: f.1.placement,
        class: f.0,
        log_posterior: f.1.log_posterior + prior.of_class(f.0),
        covariance: f.1.covariance,
        weight: share(f) / total,
    });
    Posterior {
        modes: modes.collect(),
    }
}

#[cfg(test)]
mod tests;

//! All blocks of an iteration into the next state.

use thon_likelihood::{Posterior, angle_between};

use super::block::{BlockResult, ParticleRow};
use super::maximise::{Maximised, maximise};
use super::schedule::advance;
use crate::report::{IterationReport, Search};
use crate::state::Task;
use crate::{AverageError, State};

/// What all blocks hold together.
pub(crate) struct Joined {
    pub(crate) rows: Vec<ParticleRow>,
    pub(crate) posteriors: Vec<Posterior>,
    pub(crate) sums: Vec<thon_reconstruct::ExpectedSums>,
}

/// Joins blocks, which may come in any order.
pub(crate) fn join(state: &State, mut blocks: Vec<BlockResult>) -> Result<Joined, AverageError> {
    blocks.sort_by_key(|block| block.first);
    let mut blocks = blocks.into_iter();
    let wrong = |expected: usize, found: usize| AverageError::Blocks { expected, found };
    let Some(first) = blocks.next() else {
        return Err(wrong(0, state.head.particles));
    };
    if first.first != 0 {
        return Err(wrong(0, first.first));
    }
    if first.sums.len() != state.maps() {
        return Err(AverageError::Count {
            what: "maps of a block",
            expected: state.maps(),
            found: first.sums.len(),
        });
    }
    let mut joined = Joined {
        rows: first.rows,
        posteriors: first.posteriors,
        sums: first.sums,
    };
    for block in blocks {
        if block.first != joined.rows.len() {
            return Err(wrong(joined.rows.len(), block.first));
        }
        joined.rows.extend(block.rows);
        joined.posteriors.extend(block.posteriors);
        if block.sums.len() != joined.sums.len() {
            return Err(AverageError::Count {
                what: "maps of a block",
                expected: joined.sums.len(),
                found: block.sums.len(),
            });
        }
        for (sums, more) in joined.sums.iter_mut().zip(&block.sums) {
            sums.add(more)?;
        }
    }
    if joined.rows.len() != state.head.particles {
        return Err(wrong(joined.rows.len(), state.head.particles));
    }
    Ok(joined)
}

/// The next state.
///
/// # Errors
/// [`AverageError::Blocks`] when blocks do not cover every particle once; [`AverageError::NothingSummed`].
pub fn reduce(state: &State, blocks: Vec<BlockResult>) -> Result<State, AverageError> {
    let Joined {
        rows,
        posteriors,
        sums,
    } = join(state, blocks)?;
    let made = maximise(state, sums)?;
    let fresh = state.posteriors.is_empty() || state.references.is_empty();
    let offset_sigma = offset_sigma(state, &posteriors);
    let class_shares = class_shares(state, &posteriors);
    let rescale = !state.references.is_empty() && state.head.search != Search::Fixed;
    let fixed_noise = matches!(&state.head.task, Task::Classify(o) if !o.refine_noise);
    let weighting = if fixed_noise || state.references.is_empty() {
        state.weighting.clone()
    } else {
        state.weighting.updated(&rows, rescale)
    };
    let mut report = report(state, &made, &posteriors, &rows);
    report.offset_sigma = offset_sigma * state.head.voxel_size;
    report.class_shares.clone_from(&class_shares);
    let scales = weighting.scales.iter().copied();
    report.scales = [
        scales.clone().fold(f64::MAX, f64::min),
        scales.fold(0.0, f64::max),
    ];
    let mut head = advance(&state.head, &made, &report, fresh);
    head.offset_sigma = offset_sigma;
    head.class_shares = class_shares;
    Ok(State {
        head,
        halves: state.halves.clone(),
        starts: state.starts.clone(),
        posteriors,
        references: made.references,
        apart: made.apart,
        mask: state.mask.clone(),
        weighting,
    })
}

/// √(Σ w (|t − t₀|² + tr Σ_t) / 3N), at least a quarter of a voxel; unchanged while poses stay.
fn offset_sigma(state: &State, posteriors: &[Posterior]) -> f64 {
    if state.head.search == Search::Fixed || state.references.is_empty() {
        return state.head.offset_sigma;
    }
    let mut sum = 0.0;
    for (index, posterior) in posteriors.iter().enumerate() {
        let centre = state
            .starts
            .get(index)
            .map_or(glam::DVec3::ZERO, |s| s.shift);
        for mode in &posterior.modes {
            let spread: f64 = (3..6).map(|i| mode.covariance[i][i]).sum();
            sum += mode.weight * (mode.placement.shift.distance_squared(centre) + spread);
        }
    }
    (sum / (3.0 * posteriors.len() as f64)).sqrt().max(0.25)
}

/// Mean weight of each class, at least a hundredth of a particle's share.
fn class_shares(state: &State, posteriors: &[Posterior]) -> Vec<f64> {
    let count = posteriors.len() as f64;
    let mut shares = vec![0.0; state.head.class_shares.len()];
    for mode in posteriors.iter().flat_map(|posterior| &posterior.modes) {
        shares[mode.class as usize] += mode.weight / count;
    }
    let floored: Vec<f64> = shares.iter().map(|share| share.max(0.01 / count)).collect();
    let total: f64 = floored.iter().sum();
    floored.iter().map(|share| share / total).collect()
}

fn report(
    state: &State,
    made: &Maximised,
    posteriors: &[Posterior],
    rows: &[ParticleRow],
) -> IterationReport {
    let head = &state.head;
    let edge = head.box_size as f64 * head.voxel_size;
    let changes = changes(state, posteriors);
    let modes = posteriors.iter().map(|posterior| {
        let squares = posterior.modes.iter().map(|mode| mode.weight.powi(2));
        1.0 / squares.sum::<f64>()
    });
    let deviation = |range: std::ops::Range<usize>| {
        let of = posteriors.iter().map(|posterior| {
            let covariance = &posterior.best().covariance;
            range.clone().map(|i| covariance[i][i]).sum::<f64>().sqrt()
        });
        median(of.collect())
    };
    IterationReport {
        iteration: head.iteration + 1,
        search: head.search,
        band: edge / head.band as f64,
        resolution: edge / made.resolution_shell.max(1) as f64,
        fsc: made.fsc.clone(),
        angle_change: changes.angle.to_degrees(),
        shift_change: changes.shift * head.voxel_size,
        jumps: changes.jumps,
        class_changes: changes.classes,
        effective_modes: modes.sum::<f64>() / posteriors.len() as f64,
        angle_uncertainty: deviation(0..3).to_degrees(),
        shift_uncertainty: deviation(3..6) * head.voxel_size,
        offset_sigma: 0.0,
        log_likelihood: rows.iter().map(|row| row.log_likelihood).sum(),
        class_shares: Vec::new(),
        scales: [1.0; 2],
        helix: made.helix_fit,
    }
}

struct Changes {
    /// Root mean square, radians.
    angle: f64,
    /// Root mean square, voxels.
    shift: f64,
    jumps: f64,
    classes: f64,
}

/// What changed in the best poses, modulo symmetry. Everything, when there were none before.
fn changes(state: &State, posteriors: &[Posterior]) -> Changes {
    let operators = state.head.task.target().symmetry.rotations();
    let order = state.head.task.poses().search_order;
    let far = std::f64::consts::FRAC_PI_3 / f64::from(1_u32 << order) / 2.0;
    let before = state.placements();
    if before.is_empty() {
        return Changes {
            angle: 0.0,
            shift: 0.0,
            jumps: 1.0,
            classes: 1.0,
        };
    }
    let (mut turned, mut moved, mut stayed, mut changed) = (0.0, 0.0, 0_usize, 0_usize);
    for (index, (old, new)) in before.iter().zip(posteriors).enumerate() {
        let best = new.best();
        let angle = operators
            .iter()
            .map(|s| angle_between(best.placement.rotation * *s, old.rotation))
            .fold(f64::INFINITY, f64::min);
        let class = state.posteriors.get(index).map(|p| p.best().class);
        changed += usize::from(class != Some(best.class));
        if angle <= far {
            stayed += 1;
            turned += angle * angle;
            moved += best.placement.shift.distance_squared(old.shift);
        }
    }
    let (count, of) = (before.len() as f64, stayed.max(1) as f64);
    Changes {
        angle: (turned / of).sqrt(),
        shift: (moved / of).sqrt(),
        jumps: 1.0 - stayed as f64 / count,
        classes: changed as f64 / count,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

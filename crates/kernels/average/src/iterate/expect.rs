//! The expectation step of a block of particles: search, posterior, and what goes into the sums.

use std::ops::Range;

use glam::DVec3;
use rand::RngExt;
use rayon::prelude::*;
use thon_compute::{Progress, seed_stream};
use thon_likelihood::{
    Candidate, Dictionary, Mode, Observation, Observe, ParticleSource, Placement, Posterior, Prior,
    Reference, Representative, Residual, SearchOptions, SphereMask, Whitened, candidates,
    posterior, representatives, search,
};
use thon_reconstruct::{Contribution, WeightedPlacement};

use super::block::{BlockResult, ParticleRow};
use super::prepare::Prepared;
use super::schedule::overlap_shell;
use super::{UNIT, maximise};
use crate::noise::observe;
use crate::options::TargetOptions;
use crate::report::Search;
use crate::{AverageError, State};

/// Modes with less weight are not followed into other classes.
const FOLLOWED: f64 = 0.1;

/// One particle as it was read.
pub(super) struct Seen {
    /// With the scale of its group.
    pub(super) observation: Observation,
    pub(super) whitened: Whitened,
}

/// One particle compared.
struct Expected {
    posterior: Posterior,
    representatives: Vec<Representative>,
    row: ParticleRow,
}

/// Compares particles `range` with the references of a state; see [`super::block_ranges`] for ranges.
///
/// # Errors
/// [`AverageError::Blocks`] for a range that does not begin and end at multiples of [`UNIT`] (or the end of the set),
/// what reading particles meets, [`AverageError::Cancelled`].
pub fn expect_block(
    source: &dyn ParticleSource,
    state: &State,
    range: Range<usize>,
    progress: &dyn Progress,
) -> Result<BlockResult, AverageError> {
    check_range(state, &range)?;
    let prepared = Prepared::new(state)?;
    let halves = state.head.task.halves();
    let dictionaries: Vec<Vec<Dictionary<'_>>> = (0..halves)
        .map(|half| prepared.dictionaries(half))
        .collect();
    let mut block = BlockResult {
        first: range.start,
        rows: Vec::with_capacity(range.len()),
        posteriors: Vec::with_capacity(range.len()),
        sums: prepared.empty_sums()?,
    };
    for first in range.clone().step_by(UNIT) {
        thon_compute::check(progress)?;
        let unit = first..range.end.min(first + UNIT);
        let mut seen = observe_unit(source, &prepared, unit.clone())?;
        let starts = prepared.candidates(&dictionaries, unit.clone(), &seen)?;
        let expected: Vec<Expected> = seen
            .par_iter()
            .zip(&starts)
            .enumerate()
            .map(|(i, (seen, starts))| prepared.expect(first + i, seen, starts))
            .collect();
        if state.head.last {
            seen = observe_unmasked(source, &prepared, unit.clone())?;
        }
        insert(&prepared, &mut block, first, &seen, &expected)?;
        for one in expected {
            block.rows.push(one.row);
            block.posteriors.push(one.posterior);
        }
        progress.advance((unit.end - range.start) as u64, range.len() as u64);
    }
    Ok(block)
}

fn check_range(state: &State, range: &Range<usize>) -> Result<(), AverageError> {
    let count = state.head.particles;
    let whole = |edge: usize| edge.is_multiple_of(UNIT) || edge == count;
    if range.start < range.end && range.end <= count && whole(range.start) && whole(range.end) {
        return Ok(());
    }
    Err(AverageError::option(
        "block",
        format!("{}..{} of {count} particles", range.start, range.end),
        "a range that begins and ends at multiples of 32 particles or the end of the set",
    ))
}

/// What is asked of a source for a particle believed at a placement.
pub(crate) fn wanted(
    target: &TargetOptions,
    (box_size, voxel_size): (usize, f64),
    band: usize,
    placement: Option<&Placement>,
) -> Observe {
    let mask = target.mask_data.then(|| SphereMask {
        radius: target.radius(box_size, voxel_size),
        edge: target.edge,
        centre: placement.map_or(DVec3::ZERO, |p| p.shift),
    });
    Observe { band, mask }
}

pub(super) fn observe_unit(
    source: &dyn ParticleSource,
    prepared: &Prepared<'_>,
    unit: Range<usize>,
) -> Result<Vec<Seen>, AverageError> {
    let state = prepared.state;
    let head = &state.head;
    unit.into_par_iter()
        .map(|index| {
            let wanted = wanted(
                head.task.target(),
                (head.box_size, head.voxel_size),
                prepared.sums_band,
                state.placement(index).as_ref(),
            );
            see(source, state, index, &wanted)
        })
        .collect()
}

fn observe_unmasked(
    source: &dyn ParticleSource,
    prepared: &Prepared<'_>,
    unit: Range<usize>,
) -> Result<Vec<Seen>, AverageError> {
    let wanted = Observe {
        band: prepared.sums_band,
        mask: None,
    };
    unit.into_par_iter()
        .map(|index| see(source, prepared.state, index, &wanted))
        .collect()
}

fn see(
    source: &dyn ParticleSource,
    state: &State,
    index: usize,
    wanted: &Observe,
) -> Result<Seen, AverageError> {
    let observation = state.weighting.scaled(observe(source, index, wanted)?);
    let whitened = state.weighting.whiten(&observation);
    Ok(Seen {
        observation,
        whitened,
    })
}

/// The best pose of the global search for the first particles of the set, whatever their half.
pub(super) fn best_poses(
    prepared: &Prepared<'_>,
    seen: &[Seen],
) -> Result<Vec<Placement>, AverageError> {
    let dictionaries = prepared.dictionaries(0);
    let members: Vec<usize> = (0..seen.len()).collect();
    let found = prepared.search(&dictionaries, &members, 0, seen)?;
    let best = found.iter().map(|candidates| candidates.first());
    Ok(best
        .map(|candidate| candidate.map_or_else(Placement::default, |c| c.placement))
        .collect())
}

impl Prepared<'_> {
    /// Where the posterior of each particle of a unit is looked for.
    fn candidates(
        &self,
        dictionaries: &[Vec<Dictionary<'_>>],
        unit: Range<usize>,
        seen: &[Seen],
    ) -> Result<Vec<Vec<Candidate>>, AverageError> {
        let mut found: Vec<Vec<Candidate>> =
            unit.clone().map(|index| self.carried(index)).collect();
        for (half, dictionaries) in dictionaries.iter().enumerate() {
            if dictionaries.is_empty() {
                continue;
            }
            let members: Vec<usize> = unit
                .clone()
                .filter(|index| usize::from(self.state.halves[*index]) == half)
                .collect();
            let searched = self.search(dictionaries, &members, unit.start, seen)?;
            for (index, candidates) in members.iter().zip(searched) {
                found[index - unit.start].extend(candidates);
            }
        }
        Ok(found)
    }

    /// Global search of the particles `members` of one half.
    fn search(
        &self,
        dictionaries: &[Dictionary<'_>],
        members: &[usize],
        first: usize,
        seen: &[Seen],
    ) -> Result<Vec<Vec<Candidate>>, AverageError> {
        let Some(grid) = self.grid.as_ref().filter(|_| !members.is_empty()) else {
            return Ok(vec![Vec::new(); members.len()]);
        };
        let on_lattice = |index: &usize| seen[index - first].whitened.on_lattice(grid.band);
        let particles: Vec<Whitened> = members.par_iter().map(on_lattice).collect();
        let priors: Vec<Prior> = members.iter().map(|index| self.prior(*index)).collect();
        // With random classes all references are the same map: one is enough.
        let random = self.state.head.random_classes;
        let dictionaries = if random {
            &dictionaries[..1]
        } else {
            dictionaries
        };
        let found = search(
            dictionaries,
            grid,
            &particles,
            &priors,
            &SearchOptions::default(),
        )?;
        let number = self.state.head.task.poses().candidates;
        let of_particle = |((found, prior), index): ((&_, &Prior), &usize)| {
            let mut chosen = candidates(grid, found, prior, number);
            if random {
                let class = self.random_class(*index);
                for candidate in &mut chosen {
                    candidate.class = class;
                }
            }
            chosen
        };
        let all = found.iter().zip(&priors).zip(members);
        Ok(all.map(of_particle).collect())
    }

    fn random_class(&self, index: usize) -> u32 {
        let seed = self.state.head.task.poses().seed;
        let mut random = seed_stream(seed, "classes/first", index as u64);
        random.random_range(0..self.state.head.classes as u32)
    }

    /// The modes known before, each against every class, or the pose given at the start.
    fn carried(&self, index: usize) -> Vec<Candidate> {
        let classes = self.state.head.classes as u32;
        if let Some(before) = self.state.posteriors.get(index) {
            let mut carried: Vec<Candidate> = Vec::new();
            let shown = before.modes.iter().filter(|mode| mode.class < classes);
            for mode in shown {
                let follow = mode.weight >= FOLLOWED;
                for class in (0..classes).filter(|c| *c == mode.class || follow) {
                    carried.push(Candidate {
                        class,
                        placement: mode.placement,
                    });
                }
            }
            return carried;
        }
        let Some(start) = self.state.starts.get(index) else {
            return Vec::new();
        };
        let of_class = |class| Candidate {
            class,
            placement: *start,
        };
        if self.state.head.random_classes {
            vec![of_class(self.random_class(index))]
        } else {
            (0..classes).map(of_class).collect()
        }
    }

    /// Posterior, representatives and figures of one particle.
    fn expect(&self, index: usize, seen: &Seen, starts: &[Candidate]) -> Expected {
        let half = usize::from(self.state.halves[index]);
        let references = self.of_half(half);
        let posterior = if self.state.head.search == Search::Fixed || references.is_empty() {
            self.kept(index, starts)
        } else {
            let prior = self.prior(index);
            let shown = posterior(references, &seen.whitened, starts, &prior, &self.posterior);
            match self.emptiness() {
                Some(empty) => or_empty(shown, self.state.head.classes as u32, empty),
                None => shown,
            }
        };
        let representatives = if self.state.head.search == Search::Fixed {
            posterior.modes.iter().map(whole).collect()
        } else {
            representatives(&posterior, index as u64, &self.representation())
        };
        let classes = self.state.head.classes as u32;
        let representatives: Vec<Representative> = representatives
            .into_iter()
            .filter(|r: &Representative| r.class < classes)
            .collect();
        let row = self.row(
            &seen.observation,
            &seen.whitened,
            references,
            &posterior,
            &representatives,
        );
        Expected {
            posterior,
            representatives,
            row,
        }
    }

    /// The posterior of the iteration before, or the pose given at the start.
    fn kept(&self, index: usize, starts: &[Candidate]) -> Posterior {
        if let Some(before) = self.state.posteriors.get(index) {
            return before.clone();
        }
        let start = starts.first().copied().unwrap_or(Candidate {
            class: 0,
            placement: Placement::default(),
        });
        let mode = Mode {
            placement: start.placement,
            class: start.class,
            log_posterior: 0.0,
            covariance: [[0.0; 6]; 6],
            weight: 1.0,
        };
        Posterior { modes: vec![mode] }
    }

    fn row(
        &self,
        observation: &Observation,
        whitened: &Whitened,
        references: &[Reference],
        posterior: &Posterior,
        representatives: &[Representative],
    ) -> ParticleRow {
        let shown: f64 = representatives.iter().map(|r| r.weight).sum();
        let residual = if references.is_empty() || shown < 0.5 {
            Residual::of_data(observation)
        } else {
            // The heaviest few stand for all.
            let most = &representatives[..representatives.len().min(2)];
            let total: f64 = most.iter().map(|r| r.weight).sum();
            let most: Vec<Representative> = most
                .iter()
                .map(|r| Representative {
                    weight: r.weight / total,
                    ..*r
                })
                .collect();
            Residual::of_particle(observation, references, &most)
        };
        let best = posterior.best();
        let overlap = match references.get(best.class as usize) {
            Some(reference) if self.state.weighting.scales.len() > 1 => {
                let shell = overlap_shell(&self.state.head).min(self.band);
                overlap(reference, whitened, &best.placement, shell)
            }
            _ => [0.0; 2],
        };
        ParticleRow {
            group: observation.group,
            log_likelihood: best.log_posterior,
            residual: residual.by_shell(observation),
            overlap,
        }
    }
}

/// The posterior with one more mode for an empty particle, by evidence (Laplace's approximation).
fn or_empty(shown: Posterior, class: u32, (empty, normalisation): (f64, f64)) -> Posterior {
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
            for j in k + 1..6 {
                left[i][j] -= factor * left[k][j];
            }
        }
    }
    sum
}

/// A mode as it is.
fn whole(mode: &Mode) -> Representative {
    Representative {
        class: mode.class,
        placement: mode.placement,
        weight: mode.weight,
    }
}

/// Σ Re(D̄ V)/P and Σ W|V|²/P up to a shell.
pub(super) fn overlap(
    reference: &Reference,
    particle: &Whitened,
    placement: &Placement,
    shell: usize,
) -> [f64; 2] {
    let mut sums = [0.0; 2];
    let geometry = &particle.geometry;
    for i in geometry.count_to(0)..geometry.count_to(shell) {
        let q = DVec3::from_array(geometry.positions[i].map(f64::from));
        let v = reference.seen(placement.rotation, placement.shift, q);
        sums[0] += f64::from((particle.products[i].conj() * v).re);
        sums[1] += f64::from(particle.weights[i] * v.norm_sqr());
    }
    sums
}

/// Puts a unit into the sums of its halves and classes.
fn insert(
    prepared: &Prepared<'_>,
    block: &mut BlockResult,
    first: usize,
    seen: &[Seen],
    expected: &[Expected],
) -> Result<(), AverageError> {
    let classes = prepared.state.head.classes;
    for (map, sums) in block.sums.iter_mut().enumerate() {
        let (half, class) = (map / classes, map % classes);
        let placements: Vec<Vec<WeightedPlacement>> = expected
            .iter()
            .enumerate()
            .map(|(i, one)| {
                let ours = usize::from(prepared.state.halves[first + i]) == half;
                let of_class = |r: &&Representative| ours && r.class as usize == class;
                let placements = one.representatives.iter().filter(of_class);
                placements.map(maximise::weighted).collect()
            })
            .collect();
        let contributions: Vec<Contribution<'_>> = seen
            .iter()
            .zip(&placements)
            .filter(|(_, placements)| !placements.is_empty())
            .map(|(seen, placements)| Contribution {
                positions: &seen.whitened.geometry.positions,
                products: &seen.whitened.products,
                weights: &seen.whitened.weights,
                count: seen.whitened.geometry.count_to(prepared.sums_band),
                placements,
            })
            .collect();
        if !contributions.is_empty() {
            sums.insert(&contributions)?;
        }
    }
    Ok(())
}

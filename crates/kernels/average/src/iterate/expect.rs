//! The expectation step of a block of particles: search, posterior, and what goes into the sums.

use std::ops::Range;

use glam::DVec3;
use rayon::prelude::*;
use thon_compute::Progress;
use thon_likelihood::{
    Candidate, Dictionary, JoinedShells, Mode, Observation, ParticleSource, Placement, Posterior,
    Reference, Representative, Residual, TwoMaps, Whitened, posterior, representatives,
};
use thon_reconstruct::{Contribution, WeightedPlacement};

use super::block::{BlockResult, ParticleRow};
use super::empty::or_empty;
use super::prepare::Prepared;
use super::read::{Seen, read_unit, read_unmasked};
use super::schedule::overlap_shell;
use super::{UNIT, maximise};
use crate::report::Search;
use crate::{AverageError, State};

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
        let seen = read_unit(source, &prepared, unit.clone())?;
        let starts = prepared.candidates(&dictionaries, unit.clone(), &seen)?;
        let expected: Vec<Expected> = seen
            .par_iter()
            .zip(&starts)
            .enumerate()
            .map(|(i, (seen, starts))| prepared.expect(first + i, seen, starts))
            .collect();
        let mut summed: Vec<Whitened> = seen.into_iter().map(|one| one.whitened).collect();
        if state.head.last {
            drop(summed);
            summed = read_unmasked(source, &prepared, unit.clone())?;
        }
        insert(&prepared, &mut block, first, &summed, &expected)?;
        drop(summed);
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

impl Prepared<'_> {
    /// Posterior, representatives and figures of one particle.
    fn expect(&self, index: usize, seen: &Seen, starts: &[Candidate]) -> Expected {
        let half = usize::from(self.state.halves[index]);
        let references = self.of_half(half);
        let posterior = if self.state.head.search == Search::Fixed || references.is_empty() {
            self.kept(index, starts)
        } else {
            let shown = self.shown(index, references, &seen.whitened, starts);
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
            index,
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

    /// The posterior over the references, without what the particle finds of itself in them.
    fn shown(
        &self,
        index: usize,
        references: &[Reference],
        particle: &Whitened,
        starts: &[Candidate],
    ) -> Posterior {
        let mut prior = self.prior(index);
        let Some(own) = &self.own else {
            return posterior(references, particle, starts, &prior, &self.posterior);
        };
        let discounted = own.discounted(index, particle);
        prior.own = Some(own.of(index, &discounted));
        let found = posterior(references, &discounted, starts, &prior, &self.posterior);
        if self.state.head.last {
            self.with_shared_information(index, found, &discounted)
        } else {
            found
        }
    }

    /// The posterior with the uncertainty that both halves' maps together speak for.
    fn with_shared_information(
        &self,
        index: usize,
        mut found: Posterior,
        particle: &Whitened,
    ) -> Posterior {
        let half = usize::from(self.state.halves[index]);
        let maps = TwoMaps {
            map: &self.references[half],
            other: &self.references[1 - half],
            share: &self.state.head.data_share[1 - half],
            joined: self.joined_shells(),
        };
        // Some thousand samples are enough.
        let stride = particle.geometry.count_to(self.band).div_ceil(8000).max(1);
        let widened = found.modes.into_iter().map(|mode| {
            let excess = maps.excess(particle, &mode.placement, self.band, stride);
            mode.with_excess(&excess)
        });
        found.modes = widened.collect();
        found
    }

    /// The shells that halves share, with the maps of before they did.
    fn joined_shells(&self) -> Option<JoinedShells<'_>> {
        let [one, two] = self.apart.as_slice() else {
            return None;
        };
        Some(JoinedShells {
            last: self.state.head.shared_shell,
            apart: [one, two],
        })
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
        index: usize,
        observation: &Observation,
        whitened: &Whitened,
        references: &[Reference],
        posterior: &Posterior,
        representatives: &[Representative],
    ) -> ParticleRow {
        let residual = if self.tells_noise(index) {
            let found = residual(observation, references, representatives);
            match &self.own {
                Some(own) => own.unbiased(index, found, observation, whitened),
                None => found,
            }
        } else {
            Vec::new()
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
            residual,
            overlap,
        }
    }
}

/// Σ|D − W V|² and ΣW of each shell.
fn residual(
    observation: &Observation,
    references: &[Reference],
    representatives: &[Representative],
) -> Vec<[f64; 2]> {
    let shown: f64 = representatives.iter().map(|r| r.weight).sum();
    if references.is_empty() || shown < 0.5 {
        return Residual::of_data(observation).by_shell(observation);
    }
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
    Residual::of_particle(observation, references, &most).by_shell(observation)
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
    seen: &[Whitened],
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
                positions: &seen.geometry.positions,
                products: &seen.products,
                weights: &seen.weights,
                count: seen.geometry.count_to(prepared.sums_band),
                placements,
            })
            .collect();
        if !contributions.is_empty() {
            sums.insert(&contributions)?;
        }
    }
    Ok(())
}

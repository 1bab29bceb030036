//! Several random starts, the best of them, and its hand.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_likelihood::{NoiseModel, ParticleSource, coarse_band};

use crate::climb::{Climb, Step, explore, grid, mean, references, whiten};
use crate::data::Data;
use crate::hand::{HandEvidence, decide};
use crate::maps::{Map, solvent_mask};
use crate::{InitialModelError, InitialModelOptions};

/// Particles without which nothing is tried.
const FEWEST: usize = 2;

/// A first map.
#[derive(Clone, Debug)]
pub struct InitialModel {
    /// One map `[n, n, n]` per class, unnormalised as the data: a reference on their absolute grey scale.
    pub maps: Vec<Map>,
    /// Noise of the data under the maps.
    pub noise: NoiseModel,
    /// What the particles say about the hand.
    pub hand: HandEvidence,
    /// How the starts did.
    pub starts: Vec<StartReport>,
    /// The start that went on.
    pub chosen: usize,
    /// Particles that took part.
    pub particles: usize,
}

/// How one start did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartReport {
    /// Mean log-evidence of a subset after each iteration, nats over no particle, under the noise of that iteration.
    pub climb: Vec<f64>,
    /// Mean log-evidence of all particles in the end, under one noise for all starts.
    pub evidence: f64,
}

/// Fails when a first map cannot be made of these particles with these options.
pub fn check(
    source: &dyn ParticleSource,
    options: &InitialModelOptions,
) -> Result<(), InitialModelError> {
    options.check()?;
    if source.len() < FEWEST {
        return Err(InitialModelError::TooFew {
            found: source.len(),
            expected: FEWEST,
        });
    }
    let reach = source.box_size() as f64 * source.voxel_size();
    if options.particle_diameter > reach {
        return Err(InitialModelError::Option {
            name: "particle_diameter",
            value: options.particle_diameter.to_string(),
            expected: "at most the edge of the box",
        });
    }
    Ok(())
}

/// Makes a first map of particles without any reference.
///
/// # Errors
/// See [`InitialModelError`].
pub fn find_initial_model(
    source: &dyn ParticleSource,
    options: &InitialModelOptions,
    progress: &dyn Progress,
) -> Result<InitialModel, InitialModelError> {
    check(source, options)?;
    let data = Data::read(source, options, progress)?;
    let mask = solvent_mask(&data, options.particle_diameter);
    let all: Vec<usize> = (0..data.len()).collect();
    let whole = |seed| Step {
        options,
        mask: &mask,
        rows: &all,
        band: band(&data, options),
        seed,
    };
    let mut climbs = Vec::new();
    let mut starts = Vec::new();
    for start in 0..options.starts {
        let (climb, told) = climb_from_random(&data, &whole(start_seed(options, start)), progress)?;
        climbs.push(climb);
        starts.push(told);
    }
    compare(&climbs, &mut starts, &data, &whole(options.seed))?;
    let chosen = (0..starts.len())
        .max_by(|&a, &b| starts[a].evidence.total_cmp(&starts[b].evidence))
        .unwrap_or(0);
    let mut climb = climbs.swap_remove(chosen);
    for i in 0..options.iterations {
        thon_compute::check(progress)?;
        let step = whole(start_seed(options, chosen).wrapping_add(1000 + i as u64));
        climb.advance(&data, &step)?;
    }
    let (climb, hand) = decide(
        climb,
        &data,
        &whole(options.seed.wrapping_add(77)),
        progress,
    )?;
    Ok(InitialModel {
        maps: climb.maps,
        noise: climb.noise,
        hand,
        starts,
        chosen,
        particles: data.indices.len(),
    })
}

fn start_seed(options: &InitialModelOptions, start: usize) -> u64 {
    options
        .seed
        .wrapping_mul(1_000_003)
        .wrapping_add(10_007 * start as u64)
}

/// The largest shell that the grid of the search can tell, within the band that was read.
fn band(data: &Data, options: &InitialModelOptions) -> usize {
    let diameter = options.particle_diameter / data.voxel_size;
    coarse_band(15_f64.to_radians(), diameter, data.box_size).min(data.band)
}

/// One start: random orientations, then iterations on random subsets, the band growing to that of the grid.
fn climb_from_random(
    data: &Data,
    whole: &Step<'_>,
    progress: &dyn Progress,
) -> Result<(Climb, StartReport), InitialModelError> {
    let options = whole.options;
    let first_band = (whole.band / 2).max(3).min(whole.band);
    let mut climb = Climb::random(
        data,
        &Step {
            band: first_band,
            ..*whole
        },
    )?;
    let mut told = StartReport {
        climb: Vec::new(),
        evidence: 0.0,
    };
    for i in 0..options.start_iterations {
        thon_compute::check(progress)?;
        let along = (i + 1) as f64 / options.start_iterations as f64;
        let band = first_band + ((whole.band - first_band) as f64 * along).round() as usize;
        let seed = whole.seed.wrapping_add(1 + i as u64);
        let rows = subset(data.len(), options.subset, seed);
        climb.advance(
            data,
            &Step {
                band,
                rows: &rows,
                seed,
                ..*whole
            },
        )?;
        told.climb.push(climb.evidence);
    }
    Ok((climb, told))
}

/// A random subset in ascending order.
fn subset(count: usize, size: usize, seed: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..count).collect();
    rows.shuffle(&mut thon_compute::seed_stream(seed, "subset", 0));
    rows.truncate(size);
    rows.sort_unstable();
    rows
}

/// Compares all starts on all particles, with one noise.
fn compare(
    climbs: &[Climb],
    starts: &mut [StartReport],
    data: &Data,
    whole: &Step<'_>,
) -> Result<(), InitialModelError> {
    let noise = NoiseModel::initial(&data.observations);
    let whitened = whiten(data, whole.rows, &noise);
    let grid = grid(data, whole);
    for (climb, start) in climbs.iter().zip(starts) {
        let references = references(&climb.maps, data.box_size)?;
        let found = explore(&references, &grid, &whitened, data, whole.options)?;
        start.evidence = mean(found.iter().map(|f| f.log_evidence));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! One iteration: the posteriors of a subset on a global grid, placements drawn from them, new maps and noise.

use glam::DVec3;
use rand::RngExt;
use rayon::prelude::*;
use thon_geometry::{Symmetry, random_rotation};
use thon_likelihood::{
    Dictionary, GridPosterior, NoiseModel, Placement, Prior, Reference, Representative, Residual,
    ResidualSums, SearchGrid, SearchOptions, Whitened, search,
};
use thon_reconstruct::{Contribution, ExpectedSums, Quanta, WeightedPlacement};

use crate::data::Data;
use crate::maps::{Map, solve};
use crate::{InitialModelError, InitialModelOptions};

/// Placements drawn from each posterior.
const DRAWS: usize = 4;
/// HEALPix order of the search: 15°.
const ORDER: u8 = 2;

/// Where a climb stands.
#[derive(Clone)]
pub(crate) struct Climb {
    /// One map per class.
    pub(crate) maps: Vec<Map>,
    /// Noise of the data under these maps.
    pub(crate) noise: NoiseModel,
    /// Mean log-evidence of the particles of the last iteration, in nats over no particle.
    pub(crate) evidence: f64,
}

/// What one iteration is given.
pub(crate) struct Step<'a> {
    pub(crate) options: &'a InitialModelOptions,
    pub(crate) mask: &'a [f32],
    /// Rows of the data that take part.
    pub(crate) rows: &'a [usize],
    /// Largest shell.
    pub(crate) band: usize,
    /// Seed of this iteration.
    pub(crate) seed: u64,
}

impl Climb {
    /// Maps of all particles at random orientations.
    pub(crate) fn random(data: &Data, step: &Step<'_>) -> Result<Self, InitialModelError> {
        let noise = NoiseModel::initial(step.rows.iter().map(|&row| &data.observations[row]));
        let mut drawn = Vec::with_capacity(step.rows.len());
        for (i, _) in step.rows.iter().enumerate() {
            let mut random = thon_compute::seed_stream(step.seed, "random orientation", i as u64);
            let class = random.random_range(0..step.options.classes) as u32;
            let placement = Placement {
                rotation: random_rotation(&mut random),
                shift: DVec3::ZERO,
            };
            drawn.push(vec![Representative {
                class,
                placement,
                weight: 1.0,
            }]);
        }
        let whitened = whiten(data, step.rows, &noise);
        let sums = insert(data, &whitened, &drawn, step, &noise)?;
        let maps = (sums.iter())
            .map(|sums| solve(sums, None, step.options.trust, step.mask))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            maps,
            noise,
            evidence: 0.0,
        })
    }

    /// One iteration of expectation and maximisation.
    pub(crate) fn advance(
        &mut self,
        data: &Data,
        step: &Step<'_>,
    ) -> Result<(), InitialModelError> {
        let references = references(&self.maps, data.box_size)?;
        let grid = grid(data, step);
        let whitened = whiten(data, step.rows, &self.noise);
        let found = explore(&references, &grid, &whitened, data, step.options)?;
        self.evidence = mean(found.iter().map(|f| f.log_evidence));
        let drawn: Vec<Vec<Representative>> = (found.iter().enumerate())
            .map(|(i, found)| draw(&grid, found, step.seed, i as u64))
            .collect();
        let residuals: Vec<Residual> = (step.rows.par_iter().zip(&drawn))
            .map(|(&row, drawn)| Residual::of_particle(&data.observations[row], &references, drawn))
            .collect();
        let sums = insert(data, &whitened, &drawn, step, &self.noise)?;
        for (map, sums) in self.maps.iter_mut().zip(&sums) {
            if sums.placements() > 0 {
                *map = solve(sums, Some(map), step.options.trust, step.mask)?;
            }
        }
        let mut residual_sums = ResidualSums::new();
        for (&row, residual) in step.rows.iter().zip(&residuals) {
            residual_sums.add(&data.observations[row], residual);
        }
        self.noise = NoiseModel::estimate(&residual_sums);
        Ok(())
    }
}

/// The grid of an iteration, turned at random.
pub(crate) fn grid(data: &Data, step: &Step<'_>) -> SearchGrid {
    let mut random = thon_compute::seed_stream(step.seed, "grid", 0);
    let turn = random_rotation(&mut random);
    let range = step.options.shift_range / data.voxel_size;
    let shift_step = (0.6 * range).max(0.25 * data.box_size as f64 / step.band as f64);
    SearchGrid::global(
        ORDER,
        Symmetry::Cyclic(1),
        turn,
        range,
        shift_step,
        step.band,
    )
}

/// Posteriors of particles on a grid over all maps.
pub(crate) fn explore(
    references: &[Reference],
    grid: &SearchGrid,
    whitened: &[Whitened],
    data: &Data,
    options: &InitialModelOptions,
) -> Result<Vec<GridPosterior>, InitialModelError> {
    let dictionaries: Vec<Dictionary> = (references.iter().enumerate())
        .map(|(class, reference)| Dictionary::new(reference, grid, class as u32))
        .collect();
    let priors = vec![prior(data, options); whitened.len()];
    let how = SearchOptions {
        significance: 12.0,
        entries: 512,
        ..SearchOptions::default()
    };
    Ok(search(&dictionaries, grid, whitened, &priors, &how)?)
}

/// Shifts are expected within half of their range.
pub(crate) fn prior(data: &Data, options: &InitialModelOptions) -> Prior {
    let deviation = (options.shift_range / data.voxel_size / 2.0).max(0.5);
    Prior::about(DVec3::ZERO, deviation)
}

pub(crate) fn references(
    maps: &[Map],
    box_size: usize,
) -> Result<Vec<Reference>, InitialModelError> {
    let made: Result<_, _> = maps
        .iter()
        .map(|map| Reference::new(map, box_size))
        .collect();
    Ok(made?)
}

pub(crate) fn whiten(data: &Data, rows: &[usize], noise: &NoiseModel) -> Vec<Whitened> {
    rows.par_iter()
        .map(|&row| noise.whiten(&data.observations[row]))
        .collect()
}

pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

/// Entries drawn from a posterior, each with an equal share.
fn draw(grid: &SearchGrid, found: &GridPosterior, seed: u64, index: u64) -> Vec<Representative> {
    let Some(best) = found.entries.first() else {
        return Vec::new();
    };
    let shares: Vec<f64> = (found.entries.iter())
        .map(|entry| f64::from(entry.log_posterior - best.log_posterior).exp())
        .collect();
    let total: f64 = shares.iter().sum();
    let mut random = thon_compute::seed_stream(seed, "draw", index);
    let offset: f64 = random.random_range(0.0..1.0);
    let (mut entry, mut reached) = (0, shares[0]);
    (0..DRAWS)
        .map(|k| {
            let target = (k as f64 + offset) / DRAWS as f64 * total;
            while reached < target && entry + 1 < shares.len() {
                entry += 1;
                reached += shares[entry];
            }
            let drawn = &found.entries[entry];
            let placement = Placement {
                rotation: grid.rotations[drawn.rotation as usize],
                shift: grid.shifts[drawn.shift as usize],
            };
            Representative {
                class: drawn.class,
                placement,
                weight: 1.0 / DRAWS as f64,
            }
        })
        .collect()
}

/// Sums of every class.
fn insert(
    data: &Data,
    whitened: &[Whitened],
    drawn: &[Vec<Representative>],
    step: &Step<'_>,
    noise: &NoiseModel,
) -> Result<Vec<ExpectedSums>, InitialModelError> {
    let quanta = Quanta::from_noise(noise.shells.iter().flatten().copied())?;
    (0..step.options.classes)
        .map(|class| {
            let placed: Vec<Vec<WeightedPlacement>> = drawn
                .iter()
                .map(|drawn| placements(drawn, class as u32))
                .collect();
            let contributions: Vec<Contribution<'_>> = (whitened.iter().zip(&placed))
                .filter(|(_, placements)| !placements.is_empty())
                .map(|(particle, placements)| Contribution {
                    positions: &particle.geometry.positions,
                    products: &particle.products,
                    weights: &particle.weights,
                    count: particle.geometry.count_to(step.band),
                    placements,
                })
                .collect();
            let mut sums = ExpectedSums::new(data.box_size, 2, step.band, quanta)?;
            sums.insert(&contributions)?;
            Ok(sums)
        })
        .collect()
}

fn placements(drawn: &[Representative], class: u32) -> Vec<WeightedPlacement> {
    (drawn.iter())
        .filter(|drawn| drawn.class == class)
        .map(|drawn| WeightedPlacement {
            rotation: drawn.placement.rotation,
            shift: drawn.placement.shift,
            weight: drawn.weight as f32,
        })
        .collect()
}

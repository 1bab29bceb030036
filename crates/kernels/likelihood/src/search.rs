//! Global search: every rotation and shift of a grid against a block of particles by matrix products.
//!
//! For rotations r with slices P_r(q) = V(A_r⁻¹ q) on the half ball of a band and data turned back by shift s,
//! Y_s = D e^(+2πi q·(t₀ + s)/n), the log-likelihood relative to no particle is
//!
//! S(s, r) = 2 Σ_q (Re Y_s Re P_r + Im Y_s Im P_r) − Σ_q W |P_r|²:
//!
//! one product (particles · shifts) × 2K × rotations and one particles × K × rotations, K points of the half ball.
//! Rotations go through in blocks, and each block's scores are reduced at once to the best, the sum and the entries near
//! the best. What comes out for a particle does not depend on the particles beside it, nor on threads.

mod dictionary;
mod exponential;
mod grid;
mod peaks;
mod scores;

use rayon::prelude::*;

use crate::{HalfBall, LikelihoodError, Prior, Whitened};
pub use dictionary::Dictionary;
pub use grid::{SearchGrid, coarse_band};
pub use peaks::candidates;
use scores::{Block, Running};

/// How a search reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchOptions {
    /// Entries within this many nats of the best are reported.
    pub significance: f32,
    /// Entries reported at most, the heaviest.
    pub entries: usize,
    /// Peaks reported at most.
    pub peaks: usize,
    /// Particles that one task compares at a time: a bound on memory (see [`search`]).
    pub particles: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            significance: 12.0,
            entries: 1024,
            peaks: 16,
            particles: 16,
        }
    }
}

/// One (rotation, shift, class) of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridEntry {
    /// Index into [`SearchGrid::rotations`].
    pub rotation: u32,
    /// Index into [`SearchGrid::shifts`].
    pub shift: u32,
    /// Class of the dictionary.
    pub class: u32,
    /// Log-likelihood relative to no particle plus log prior.
    pub log_posterior: f32,
}

/// What a search found of one particle.
#[derive(Clone, Debug, PartialEq)]
pub struct GridPosterior {
    /// Entries near the best, heaviest first.
    pub entries: Vec<GridEntry>,
    /// The best of each rotation that is not beside a better rotation, however far below the best, heaviest first.
    pub peaks: Vec<GridEntry>,
    /// ln Σ posterior over all entries of the grid.
    pub log_evidence: f64,
    /// Number of entries that share the posterior: 1 / Σ share².
    pub effective: f64,
}

/// Compares particles with every class, rotation and shift. Shifts are counted from the centre of each particle's prior.
///
/// Tasks take `options.particles` particles at a time; each needs about (particles · shifts) · (2K + 512) · 4 bytes for
/// K points of the half ball, besides the dictionaries.
///
/// # Errors
/// [`LikelihoodError::Length`] unless there is one prior per particle; [`LikelihoodError::Parameter`] without
/// dictionaries, for an empty grid, for a dictionary of another grid, or for particles that have no lattice (see [`Whitened::on_lattice`])
/// or a smaller band than the grid.
pub fn search(
    dictionaries: &[Dictionary],
    grid: &SearchGrid,
    particles: &[Whitened],
    priors: &[Prior],
    options: &SearchOptions,
) -> Result<Vec<GridPosterior>, LikelihoodError> {
    check(dictionaries, grid, particles, priors)?;
    let ball = HalfBall::new(grid.band);
    let size = options.particles.max(1);
    let found: Vec<Vec<GridPosterior>> = particles
        .par_chunks(size)
        .zip(priors.par_chunks(size))
        .map(|(particles, priors)| {
            search_block(dictionaries, grid, &ball, particles, priors, options)
        })
        .collect();
    Ok(found.concat())
}

fn search_block(
    dictionaries: &[Dictionary],
    grid: &SearchGrid,
    ball: &HalfBall,
    particles: &[Whitened],
    priors: &[Prior],
    options: &SearchOptions,
) -> Vec<GridPosterior> {
    let mut block = Block::new(grid, ball, particles, priors);
    let mut running: Vec<Running> = priors.iter().map(|_| Running::new(options)).collect();
    for dictionary in dictionaries {
        for rotations in Dictionary::blocks(grid) {
            block.compare(dictionary, rotations);
            for (particle, running) in running.iter_mut().enumerate() {
                block.reduce(particle, dictionary.class(), &priors[particle], running);
            }
        }
    }
    running.into_iter().map(|r| r.finish(grid)).collect()
}

/// Heaviest first; equal ones in the order of class, rotation, shift.
fn heavier(a: &GridEntry, b: &GridEntry) -> std::cmp::Ordering {
    let name = |e: &GridEntry| (e.class, e.rotation, e.shift);
    let heavier = b.log_posterior.total_cmp(&a.log_posterior);
    heavier.then_with(|| name(a).cmp(&name(b)))
}

fn check(
    dictionaries: &[Dictionary],
    grid: &SearchGrid,
    particles: &[Whitened],
    priors: &[Prior],
) -> Result<(), LikelihoodError> {
    if priors.len() != particles.len() {
        return Err(LikelihoodError::Length {
            what: "priors",
            expected: particles.len(),
            found: priors.len(),
        });
    }
    let refuse = |name: &'static str, value: String, expected: &'static str| {
        Err(LikelihoodError::Parameter {
            name,
            value,
            expected,
        })
    };
    if dictionaries.is_empty() {
        return refuse("dictionaries", "0".into(), "at least one");
    }
    if grid.rotations.is_empty() || grid.shifts.is_empty() {
        return refuse(
            "grid",
            "empty".into(),
            "rotations and shifts: a finer order for this symmetry",
        );
    }
    for dictionary in dictionaries {
        if !dictionary.is_of(grid) {
            let value = format!("of class {}", dictionary.class());
            return refuse("dictionary", value, "one made for this grid");
        }
    }
    for (index, particle) in particles.iter().enumerate() {
        if particle.geometry.lattice.is_none() {
            let value = format!("without a lattice (particle {index})");
            return refuse(
                "samples",
                value,
                "samples on the lattice: `Whitened::on_lattice`",
            );
        }
        if particle.geometry.band() < grid.band
            || particle.geometry.box_size != dictionaries[0].box_size()
        {
            let geometry = &particle.geometry;
            let value = format!(
                "band {}, box {} (particle {index})",
                geometry.band(),
                geometry.box_size
            );
            return refuse(
                "samples",
                value,
                "the box of the reference, at least the band of the grid",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! Averages of subtomograms at their given poses: the sums of the maximisation step, one sharp pose per particle.
//!
//! Frames: reference → box of the particle. Data are divided by the power of their noise, one spectrum for all, so that
//! the sums are counted in fitting units (`thon_reconstruct::Quanta`); the average itself does not depend on it.

use rayon::prelude::*;
use thon_contract::{Context, Finding, JobError};
use thon_likelihood::{NoiseModel, Observation, Observe, ParticleSource, Whitened};
use thon_model::{Half, ParticleImages, ParticleSet};
use thon_reconstruct::{Contribution, ExpectedSums, Quanta, WeightedPlacement};

use super::findings::volume_findings;
use super::placements::placements;
use super::volume_files;
use crate::kernel_errors::stopped;

/// Particles whose samples are held at once.
const BLOCK: usize = 16;
/// Particles that tell the power of the noise.
const TELLERS: usize = 16;

/// What keeps subtomograms from being averaged.
pub(crate) fn average_findings(
    set: &ParticleSet,
    images: &ParticleImages,
    context: &Context,
) -> Vec<Finding> {
    let mut findings = volume_findings(images, context);
    if !set.oriented {
        findings.push(
            Finding::error("particles", "the particles have no orientations")
                .with_hint("refine them first, or import them with angles"),
        );
    }
    findings
}

/// Sums of both halves of a set of subtomograms, up to the edge of their Fourier space.
///
/// # Errors
/// What reading a particle meets, and cancellation.
pub(crate) fn sums_at_given_poses(
    set: &ParticleSet,
    images: &ParticleImages,
    padding: usize,
    context: &Context,
) -> Result<[ExpectedSums; 2], JobError> {
    let source = volume_files::source(set, images, context)?;
    let (n, voxel_size) = (source.box_size(), source.voxel_size());
    let noise = noise(&source)?;
    let quanta = Quanta::from_noise(noise.shells.iter().flatten().copied()).map_err(stopped)?;
    let empty = || ExpectedSums::new(n, padding, n / 2, quanta).map_err(stopped);
    let mut sums = [empty()?, empty()?];
    let placed: Vec<WeightedPlacement> = placements(set, voxel_size)
        .into_iter()
        .map(|placement| WeightedPlacement {
            rotation: placement.rotation,
            shift: placement.shift,
            weight: 1.0,
        })
        .collect();
    let rows: Vec<usize> = (0..set.len()).collect();
    for block in rows.chunks(BLOCK) {
        thon_compute::check(context.progress()).map_err(|_| JobError::Cancelled)?;
        let seen = observed(&source, block)?;
        let seen: Vec<Whitened> = seen.par_iter().map(|seen| noise.whiten(seen)).collect();
        for (half, sums) in [Half::One, Half::Two].into_iter().zip(&mut sums) {
            let members = block.iter().zip(&seen);
            let contributions: Vec<Contribution<'_>> = members
                .filter(|(row, _)| set.halves[**row] == half)
                .map(|(row, seen)| Contribution {
                    positions: &seen.geometry.positions,
                    products: &seen.products,
                    weights: &seen.weights,
                    count: seen.geometry.len(),
                    placements: std::slice::from_ref(&placed[*row]),
                })
                .collect();
            if !contributions.is_empty() {
                sums.insert(&contributions).map_err(stopped)?;
            }
        }
        let done = block.last().map_or(0, |row| row + 1);
        context.progress().advance(done as u64, set.len() as u64);
    }
    Ok(sums)
}

/// One spectrum for all, from a few particles as if they were all noise.
fn noise(source: &dyn ParticleSource) -> Result<NoiseModel, JobError> {
    let tellers = source.len().min(TELLERS);
    let rows: Vec<usize> = (0..tellers).map(|i| i * source.len() / tellers).collect();
    Ok(NoiseModel::initial(&observed(source, &rows)?))
}

/// Whole particles without a mask, all of one noise group.
fn observed(source: &dyn ParticleSource, rows: &[usize]) -> Result<Vec<Observation>, JobError> {
    let wanted = Observe {
        band: source.box_size() / 2,
        mask: None,
    };
    rows.par_iter()
        .map(|&row| {
            let seen = source.observe(row, &wanted);
            seen.map(|seen| Observation { group: 0, ..seen })
                .map_err(|e| JobError::data(e.to_string()))
        })
        .collect()
}

//! Averages of subtomograms at their given poses: the sums of the maximisation step, one sharp pose per particle.
//!
//! Frames: reference → box of the particle. Every particle counts as it is, in the units of its file; one half after the
//! other, in blocks.

use rayon::prelude::*;
use thon_contract::{Context, Finding, JobError};
use thon_likelihood::{NoiseModel, Observation, Observe, ParticleSource};
use thon_model::{Half, ParticleImages, ParticleSet};
use thon_reconstruct::{Contribution, ExpectedSums, Quanta, WeightedPlacement};

use super::findings::volume_findings;
use super::placements::placements;
use super::volume_files;
use crate::kernel_errors::stopped;

/// Bytes of samples that are held at once.
const HELD: usize = 48 << 20;
/// Particles whose samples are held at once, at least and at most.
const BLOCK: [usize; 2] = [8, 64];
/// Particles that tell how large samples are, at most.
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

/// Particles of a block.
fn block_of(n: usize) -> usize {
    let [least, most] = BLOCK;
    (HELD / (4 * n.pow(3))).clamp(least, most)
}

/// Bytes that a block of particles of box n takes, of a set of so many.
pub(crate) fn block_bytes(n: usize, particles: usize) -> u64 {
    4 * (n.pow(3) * block_of(n).min(particles)) as u64
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
    let placed: Vec<WeightedPlacement> = placements(set, voxel_size)
        .into_iter()
        .map(|placement| WeightedPlacement {
            rotation: placement.rotation,
            shift: placement.shift,
            weight: 1.0,
        })
        .collect();
    // A particle has n³ · π/12 samples of 12 bytes.
    let size = block_of(n);
    let mut seen: Vec<Option<Observation>> = Vec::new();
    let mut sums: [Option<ExpectedSums>; 2] = [None, None];
    let mut quanta = None;
    let mut done = 0;
    for (half, sums) in [Half::One, Half::Two].into_iter().zip(&mut sums) {
        let rows: Vec<usize> = (0..set.len())
            .filter(|row| set.halves[*row] == half)
            .collect();
        for rows in rows.chunks(size) {
            thon_compute::check(context.progress()).map_err(|_| JobError::Cancelled)?;
            observe(&source, rows, &mut seen)?;
            let particles = || rows.iter().zip(seen.iter().flatten());
            if quanta.is_none() {
                quanta = Some(quanta_of(particles().map(|(_, seen)| seen).take(TELLERS))?);
            }
            let contributions: Vec<Contribution<'_>> = particles()
                .map(|(row, seen)| Contribution {
                    positions: &seen.geometry.positions,
                    products: &seen.products,
                    weights: &seen.weights,
                    count: seen.geometry.len(),
                    placements: std::slice::from_ref(&placed[*row]),
                })
                .collect();
            if sums.is_none() {
                *sums = Some(new_sums(n, padding, quanta)?);
            }
            if let Some(sums) = sums {
                sums.insert(&contributions).map_err(stopped)?;
            }
            done += rows.len();
            context.progress().advance(done as u64, set.len() as u64);
        }
    }
    let whole = |sums: Option<ExpectedSums>| match sums {
        Some(sums) => Ok(sums),
        None => new_sums(n, padding, quanta),
    };
    let [first, second] = sums;
    Ok([whole(first)?, whole(second)?])
}

fn new_sums(n: usize, padding: usize, quanta: Option<Quanta>) -> Result<ExpectedSums, JobError> {
    let quanta = quanta.ok_or_else(|| JobError::data("the set is empty"))?;
    ExpectedSums::new(n, padding, n / 2, quanta).map_err(stopped)
}

/// Quanta that hold the weakest shell of a few particles: what is summed are products c·X and weights c², as they are.
fn quanta_of<'a>(particles: impl Iterator<Item = &'a Observation>) -> Result<Quanta, JobError> {
    let power = NoiseModel::initial(particles);
    let least = (power.shells.iter().flatten())
        .filter(|power| power.is_finite() && **power > 0.0)
        .fold(f64::INFINITY, |least, power| least.min(*power));
    Quanta::of_sizes(least.sqrt(), 1.0).map_err(stopped)
}

/// Whole particles without a mask, into memory that is there already.
fn observe(
    source: &dyn ParticleSource,
    rows: &[usize],
    seen: &mut Vec<Option<Observation>>,
) -> Result<(), JobError> {
    let wanted = Observe {
        band: source.box_size() / 2,
        mask: None,
    };
    seen.resize(rows.len(), None);
    seen.par_iter_mut()
        .zip(rows)
        .try_for_each(|(seen, &row)| source.observe_into(row, &wanted, seen))
        .map_err(|e| JobError::data(e.to_string()))
}

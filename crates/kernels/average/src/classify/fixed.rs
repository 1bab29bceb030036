//! Classification at fixed poses: every particle is turned into the frame of the reference once, and classes are found
//! there.

use num_complex::Complex32;
use rayon::prelude::*;
use thon_compute::Progress;
use thon_likelihood::{ParticleSource, Placement, Reference};

use super::aligned::{AlignedParticle, AlignmentFrame};
use super::expectation_maximisation::{AlignedSet, EmOptions, EmResult};
use crate::AverageError;
use crate::iterate::wanted;
use crate::noise::Weighting;
use crate::options::{ClassifyOptions, TargetOptions};

/// Particles observed at a time.
const BLOCK: usize = 32;

/// The largest shell classes are told apart at.
pub fn classification_band(
    options: &ClassifyOptions,
    box_size: usize,
    voxel_size: f64,
    particles: usize,
) -> usize {
    let edge = box_size as f64 * voxel_size;
    let wanted = if options.resolution.0 > 0.0 {
        (edge / options.resolution.0).round() as usize
    } else {
        (box_size / 4).max(12)
    };
    let mut band = wanted.clamp(2, box_size / 2 - 1);
    let fits =
        |band: usize| (AlignedSet::bytes_per_particle(band) * particles) as u64 <= options.memory;
    while band > 2 && !fits(band) {
        band -= 1;
    }
    band
}

/// Turns all particles of a source into the frame of the reference. `mask`, `[n, n, n]`, is where classes may differ.
///
/// # Errors
/// What the source meets, [`AverageError::Cancelled`].
pub(crate) fn align_all(
    source: &dyn ParticleSource,
    target: &TargetOptions,
    placements: &[Placement],
    weighting: &Weighting,
    band: usize,
    mask: Option<&[f32]>,
    progress: &dyn Progress,
) -> Result<AlignedSet, AverageError> {
    let n = source.box_size();
    let size = (n, source.voxel_size());
    let frame = AlignmentFrame::new(band, |position| {
        mask.map_or(1.0, |mask| mask_at(mask, n, position))
    });
    let mut set = AlignedSet::new(frame.ball.clone());
    for first in (0..source.len()).step_by(BLOCK) {
        thon_compute::check(progress)?;
        let range = first..source.len().min(first + BLOCK);
        let aligned: Vec<AlignedParticle> = range
            .into_par_iter()
            .map(|index| {
                let wanted = wanted(target, size, band, Some(&placements[index]));
                let observation = weighting.scaled(crate::noise::observe(source, index, &wanted)?);
                let whitened = weighting.whiten(&observation);
                Ok(frame.align(&whitened, placements[index]))
            })
            .collect::<Result<_, AverageError>>()?;
        for particle in &aligned {
            set.push(particle);
        }
        progress.advance((first + aligned.len()) as u64, source.len() as u64);
    }
    Ok(set)
}

/// The mask at a position in units of the box, nearest voxel.
fn mask_at(mask: &[f32], n: usize, position: [f64; 3]) -> f32 {
    let [x, y, z] = position.map(|v| {
        let index = (v * n as f64 + (n / 2) as f64).round();
        (index.max(0.0) as usize).min(n - 1)
    });
    mask[(z * n + y) * n + x]
}

/// Finds the classes of aligned particles; `references` are starting maps, one per class.
///
/// # Errors
/// [`AverageError::Cancelled`], or what a reference is refused for.
pub(crate) fn find_classes(
    set: &AlignedSet,
    options: &ClassifyOptions,
    references: Option<&[Vec<f32>]>,
    box_size: usize,
    progress: &dyn Progress,
) -> Result<EmResult, AverageError> {
    let starts: Option<Vec<Vec<Complex32>>> = references
        .map(|maps| {
            maps.iter()
                .map(|map| {
                    let reference = Reference::new(map, box_size)?;
                    let at =
                        |p: &[i16; 3]| reference.value(glam::DVec3::from_array(p.map(f64::from)));
                    Ok(set.ball.points.iter().map(at).collect())
                })
                .collect::<Result<_, AverageError>>()
        })
        .transpose()?;
    let em = EmOptions {
        classes: references.map_or(options.classes, <[_]>::len),
        empty: options.empty_class,
        iterations: options.iterations.max(40),
        restarts: options.restarts,
        regularisation: options.regularisation,
        seed: options.poses.seed,
    };
    set.classify(&em, starts.as_deref(), progress)
}

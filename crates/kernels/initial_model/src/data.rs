//! The low band of the particles that take part, read once.

use rayon::prelude::*;
use thon_compute::Progress;
use thon_likelihood::{LikelihoodError, Observation, Observe, ParticleSource, SphereMask};

use crate::{InitialModelError, InitialModelOptions};

/// Particles read between two questions whether to go on.
const BLOCK: usize = 32;

/// The particles that take part.
pub(crate) struct Data {
    /// Their indices in the source.
    pub(crate) indices: Vec<usize>,
    /// Their samples on the lattice of the band.
    pub(crate) observations: Vec<Observation>,
    /// Edge of the box, voxels.
    pub(crate) box_size: usize,
    /// Edge of a voxel, Å.
    pub(crate) voxel_size: f64,
    /// Largest shell.
    pub(crate) band: usize,
}

/// The samples on the lattice; weights that gridding leaves slightly below 0 are 0.
fn on_lattice(observation: &Observation, band: usize) -> Observation {
    let mut gridded = observation.on_lattice(band);
    for weight in &mut gridded.weights {
        *weight = weight.max(0.0);
    }
    gridded
}

impl Data {
    /// Reads at most `options.largest_set` particles, evenly spread over the source.
    pub(crate) fn read(
        source: &dyn ParticleSource,
        options: &InitialModelOptions,
        progress: &dyn Progress,
    ) -> Result<Self, InitialModelError> {
        let (box_size, voxel_size) = (source.box_size(), source.voxel_size());
        let finest = (box_size as f64 * voxel_size / options.resolution).round() as usize;
        let band = finest.clamp(4, (box_size / 2).saturating_sub(1).max(4));
        let count = source.len().min(options.largest_set);
        let indices: Vec<usize> = (0..count).map(|i| i * source.len() / count).collect();
        let mask = SphereMask {
            radius: options.particle_diameter / 2.0 / voxel_size
                + options.shift_range / voxel_size / 2.0,
            edge: (0.06 * box_size as f64).max(2.0),
            centre: glam::DVec3::ZERO,
        };
        let wanted = Observe {
            band,
            mask: Some(mask),
        };
        let mut observations = Vec::with_capacity(count);
        for block in indices.chunks(BLOCK) {
            thon_compute::check(progress)?;
            let read: Vec<Observation> = block
                .par_iter()
                .map(|&index| {
                    let seen = source.observe(index, &wanted);
                    seen.map(|o| on_lattice(&o, band))
                        .map_err(|source| LikelihoodError::Source { index, source })
                })
                .collect::<Result<_, _>>()?;
            observations.extend(read);
        }
        Ok(Self {
            indices,
            observations,
            box_size,
            voxel_size,
            band,
        })
    }

    /// Number of particles.
    pub(crate) fn len(&self) -> usize {
        self.observations.len()
    }
}

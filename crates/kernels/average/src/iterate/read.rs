//! Particles of a unit as the sums and the likelihood take them.

use std::ops::Range;

use glam::DVec3;
use rayon::prelude::*;
use thon_likelihood::{Observation, Observe, ParticleSource, Placement, SphereMask, Whitened};

use super::prepare::Prepared;
use crate::noise::observe;
use crate::options::TargetOptions;
use crate::{AverageError, State};

/// One particle as it was read.
pub(super) struct Seen {
    /// With the scale of its group.
    pub(super) observation: Observation,
    pub(super) whitened: Whitened,
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

pub(super) fn read_unit(
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

pub(super) fn read_unmasked(
    source: &dyn ParticleSource,
    prepared: &Prepared<'_>,
    unit: Range<usize>,
) -> Result<Vec<Whitened>, AverageError> {
    let wanted = Observe {
        band: prepared.sums_band,
        mask: None,
    };
    unit.into_par_iter()
        .map(|index| {
            let mut whitened = see(source, prepared.state, index, &wanted)?.whitened;
            leave_out_nyquist_planes(&mut whitened);
            Ok(whitened)
        })
        .collect()
}

/// Leaves out the samples of a volume whose frequency along an axis is Nyquist's: +n/2 and −n/2 are one value there.
fn leave_out_nyquist_planes(particle: &mut Whitened) {
    let geometry = &particle.geometry;
    if geometry.lattice.is_none() || !geometry.box_size.is_multiple_of(2) {
        return;
    }
    let limit = (geometry.box_size / 2) as f32 - 0.5;
    for i in geometry.count_to(geometry.box_size / 2 - 1)..geometry.len() {
        if geometry.positions[i].iter().any(|c| c.abs() > limit) {
            particle.products[i] = num_complex::Complex32::default();
            particle.weights[i] = 0.0;
        }
    }
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

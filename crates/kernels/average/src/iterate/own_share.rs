//! What each particle finds of itself in the map that it was averaged into (see [`thon_likelihood::OwnShare`]), and what the
//! map's own uncertainty leaves of the data's weight.
//!
//! A half map is D/(W + 1/τ²) of all its particles. A particle of weight w at q has the leverage h = w/(W + 1/τ²) there. Its residual
//! against the map has the power P(1 − h) instead of P, and against a map without it P/(1 − h): noise is estimated by the first,
//! and data are compared with the weight 1 − h, so that stated uncertainties know of the noise in the reference.

use thon_likelihood::{
    Observation, OwnMap, OwnShare, Placement, RepresentativeOptions, Whitened, representatives,
};

use super::maximise::solvent_mask;
use crate::report::Search;
use crate::state::{Head, State};

/// Leverages beyond this are taken for this: one particle alone does not make a map.
const LARGEST: f64 = 0.5;

/// Maps that hold the particles they are compared with.
pub(super) struct OwnShares<'a> {
    state: &'a State,
    group: Vec<glam::DQuat>,
    /// Mean of the squares of the masks, and mean square of a coordinate within them, voxels².
    fraction: f64,
    extent: f64,
    /// How posteriors were represented in the maps.
    represented: RepresentativeOptions,
}

impl<'a> OwnShares<'a> {
    /// None where maps do not come from the particles.
    pub(super) fn new(state: &'a State, represented: RepresentativeOptions) -> Option<Self> {
        let head = &state.head;
        if head.information.len() != state.maps() || state.posteriors.is_empty() {
            return None;
        }
        let [fraction, extent] = moments(state);
        Some(Self {
            state,
            group: head.task.target().symmetry.rotations(),
            fraction,
            extent,
            represented: RepresentativeOptions {
                band: head.summed_band,
                seed: represented.seed.wrapping_sub(1),
                ..represented
            },
        })
    }

    fn information(&self, index: usize) -> &[f64] {
        &self.state.head.information[usize::from(self.state.halves[index])]
    }

    /// The share of a particle in its map.
    pub(super) fn of(&self, index: usize, particle: &Whitened) -> OwnShare {
        let map = OwnMap {
            information: self.information(index),
            fraction: self.fraction,
            extent: self.extent,
            group: &self.group,
        };
        OwnShare::new(particle, &map, self.summed(index))
    }

    /// Where a particle was summed.
    fn summed(&self, index: usize) -> Vec<(Placement, f64)> {
        let posterior = &self.state.posteriors[index];
        let fixed = |head: &Head| {
            head.reports
                .last()
                .is_some_and(|r| r.search == Search::Fixed)
        };
        if fixed(&self.state.head) {
            let modes = posterior.modes.iter();
            return modes.map(|mode| (mode.placement, mode.weight)).collect();
        }
        let chosen = representatives(posterior, index as u64, &self.represented);
        chosen.iter().map(|r| (r.placement, r.weight)).collect()
    }

    /// The particle with the weight that its map's uncertainty leaves it.
    pub(super) fn discounted(&self, index: usize, particle: &Whitened) -> Whitened {
        let mut particle = particle.clone();
        for ((_, range), information) in particle.geometry.shells().zip(self.information(index)) {
            for i in range {
                let left = (1.0 - leverage(particle.weights[i], *information)) as f32;
                particle.products[i] *= left;
                particle.weights[i] *= left;
            }
        }
        particle
    }

    /// Residual powers and weights by shell, the weights less what the particle has in its map.
    pub(super) fn unbiased(
        &self,
        index: usize,
        mut residual: Vec<[f64; 2]>,
        observation: &Observation,
        particle: &Whitened,
    ) -> Vec<[f64; 2]> {
        let shells = particle.geometry.shells().zip(self.information(index));
        for (((_, range), information), sums) in shells.zip(&mut residual) {
            let left = range.map(|i| {
                let left = 1.0 - leverage(particle.weights[i], *information);
                f64::from(observation.weights[i]) * left
            });
            sums[1] = left.sum();
        }
        residual
    }
}

fn leverage(weight: f32, information: f64) -> f64 {
    if information > 0.0 {
        (f64::from(weight) / information).min(LARGEST)
    } else {
        0.0
    }
}

/// Mean over the box of the data's mask squared times the map's mask, and the mean square of a coordinate under them.
fn moments(state: &State) -> [f64; 2] {
    let head = &state.head;
    let (n, target) = (head.box_size, head.task.target());
    let sphere = solvent_mask(target, n, head.voxel_size);
    let of_map = state.mask.as_deref().unwrap_or(&sphere);
    let centre = (n / 2) as f64;
    let (mut sum, mut second) = (0.0, 0.0);
    for (i, (ball, mask)) in sphere.iter().zip(of_map).enumerate() {
        let of_data = if target.mask_data {
            f64::from(*ball)
        } else {
            1.0
        };
        let weight = of_data * of_data * f64::from(*mask);
        let radius: f64 = [i % n, i / n % n, i / n / n]
            .iter()
            .map(|c| (*c as f64 - centre).powi(2))
            .sum();
        sum += weight;
        second += weight * radius / 3.0;
    }
    [sum / n.pow(3) as f64, second / sum.max(1e-9)]
}

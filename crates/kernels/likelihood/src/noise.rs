//! The power of the noise per group, shell and direction, and data in units of it.
//!
//! P(q) = P_group(shell) · shape(q). The shape holds what a shell's mean cannot: in a subtomogram made of tilt images the
//! noise falls with the number of tilts that contribute to a voxel. Masking an image leaves `mask_fraction` of the noise
//! power in every coefficient and correlates them; powers here are those of unmasked noise, so that the likelihood of
//! masked data counts independent values only.

use std::collections::BTreeMap;
use std::sync::Arc;

use num_complex::Complex32;
use serde::{Deserialize, Serialize};

use crate::residual::GeometrySums;
use crate::{Observation, Residual, ResidualSums, SampleGeometry};

/// Particles of one geometry from which on its shape is estimated.
const SHAPE_PARTICLES: u64 = 50;
/// Samples of all groups that a group's estimate of a shell is mixed with.
const PRIOR_SAMPLES: f64 = 20.0;
/// Shapes stay within this factor of 1.
const SHAPE_RANGE: f64 = 30.0;

/// Noise powers E|noise|² of unmasked data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseModel {
    /// `[group][shell]`.
    pub shells: Vec<Vec<f64>>,
    /// Relative power of every sample of a geometry (by its label), mean 1 in each shell; none: 1. Estimated once, in the largest
    /// band; smaller bands of the geometry have its beginning.
    pub shapes: BTreeMap<u64, Vec<f32>>,
}

/// An observation in units of its noise: all that poses and maps depend on.
#[derive(Clone, Debug)]
pub struct Whitened {
    /// Where the samples lie.
    pub geometry: Arc<SampleGeometry>,
    /// D/P.
    pub products: Vec<Complex32>,
    /// W/P.
    pub weights: Vec<f32>,
}

impl NoiseModel {
    /// Powers from the data alone, as if the particles were all noise: what the first iteration starts from.
    pub fn initial<'a>(observations: impl IntoIterator<Item = &'a Observation>) -> Self {
        let mut sums = ResidualSums::new();
        for observation in observations {
            sums.add(observation, &Residual::of_data(observation));
        }
        Self::estimate(&sums)
    }

    /// Powers from residuals: Σ|D − W V|²/ΣW of each group and shell, and the shape of each geometry with enough
    /// particles (50), smoothed over the 27 lattice neighbours, with mean 1 in each shell.
    ///
    /// Each group's shell is mixed with 20 samples' worth of the mean of all groups; a shell without samples takes the
    /// power of the shell below it.
    pub fn estimate(sums: &ResidualSums) -> Self {
        let shells = sums.shells.iter().map(Vec::len).max().unwrap_or(0);
        let total = |shell: usize| {
            let groups = sums.shells.iter().zip(&sums.samples);
            groups
                .filter_map(|(s, n)| Some((s.get(shell)?, n.get(shell)?)))
                .fold([0.0; 3], |a, (s, n)| [a[0] + s[0], a[1] + s[1], a[2] + n])
        };
        let totals: Vec<[f64; 3]> = (0..shells).map(total).collect();
        let of_group = |own: &Vec<[f64; 2]>| {
            let mut powers = vec![0.0; shells];
            for shell in 0..shells {
                let [power, weight, samples] = totals[shell];
                let mixed = PRIOR_SAMPLES / samples.max(1.0);
                let [a, b] = own.get(shell).copied().unwrap_or_default();
                let (power, weight) = (a + mixed * power, b + mixed * weight);
                powers[shell] = if weight > 0.0 { power / weight } else { 0.0 };
                if powers[shell] <= 0.0 && shell > 0 {
                    powers[shell] = powers[shell - 1];
                }
            }
            powers
        };
        let shapes = sums.geometries.iter();
        Self {
            shells: sums.shells.iter().map(of_group).collect(),
            shapes: shapes
                .filter(|(_, g)| g.particles >= SHAPE_PARTICLES)
                .map(|(label, g)| (*label, shape(g)))
                .collect(),
        }
    }

    /// Divides an observation by its noise power. Samples of shells without a power (or with 0) get weight 0.
    pub fn whiten(&self, observation: &Observation) -> Whitened {
        let geometry = &observation.geometry;
        let shape = self.shapes.get(&geometry.label);
        let mut products = observation.products.clone();
        let mut weights = observation.weights.clone();
        for (shell, range) in geometry.shells() {
            let power = self.power(observation.group, shell);
            for i in range {
                let power = power * shape.and_then(|s| s.get(i)).map_or(1.0, |s| f64::from(*s));
                let gain = if power > 0.0 {
                    (1.0 / power) as f32
                } else {
                    0.0
                };
                products[i] *= gain;
                weights[i] *= gain;
            }
        }
        Whitened {
            geometry: geometry.clone(),
            products,
            weights,
        }
    }

    /// Power of a group in a shell; 0 where unknown.
    pub fn power(&self, group: u32, shell: usize) -> f64 {
        let shells = self.shells.get(group as usize);
        shells.and_then(|s| s.get(shell)).copied().unwrap_or(0.0)
    }
}

/// The relative power of each sample of a geometry: of the ratio Σ|D − W V|²/ΣW over samples and their neighbours.
fn shape(sums: &GeometrySums) -> Vec<f32> {
    let mut index: BTreeMap<[i16; 3], [f64; 2]> = BTreeMap::new();
    for (i, point) in sums.points.iter().enumerate() {
        for point in [*point, point.map(|c| -c)] {
            let cell = index.entry(point).or_default();
            cell[0] += sums.powers[i];
            cell[1] += sums.weights[i];
        }
    }
    let mut shape: Vec<f64> = sums
        .points
        .iter()
        .map(|p| ratio_around(&index, *p))
        .collect();
    for range in sums.starts.windows(2).map(|w| w[0]..w[1]) {
        let measured = |i: &usize| shape[*i] > 0.0 && sums.weights[*i] > 0.0;
        let inside: Vec<usize> = range.clone().filter(measured).collect();
        let weight: f64 = inside.iter().map(|&i| sums.weights[i]).sum();
        let mean = inside
            .iter()
            .map(|&i| sums.weights[i] * shape[i])
            .sum::<f64>()
            / weight;
        for i in range {
            let known = shape[i] > 0.0 && mean > 0.0;
            let relative = if known { shape[i] / mean } else { 1.0 };
            shape[i] = relative.clamp(1.0 / SHAPE_RANGE, SHAPE_RANGE);
        }
    }
    shape.iter().map(|v| *v as f32).collect()
}

/// Σ power / Σ weight over a lattice point and its 26 neighbours; 0 without weight.
fn ratio_around(index: &BTreeMap<[i16; 3], [f64; 2]>, [x, y, z]: [i16; 3]) -> f64 {
    let mut sums = [0.0; 2];
    for dz in -1..=1 {
        for dy in -1..=1 {
            for dx in -1..=1 {
                let cell = index.get(&[x + dx, y + dy, z + dz]);
                sums[0] += cell.map_or(0.0, |c| c[0]);
                sums[1] += cell.map_or(0.0, |c| c[1]);
            }
        }
    }
    if sums[1] > 0.0 {
        sums[0] / sums[1]
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::{Scheme, SimulatedParticles, phantom};
    use crate::{Observe, ParticleSource, Reference, Representative};

    #[test]
    fn powers_and_shapes_are_those_of_the_noise() {
        let scheme = Scheme {
            particles: 120,
            box_size: 24,
            voxel_size: 10.0,
            largest_tilt: 60.0,
            signal_to_noise: 0.5,
            largest_shift: 2.0,
            seed: 2,
        };
        let map = phantom(24, 1);
        let particles = SimulatedParticles::new(std::slice::from_ref(&map), scheme);
        let references = [Reference::new(&map, 24).unwrap()];
        let wanted = Observe {
            band: 9,
            mask: None,
        };
        let mut blocks = [ResidualSums::new(), ResidualSums::new()];
        for i in 0..120 {
            let observation = particles.observe(i, &wanted).unwrap();
            let truth = Representative {
                class: 0,
                placement: particles.truth[i],
                weight: 1.0,
            };
            let residual = Residual::of_particle(&observation, &references, &[truth]);
            blocks[i / 60].add(&observation, &residual);
        }
        let [mut sums, later] = blocks;
        sums.merge(&later);
        let noise = NoiseModel::estimate(&sums);
        let geometry = particles.observe(0, &wanted).unwrap().geometry;
        let shape = &noise.shapes[&geometry.label];
        let mut away = Vec::new();
        for (shell, range) in geometry.shells().skip(2) {
            for i in range {
                let p = geometry.positions[i];
                let expected = particles.noise_power() / f64::from(0.3 * p[0].hypot(p[2])).max(1.0);
                let found = noise.power(0, shell) * f64::from(shape[i]);
                away.push((found / expected).ln().abs());
            }
        }
        away.sort_by(f64::total_cmp);
        let (median, most) = (away[away.len() / 2], away[away.len() * 95 / 100]);
        // A smaller band is seen through the beginning of the shape, not without it.
        let in_band = |band| {
            let wanted = Observe { band, mask: None };
            noise.whiten(&particles.observe(5, &wanted).unwrap())
        };
        let (all, fewer) = (in_band(9), in_band(6));
        assert!(fewer.weights.len() < all.weights.len() / 2);
        assert_eq!(fewer.weights, all.weights[..fewer.weights.len()]);
        println!("shape and power: median {median:.3}, 95 % within {most:.3} (natural logs)");
        assert!(median < 0.05 && most < 0.25, "{median} {most}");
        let initial = NoiseModel::initial(&[particles.observe(3, &wanted).unwrap()]);
        assert!(initial.shapes.is_empty());
        assert!((1..=9).all(|shell| initial.power(0, shell) > 0.5 * noise.power(0, shell)));
    }
}

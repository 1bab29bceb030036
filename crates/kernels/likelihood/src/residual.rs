//! What a placed reference leaves of the data: the sums that noise powers are estimated from.
//!
//! D − W V = c · noise, so that Σ|D − W V|² / ΣW is the power of the noise (for the shells, over all samples of a group;
//! for the shape, over the particles of a geometry), and that of unmasked noise after division by the mask's fraction.
//! A posterior counts with all its representatives. Sums are taken particle by particle in their order, and blocks of
//! particles in theirs: then they do not depend on threads or on who computed which block.

use std::collections::BTreeMap;

use glam::DMat3;
use num_complex::Complex32;
use serde::{Deserialize, Serialize};

use crate::derivatives::slice;
use crate::{Observation, Reference, Representative};

/// |D − W V|² of one particle, averaged over its representatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// Of each sample, unmasked (divided by the mask's fraction).
    powers: Vec<f32>,
}

impl Residual {
    /// Of the data alone, as if there were no particle.
    pub fn of_data(observation: &Observation) -> Self {
        let scale = 1.0 / observation.mask_fraction.max(1e-6);
        let products = observation.products.iter();
        Self {
            powers: products.map(|d| d.norm_sqr() * scale).collect(),
        }
    }

    /// Of the data without the particle; `references` are the classes. `observation` is not in units of noise.
    ///
    /// # Panics
    /// For a class without a reference.
    pub fn of_particle(
        observation: &Observation,
        references: &[Reference],
        representatives: &[Representative],
    ) -> Self {
        let geometry = &observation.geometry;
        let scale = 1.0 / observation.mask_fraction.max(1e-6);
        let mut powers = vec![0.0_f32; geometry.len()];
        let mut values = vec![Complex32::default(); geometry.len()];
        for representative in representatives {
            let reference = &references[representative.class as usize];
            let inverse = DMat3::from_quat(representative.placement.rotation.conjugate());
            slice(reference, inverse, &geometry.positions, &mut values);
            let share = representative.weight as f32 * scale;
            let turns = representative.placement.shift / geometry.box_size as f64;
            let turns = turns.as_vec3().to_array();
            for (i, power) in powers.iter_mut().enumerate() {
                let seen = values[i] * observation.weights[i];
                let phase = crate::derivatives::phase_back(turns, geometry.positions[i]);
                *power += share * (observation.products[i] * phase - seen).norm_sqr();
            }
        }
        Self { powers }
    }

    /// Sum of the powers and of the observation's weights in each shell.
    pub fn by_shell(&self, observation: &Observation) -> Vec<[f64; 2]> {
        let shells = observation.geometry.shells();
        shells
            .map(|(_, range)| {
                let sum = |values: &[f32]| values.iter().map(|v| f64::from(*v)).sum::<f64>();
                [
                    sum(&self.powers[range.clone()]),
                    sum(&observation.weights[range]),
                ]
            })
            .collect()
    }
}

/// Sums of residual powers and weights over particles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResidualSums {
    /// `[group][shell]`: Σ|D − W V|² and ΣW.
    pub(crate) shells: Vec<Vec<[f64; 2]>>,
    /// Samples that were counted `[group][shell]`.
    pub(crate) samples: Vec<Vec<f64>>,
    /// Per geometry.
    pub(crate) geometries: BTreeMap<u64, GeometrySums>,
}

/// Sums per sample of the particles of one geometry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GeometrySums {
    pub(crate) particles: u64,
    /// Σ|D − W V|² / P(shell) of the particle's own mean power in that shell, so that groups mix.
    pub(crate) powers: Vec<f64>,
    /// ΣW.
    pub(crate) weights: Vec<f64>,
    pub(crate) starts: Vec<usize>,
    /// Positions rounded to the lattice.
    pub(crate) points: Vec<[i16; 3]>,
}

impl ResidualSums {
    /// No particles yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a particle to the sums of its group and its geometry.
    pub fn add(&mut self, observation: &Observation, residual: &Residual) {
        let group = observation.group as usize;
        let shells = residual.by_shell(observation);
        if self.shells.len() <= group {
            self.shells.resize(group + 1, Vec::new());
            self.samples.resize(group + 1, Vec::new());
        }
        let (sums, samples) = (&mut self.shells[group], &mut self.samples[group]);
        if sums.len() < shells.len() {
            sums.resize(shells.len(), [0.0; 2]);
            samples.resize(shells.len(), 0.0);
        }
        for (shell, range) in observation.geometry.shells() {
            sums[shell][0] += shells[shell][0];
            sums[shell][1] += shells[shell][1];
            samples[shell] += range.len() as f64;
        }
        self.add_to_geometry(observation, residual, &shells);
    }

    fn add_to_geometry(
        &mut self,
        observation: &Observation,
        residual: &Residual,
        shells: &[[f64; 2]],
    ) {
        let geometry = &observation.geometry;
        let sums = self.geometries.entry(geometry.label).or_default();
        if sums.powers.is_empty() {
            sums.powers = vec![0.0; geometry.len()];
            sums.weights = vec![0.0; geometry.len()];
            sums.starts.clone_from(&geometry.starts);
            let points = geometry.positions.iter();
            sums.points = points.map(|p| p.map(|c| c.round() as i16)).collect();
        }
        if sums.powers.len() != geometry.len() {
            return;
        }
        sums.particles += 1;
        for (shell, range) in geometry.shells() {
            let [power, weight] = shells[shell];
            let mean = if weight > 0.0 { power / weight } else { 0.0 };
            if mean <= 0.0 {
                continue;
            }
            for i in range {
                sums.powers[i] += f64::from(residual.powers[i]) / mean;
                sums.weights[i] += f64::from(observation.weights[i]);
            }
        }
    }

    /// Adds the sums of a later block of particles.
    pub fn merge(&mut self, later: &Self) {
        for (group, shells) in later.shells.iter().enumerate() {
            if self.shells.len() <= group {
                self.shells.push(Vec::new());
                self.samples.push(Vec::new());
            }
            let (sums, samples) = (&mut self.shells[group], &mut self.samples[group]);
            if sums.len() < shells.len() {
                sums.resize(shells.len(), [0.0; 2]);
                samples.resize(shells.len(), 0.0);
            }
            for (shell, [power, weight]) in shells.iter().enumerate() {
                sums[shell][0] += power;
                sums[shell][1] += weight;
                samples[shell] += later.samples[group][shell];
            }
        }
        for (label, geometry) in &later.geometries {
            let sums = self.geometries.entry(*label).or_default();
            if sums.powers.is_empty() {
                sums.clone_from(geometry);
            } else if sums.powers.len() == geometry.powers.len() {
                sums.particles += geometry.particles;
                for i in 0..sums.powers.len() {
                    sums.powers[i] += geometry.powers[i];
                    sums.weights[i] += geometry.weights[i];
                }
            }
        }
    }
}

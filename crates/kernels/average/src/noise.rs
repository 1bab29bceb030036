//! Observations checked and scaled, and what the noise and the scales of groups are, before and after an iteration.

use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_likelihood::{
    NoiseModel, Observation, Observe, ParticleSource, Residual, ResidualSums, Whitened,
};

use crate::AverageError;
use crate::iterate::ParticleRow;

/// Particles the first noise model is estimated from, at most.
const FIRST_LOOK: usize = 128;
/// Particles of mean noise that the noise of a group is mixed with.
const MIXED: f64 = 0.5;
/// Scales stay within this factor of their mean.
const SCALE_RANGE: f64 = 5.0;

/// Noise, and how strong each group shows the particle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weighting {
    /// Power of the noise.
    pub noise: NoiseModel,
    /// Factor of the signal of each group; their mean over particles is 1.
    pub scales: Vec<f64>,
}

/// One particle of a source: checked, of the right box.
///
/// # Errors
/// [`AverageError::Source`], [`AverageError::BoxMismatch`], [`AverageError::NotFinite`].
pub(crate) fn observe(
    source: &dyn ParticleSource,
    index: usize,
    wanted: &Observe,
) -> Result<Observation, AverageError> {
    let observation = source
        .observe(index, wanted)
        .map_err(|source| AverageError::Source { index, source })?;
    let (found, expected) = (observation.geometry.box_size, source.box_size());
    if found != expected {
        return Err(AverageError::BoxMismatch {
            index,
            expected,
            found,
        });
    }
    observation.check().map_err(|error| match error {
        thon_likelihood::LikelihoodError::NotFinite { .. } => AverageError::NotFinite {
            what: format!("particle {index}"),
        },
        other => AverageError::Likelihood(other),
    })?;
    Ok(observation)
}

impl Weighting {
    /// The noise of a source, as if all its particles were noise, from up to 128 of them; scales 1.
    ///
    /// # Errors
    /// What reading meets, [`AverageError::Cancelled`].
    pub(crate) fn first(
        source: &dyn ParticleSource,
        wanted: &Observe,
        progress: &dyn Progress,
    ) -> Result<Self, AverageError> {
        let count = source.len().min(FIRST_LOOK);
        let indices: Vec<usize> = (0..count).map(|i| i * source.len() / count).collect();
        let mut sums = ResidualSums::new();
        for unit in indices.chunks(16) {
            let seen = thon_compute::parallel::try_map_indices(unit.len(), progress, |i| {
                observe(source, unit[i], wanted)
            })?;
            for observation in &seen {
                sums.add(observation, &Residual::of_data(observation));
            }
        }
        Ok(Self {
            noise: NoiseModel::estimate(&sums),
            scales: vec![1.0; source.groups()],
        })
    }

    /// An observation with the scale of its group in its transfer.
    pub(crate) fn scaled(&self, mut observation: Observation) -> Observation {
        let scale = self.scales.get(observation.group as usize).copied();
        let scale = scale.unwrap_or(1.0) as f32;
        if scale != 1.0 {
            for product in &mut observation.products {
                *product *= scale;
            }
            for weight in &mut observation.weights {
                *weight *= scale * scale;
            }
        }
        observation
    }

    /// A scaled observation in units of its noise.
    pub(crate) fn whiten(&self, observation: &Observation) -> Whitened {
        self.noise.whiten(observation)
    }

    /// Noise and scales after an iteration, from the rows of all particles in their order.
    pub(crate) fn updated(&self, rows: &[ParticleRow], rescale: bool) -> Self {
        let noise = NoiseModel {
            shells: self.shells_of(rows),
            shapes: self.noise.shapes.clone(),
        };
        let scales = if rescale && self.scales.len() > 1 {
            self.scales_of(rows)
        } else {
            self.scales.clone()
        };
        Self { noise, scales }
    }

    /// Σ residual / Σ weight of each group and shell, mixed with what half a particle of mean noise would add; shells that
    /// were not observed keep what they had.
    fn shells_of(&self, rows: &[ParticleRow]) -> Vec<Vec<f64>> {
        let groups = self.scales.len().max(1);
        let known = self.noise.shells.iter().map(Vec::len).max().unwrap_or(0);
        let shells = rows.iter().map(|row| row.residual.len()).max();
        let shells = shells.unwrap_or(0);
        // Power, weight, particles.
        let mut sums = vec![vec![[0.0; 3]; shells]; groups];
        let mut total = vec![[0.0; 3]; shells];
        for row in rows {
            let own = &mut sums[(row.group as usize).min(groups - 1)];
            for ((own, total), [power, weight]) in own.iter_mut().zip(&mut total).zip(&row.residual)
            {
                for sum in [own, total] {
                    sum[0] += power;
                    sum[1] += weight;
                    sum[2] += 1.0;
                }
            }
        }
        let power = |group: usize, shell: usize| {
            let before = self.noise.power(group as u32, shell);
            let (Some(own), Some(all)) = (sums[group].get(shell), total.get(shell)) else {
                return before;
            };
            if all[0] <= 0.0 || all[1] <= 0.0 {
                return before;
            }
            let mean = all[0] / all[1];
            let mixed = MIXED / own[2].max(MIXED);
            if own[1] > 0.0 {
                (own[0] / own[1] + mixed * mean) / (1.0 + mixed)
            } else {
                mean
            }
        };
        let of_group = |group| {
            (0..shells.max(known))
                .map(|shell| power(group, shell))
                .collect()
        };
        (0..groups).map(of_group).collect()
    }

    /// s ← s · ΣXA/ΣAA of each group, within a factor of five of their mean, mean 1 over particles.
    fn scales_of(&self, rows: &[ParticleRow]) -> Vec<f64> {
        let groups = self.scales.len();
        let mut sums = vec![[0.0; 3]; groups];
        for row in rows {
            let sum = &mut sums[(row.group as usize).min(groups - 1)];
            sum[0] += row.overlap[0];
            sum[1] += row.overlap[1];
            sum[2] += 1.0;
        }
        let raw: Vec<f64> = sums
            .iter()
            .zip(&self.scales)
            .map(|([cross, power, _], old)| {
                if *cross > 0.0 && *power > 0.0 {
                    old * cross / power
                } else {
                    *old
                }
            })
            .collect();
        let mean = |scales: &[f64]| {
            let weighted = scales.iter().zip(&sums).map(|(scale, sum)| scale * sum[2]);
            weighted.sum::<f64>() / rows.len().max(1) as f64
        };
        let middle = mean(&raw);
        let clipped: Vec<f64> = raw
            .iter()
            .map(|scale| scale.clamp(middle / SCALE_RANGE, middle * SCALE_RANGE))
            .collect();
        let middle = mean(&clipped);
        clipped.iter().map(|scale| scale / middle).collect()
    }
}

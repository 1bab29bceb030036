//! From the sums to the map: D/(W + 1/(padding³·τ²)), inverse transform, crop, correction for the interpolation.

use rayon::prelude::*;
use thon_signal::fft::Complex32;

use super::shells::shell_of_box;
use super::{ExpectedSums, Regulariser};
use crate::ReconstructError;
use crate::completed::{radial_mean, real_space, shell};

impl ExpectedSums {
    /// The map `[n, n, n]`, its origin at voxel ⌊n/2⌋; nothing beyond the band.
    ///
    /// # Errors
    /// [`ReconstructError::EmptySums`] without a placement, [`ReconstructError::Parameter`] for a floor or τ² that is
    /// negative or not finite.
    pub fn solve(&self, regulariser: &Regulariser) -> Result<Vec<f32>, ReconstructError> {
        if self.placements() == 0 {
            return Err(ReconstructError::EmptySums);
        }
        let floor = regulariser.weight_floor;
        if !(floor.is_finite() && floor > 0.0) {
            return Err(ReconstructError::parameter(
                "weight_floor",
                &floor,
                "a positive number",
            ));
        }
        for tau2 in regulariser.tau2.iter().flatten() {
            if !(tau2.is_finite() && *tau2 >= 0.0) {
                return Err(ReconstructError::parameter(
                    "tau2",
                    tau2,
                    "0 or a positive number",
                ));
            }
        }
        let (mut data, weight) = self.completed();
        self.divide(&mut data, &weight, regulariser);
        drop(weight);
        Ok(real_space(
            self.space(),
            self.box_size(),
            self.padding(),
            &data,
        ))
    }

    /// data / (weight + prior).
    fn divide(&self, data: &mut [Complex32], weight: &[f32], regulariser: &Regulariser) {
        let space = self.space();
        let floors: Vec<f32> = radial_mean(space, weight)
            .into_iter()
            .map(|mean| (mean * regulariser.weight_floor) as f32)
            .collect();
        // What the prior adds in each shell of the box.
        let added: Vec<f32> = (0..floors.len())
            .map(|shell| self.prior(shell, regulariser))
            .collect();
        let padding = self.padding();
        data.par_chunks_mut(space.plane())
            .zip(weight.par_chunks(space.plane()))
            .enumerate()
            .for_each(|(z, (data, weight))| {
                for (i, (value, weight)) in data.iter_mut().zip(weight).enumerate() {
                    let added = added[shell_of_box(space, padding, z, i)];
                    let divisor = (weight + added).max(floors[shell(space, z, i)]);
                    *value = if divisor > 0.0 {
                        *value / divisor
                    } else {
                        Complex32::default()
                    };
                }
            });
    }

    /// 1/(padding³·τ²) of a shell of the box; infinite without signal.
    fn prior(&self, shell: usize, regulariser: &Regulariser) -> f32 {
        match &regulariser.tau2 {
            Some(tau2) if shell >= regulariser.first_shell => {
                let tau2 = tau2.get(shell).copied().unwrap_or(0.0);
                (1.0 / (self.padding().pow(3) as f64 * tau2)) as f32
            }
            _ => 0.0,
        }
    }
}

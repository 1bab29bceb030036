//! From the sums to the map: D/(W + 1/(padding³·τ²)), inverse transform, crop, correction for the interpolation.

use rayon::prelude::*;
use thon_signal::fft::Complex32;

use super::{ExpectedSums, Regulariser};
use crate::ReconstructError;
use crate::completed::{Shells, real_space};

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
        let data = self.divided(regulariser);
        Ok(real_space(
            self.space(),
            self.box_size(),
            self.padding(),
            &data,
        ))
    }

    /// D / (W + prior) of every element.
    fn divided(&self, regulariser: &Regulariser) -> Vec<Complex32> {
        let (space, quanta) = (self.space(), self.quanta());
        let (of_padded, of_box) = (Shells::new(space, 1), Shells::new(space, self.padding()));
        let floors: Vec<f32> = self
            .mean_weights(&of_padded)
            .into_iter()
            .map(|mean| (mean * regulariser.weight_floor) as f32)
            .collect();
        // What the prior adds in each shell of the box.
        let added: Vec<f32> = (0..floors.len())
            .map(|shell| self.prior(shell, regulariser))
            .collect();
        let value = |[re, im, weight]: [i64; 3], shells: [u16; 2]| {
            let [padded, of_box] = shells.map(usize::from);
            let weight = (weight as f64 * quanta.weights) as f32;
            let divisor = (weight + added[of_box]).max(floors[padded]);
            if divisor > 0.0 {
                let [re, im] = [re, im].map(|sum| (sum as f64 * quanta.products) as f32);
                Complex32::new(re, im) / divisor
            } else {
                Complex32::default()
            }
        };
        let mut data = vec![Complex32::default(); space.len()];
        let rows = data.par_chunks_exact_mut(space.width()).enumerate();
        rows.for_each(|(row, values)| {
            let elements = &self.elements[row * space.width()..][..space.width()];
            let shells = of_padded.of_row(row).zip(of_box.of_row(row));
            for ((value_of, element), (a, b)) in values.iter_mut().zip(elements).zip(shells) {
                *value_of = value(*element, [a, b]);
            }
            // Elements with x = 0 got only the share of samples from x ≥ 0: with that of their Friedel mates.
            let mate = (space.height() * space.height() - 1 - row) * space.width();
            let ([a, b, c], [d, e, f]) = (elements[0], self.elements[mate]);
            let first = |shells: &Shells| shells.of_row(row).next().unwrap_or(0);
            values[0] = value([a + d, b - e, c + f], [first(&of_padded), first(&of_box)]);
        });
        data
    }

    /// Mean weight of every shell, Friedel mates of x = 0 together.
    fn mean_weights(&self, shells: &Shells) -> Vec<f64> {
        let width = self.space().width();
        let mut sums = vec![(0.0, 0_u64); shells.count()];
        for (row, elements) in self.elements.chunks_exact(width).enumerate() {
            for (x, (element, shell)) in elements.iter().zip(shells.of_row(row)).enumerate() {
                let (sum, count) = &mut sums[usize::from(shell)];
                *sum += element[2] as f64 * if x == 0 { 2.0 } else { 1.0 };
                *count += 1;
            }
        }
        let mean = |(sum, count): (f64, u64)| sum * self.quanta().weights / count.max(1) as f64;
        sums.into_iter().map(mean).collect()
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

//! Sums by shell: mean weights, the correlation of two half sets, and what they share at low resolution.

use ndarray::Array3;
use rayon::prelude::*;
use thon_signal::fft::Fft3;
use thon_signal::shells::fsc_of_spectra;

use super::{ExpectedSums, Regulariser};
use crate::ReconstructError;
use crate::completed::Shells;

impl ExpectedSums {
    /// Information per component of the box, by shell 0 … band: padding³ times the mean weight. Its inverse is the power
    /// E|noise|² of the noise in the transform of the map, where weights are even over a shell.
    pub fn shell_weights(&self) -> Vec<f64> {
        let (space, padding) = (self.space(), self.padding());
        // Half of the x = 0 plane was caught by each mate: counted half, it is in line with the rest.
        let shells = Shells::new(space, padding);
        let mut sums = vec![(0_i128, 0_u64); self.band() + 1];
        for (row, elements) in self.elements.chunks_exact(space.width()).enumerate() {
            for (x, (element, shell)) in elements.iter().zip(shells.of_row(row)).enumerate() {
                if let Some((sum, halves)) = sums.get_mut(usize::from(shell)) {
                    *sum += i128::from(element[2]);
                    *halves += 2 - u64::from(x == 0);
                }
            }
        }
        let scale = padding.pow(3) as f64 * self.quanta().weights * 2.0;
        sums.into_iter()
            .map(|(sum, halves)| sum as f64 * scale / halves.max(1) as f64)
            .collect()
    }

    /// Fourier shell correlation of the unregularised, unmasked maps of two half sets, by shell 0 … band. It belongs to the
    /// box as [`ExpectedSums::shell_weights`] do: shortcuts past the real-space box weigh its noise differently.
    ///
    /// # Errors
    /// [`ReconstructError::DifferentSums`], [`ReconstructError::EmptySums`].
    pub fn correlation(&self, other: &Self) -> Result<Vec<f64>, ReconstructError> {
        self.check_kind(other)?;
        let dims = [self.box_size(); 3];
        let spectrum = |sums: &Self| {
            let map = Array3::from_shape_vec(dims, sums.solve(&Regulariser::none())?);
            let map = map.expect("a map has n³ voxels");
            Ok::<_, ReconstructError>(Fft3::plan(dims).forward(&map))
        };
        let mut fsc = fsc_of_spectra(&spectrum(self)?, &spectrum(other)?, dims).fsc;
        fsc.truncate(self.band() + 1);
        Ok(fsc)
    }

    /// Gives both half sets the mean of their sums in the shells of the box below `shell`, where their orientations agree
    /// too well to be told apart. Their correlation counts as 1 there from then on ([`ExpectedSums::correlation`] finds a little
    /// less, as the edge of the box mixes shells).
    ///
    /// # Errors
    /// [`ReconstructError::DifferentSums`].
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    pub fn join_below(a: &mut Self, b: &mut Self, shell: usize) -> Result<(), ReconstructError> {
        a.check_kind(b)?;
        let space = a.space();
        let shells = Shells::new(space, a.padding());
        let rows = a.elements.par_chunks_exact_mut(space.width());
        let rows = rows.zip(b.elements.par_chunks_exact_mut(space.width()));
        rows.enumerate().for_each(|(row, (a, b))| {
            for ((a, b), found) in a.iter_mut().zip(b).zip(shells.of_row(row)) {
                if usize::from(found) < shell {
                    for (a, b) in a.iter_mut().zip(b) {
                        *a = (*a + *b) >> 1;
                        *b = *a;
                    }
                }
            }
        });
        let filled = a.filled.max(b.filled);
        (a.filled, b.filled) = (filled, filled);
        Ok(())
    }
}

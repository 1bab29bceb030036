//! The FSC a mask adds by itself, measured and taken out; weights from an FSC.
//!
//! FSC_true = (FSC_masked − FSC_random)/(1 − FSC_random) from two shells beyond the first randomised one on, and
//! FSC_masked before (Chen et al. 2013, with RELION's safety margin of two shells).

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::{
    Counting, LibraryRandom, ShellCorrelation, fsc_of_spectra_counting, randomise_as_relion,
    randomise_spectrum_phases,
};
use crate::fft::{Complex32, Fft3};

/// Shells beyond the first randomised one before the correction starts.
const MARGIN: usize = 2;

/// The four curves of a masked FSC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CorrectedCorrelation {
    /// Without a mask.
    pub unmasked: ShellCorrelation,
    /// Of the masked half maps.
    pub masked: ShellCorrelation,
    /// Of the half maps with phases randomised, then masked: what the mask alone makes.
    pub randomised: ShellCorrelation,
    /// Masked, less what the mask alone makes.
    pub corrected: ShellCorrelation,
    /// First shell whose phases were randomised.
    pub randomised_from: usize,
}

/// Where random phases come from.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RandomPhases {
    /// Independent of the shell they begin at and of threads; the fields stay real.
    #[default]
    Own,
    /// The stream that RELION draws with the same seed, on GNU/Linux: its curves number by number.
    Relion,
}

/// How a masked FSC is made and corrected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MaskCorrection {
    /// Phases are randomised from the first shell where the unmasked FSC is below this on (RELION: 0.8).
    pub randomise_below: f64,
    /// Independent randomisations whose curves are averaged; RELION takes one. At least one is made.
    pub randomisations: usize,
    /// How coefficients are counted.
    pub counting: Counting,
    /// Where the random phases come from.
    pub phases: RandomPhases,
    /// Seed of the random phases; the lower 32 bits of it for RELION's.
    pub seed: u64,
}

impl Default for MaskCorrection {
    fn default() -> Self {
        Self {
            randomise_below: 0.8,
            randomisations: 1,
            counting: Counting::Whole,
            phases: RandomPhases::Own,
            seed: 1,
        }
    }
}

/// FSC of two half maps inside a mask with the mask's own contribution removed.
///
/// `mask` is 0 to 1; all three arrays have the same extents. Cost: 4 + 4·randomisations transforms.
///
/// # Panics
/// When the extents differ.
pub fn corrected_fsc(
    half1: &Array3<f32>,
    half2: &Array3<f32>,
    mask: &Array3<f32>,
    how: MaskCorrection,
) -> CorrectedCorrelation {
    assert_eq!(half1.shape(), mask.shape(), "half map against mask");
    assert_eq!(half2.shape(), mask.shape(), "half map against mask");
    let (nz, ny, nx) = mask.dim();
    let dims = [nz, ny, nx];
    let plan = Fft3::plan(dims);
    let spectra = [half1, half2].map(|half| plan.forward(half));
    let fsc = |[a, b]: &[Array3<Complex32>; 2]| fsc_of_spectra_counting(a, b, dims, how.counting);
    let unmasked = fsc(&spectra);
    let randomised_from = unmasked.last_shell_above(how.randomise_below) + 1;
    let masked = fsc(&[half1, half2].map(|half| plan.forward(&(half * mask))));
    let mut stream = LibraryRandom::new(how.seed as u32);
    let mut scrambled = |number: usize, round: u64| {
        let mut spectrum = spectra[number].clone();
        match how.phases {
            RandomPhases::Relion => {
                randomise_as_relion(&mut spectrum, dims, randomised_from, &mut stream);
            }
            RandomPhases::Own => {
                let seed = how.seed.wrapping_mul(2).wrapping_add(number as u64);
                let seed = seed.wrapping_add(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                randomise_spectrum_phases(&mut spectrum, dims, randomised_from, seed);
            }
        }
        plan.forward(&(plan.inverse(&spectrum) * mask))
    };
    let rounds = how.randomisations.max(1) as u64;
    let mut randomised = fsc(&[0, 1].map(|number| scrambled(number, 0)));
    for round in 1..rounds {
        let next = fsc(&[0, 1].map(|number| scrambled(number, round)));
        for (sum, value) in randomised.fsc.iter_mut().zip(next.fsc) {
            *sum += value;
        }
    }
    for sum in &mut randomised.fsc {
        *sum /= rounds as f64;
    }
    let corrected = ShellCorrelation {
        fsc: correct_for_mask(&masked.fsc, &randomised.fsc, randomised_from),
        ..masked.clone()
    };
    CorrectedCorrelation {
        unmasked,
        masked,
        randomised,
        corrected,
        randomised_from,
    }
}

/// FSC_true from the masked curve and the masked curve of randomised phases, shell by shell.
///
/// ```
/// use thon_signal::shells::correct_for_mask;
/// // Shells 0 to 3 with phases randomised from shell 0 on: the correction starts two shells later.
/// let corrected = correct_for_mask(&[1.0, 0.9, 0.8, 0.5], &[1.0, 0.9, 0.6, 0.3], 0);
/// assert_eq!(corrected[..2], [1.0, 0.9]);
/// assert!((corrected[2] - 0.5).abs() < 1e-12);
/// ```
pub fn correct_for_mask(masked: &[f64], randomised: &[f64], randomised_from: usize) -> Vec<f64> {
    let true_value = |(shell, (&m, &r)): (usize, (&f64, &f64))| {
        if shell < randomised_from + MARGIN || r >= 1.0 {
            m
        } else {
            (m - r) / (1.0 - r)
        }
    };
    masked
        .iter()
        .zip(randomised)
        .enumerate()
        .map(true_value)
        .collect()
}

/// FSC of the sum of both halves against the truth, 2·FSC/(1 + FSC); negative values count as 0.
pub fn joined_fsc(fsc: f64) -> f64 {
    let fsc = fsc.clamp(0.0, 1.0);
    2.0 * fsc / (1.0 + fsc)
}

/// Amplitude weight of the sum of both halves, √(2·FSC/(1 + FSC)) (Rosenthal & Henderson 2003).
pub fn fsc_weight(fsc: f64) -> f64 {
    joined_fsc(fsc).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correction_starts_two_shells_late() {
        let corrected = correct_for_mask(&[1.0, 0.9, 0.8, 0.7, 0.6], &[1.0, 1.0, 0.5, 0.4, 0.2], 1);
        let expected = [1.0, 0.9, 0.8, 0.5, 0.5];
        assert!(
            corrected
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-12),
            "{corrected:?}"
        );
    }

    #[test]
    fn weights_have_their_known_values() {
        assert!((fsc_weight(0.143) - 0.5002).abs() < 1e-3);
        assert_eq!([fsc_weight(1.0), fsc_weight(-0.2)], [1.0, 0.0]);
    }
}

//! Spectra by shell: power, Fourier shell correlation, phase randomisation, the Guinier curve.
//!
//! The shell of frequency index k is round(|k|) for a cubic box, as RELION counts; for other boxes the radius is
//! measured on the longest axis, |k|·n = n·√Σ(kᵢ/nᵢ)². Shells run from 0 to floor(n/2); corners beyond are left out.
//! Every Fourier coefficient counts once: half spectra are weighted 2 where the mirror is not stored. RELION adds
//! the stored half as it is, which counts x = 0 twice against the rest; [`Counting::Stored`] does the same where curves
//! are to equal RELION's. Sums are f64, plane by plane, in an order that does not depend on the number of threads.

mod correlation;
mod guinier;
mod layout;
mod library_random;
mod postprocess;
mod power;
mod randomise;

pub use correlation::{
    ShellCorrelation, frc, fsc, fsc_counting, fsc_of_spectra, fsc_of_spectra_counting,
};
pub use guinier::{GuinierCurve, LineFit, fit_line, guinier_curve};
pub use layout::{Counting, Shells};
pub use library_random::{LibraryRandom, randomise_as_relion};
pub use postprocess::{
    CorrectedCorrelation, MaskCorrection, RandomPhases, correct_for_mask, corrected_fsc,
    fsc_weight, joined_fsc,
};
pub use power::{ShellPower, radial_average3, shell_power};
pub use randomise::{randomise_phases, randomise_spectrum_phases};

#[cfg(test)]
mod tests;

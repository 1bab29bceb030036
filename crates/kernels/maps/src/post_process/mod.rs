//! From two half maps to one sharpened map with an honest resolution.
//!
//! The order of RELION's post-processing (Bharat & Scheres 2016, step 23): FSC inside the mask,
//! corrected for the mask by phase randomisation (Chen et al. 2013); mean of the halves; division by
//! the detector's MTF; weighting by √(2·FSC/(1+FSC)) (Rosenthal & Henderson 2003); B factor from a
//! Guinier fit or as given; low-pass at the resolution.

mod curve;
mod doubts;
mod options;
mod sharpen;
#[cfg(test)]
mod tests;

use ndarray::Array3;
use thon_model::{Map, Mask};
use thon_signal::fft::{Complex32, Fft3};
use thon_signal::shells::{
    CorrectedCorrelation, GuinierCurve, LineFit, corrected_fsc, fsc_of_spectra, guinier_curve,
};
use thon_units::{Angstrom, SquareAngstrom};

pub use curve::{TransferCurve, particle_fraction_fsc};
pub use options::{BFactorChoice, PostProcessOptions};
pub(crate) use sharpen::low_pass_at;
pub use sharpen::{fsc_weights, shell_filter};

/// Share of a mask's volume that is taken to be protein when the unmasked FSC is rescaled to the particle, as RELION has it.
pub const PROTEIN_SHARE: f64 = 0.476;

/// Why half maps cannot be post-processed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PostProcessError {
    /// Sizes or voxel sizes differ.
    #[error(
        "{what} differ: {first} against {second}\nhint: both half maps and the mask must come from the same box"
    )]
    Mismatch {
        /// Which quantity.
        what: &'static str,
        /// Of the first map.
        first: String,
        /// Of the other.
        second: String,
    },
    /// The mask keeps nothing.
    #[error("the mask is black: its values sum to {0}\nhint: lower the threshold of the mask")]
    BlackMask(f64),
    /// The halves do not even agree in the first shell.
    #[error(
        "the half maps do not agree: masked FSC of the first shell is {0:.3}\nhint: are they halves of the same particle set, and is the mask on the particle?"
    )]
    NoAgreement(f64),
    /// Not enough shells for a Guinier fit.
    #[error(
        "a B factor cannot be fitted between {low:.1} and {high:.1} Å\nhint: the maps end before {low:.1} Å; give a B factor or start the fit at lower resolution"
    )]
    NoGuinierRange {
        /// Where the fit was to start.
        low: f64,
        /// The resolution.
        high: f64,
    },
}

/// What comes out of post-processing.
#[derive(Clone, Debug)]
pub struct PostProcessed {
    /// The sharpened map, unmasked.
    pub map: Map,
    /// The sharpened map times the mask.
    pub masked_map: Map,
    /// The four FSC curves.
    pub correlation: CorrectedCorrelation,
    /// Unmasked FSC rescaled to the particle's share of the box, [`PROTEIN_SHARE`] of the mask.
    pub particle_fraction: Vec<f64>,
    /// Voxels of the box over voxels where the mask exceeds one half.
    pub box_over_mask: f64,
    /// Last shell before the corrected FSC falls below 0.143.
    pub resolution: Angstrom,
    /// True when the masked FSC stays above 0.8 to the end: the mask, or the box, is unsuitable.
    pub never_drops: bool,
    /// B factor applied; negative sharpens.
    pub b_factor: SquareAngstrom,
    /// Guinier curves: of the mean map, after FSC weighting, after sharpening.
    pub guinier: [GuinierCurve; 3],
    /// The straight line fitted to the weighted curve, when it was.
    pub fit: Option<LineFit>,
}

/// Post-processes two half maps inside a mask.
///
/// # Errors
/// When boxes or voxel sizes differ, the mask is black, the halves do not agree at all, or there is
/// no range for a Guinier fit that was asked for.
pub fn post_process(
    halves: [&Map; 2],
    mask: &Mask,
    transfer: Option<&TransferCurve>,
    options: &PostProcessOptions,
) -> Result<PostProcessed, PostProcessError> {
    check_boxes(halves, mask)?;
    let [first, second] = halves.map(|half| &half.data);
    let correlation = corrected_fsc(first, second, &mask.0.data, options.mask_correction());
    sharpen_halves(halves, mask, correlation, transfer, options)
}

/// Post-processes two half maps whose FSC inside the mask is known.
///
/// # Errors
/// As [`post_process`].
pub fn sharpen_halves(
    halves: [&Map; 2],
    mask: &Mask,
    correlation: CorrectedCorrelation,
    transfer: Option<&TransferCurve>,
    options: &PostProcessOptions,
) -> Result<PostProcessed, PostProcessError> {
    let inside = check_boxes(halves, mask)?;
    let voxel_size = halves[0].voxel_size.0;
    let resolution = correlation
        .corrected
        .resolution(options.threshold, voxel_size)
        .ok_or(PostProcessError::NoAgreement(
            correlation.masked.fsc.get(1).copied().unwrap_or(0.0),
        ))?;

    let dims = halves[0].dims();
    let plan = Fft3::plan(dims);
    let mut spectrum = plan.forward(&((&halves[0].data + &halves[1].data) * 0.5));
    if let Some(transfer) = transfer {
        shell_filter(&mut spectrum, dims, |frequency, _| {
            1.0 / transfer.at(frequency)
        });
    }
    // Amplitudes as of a transform divided by the number of voxels, as RELION's are.
    let scale = (dims.iter().product::<usize>() as f64).ln();
    let guinier = |spectrum: &Array3<Complex32>| {
        let mut curve = guinier_curve(spectrum, dims, voxel_size, options.counting);
        for value in curve.log_amplitude.iter_mut().filter(|v| **v > f64::MIN) {
            *value -= scale;
        }
        curve
    };
    let original = guinier(&spectrum);
    if options.fsc_weighting {
        let weights = fsc_weights(&correlation.corrected.fsc);
        shell_filter(&mut spectrum, dims, |_, shell| {
            weights.get(shell).copied().unwrap_or(0.0)
        });
    }
    let weighted = guinier(&spectrum);
    let (b_factor, fit) = options.b_factor.choose(&weighted, resolution)?;
    let low_pass = options.low_pass.map_or(resolution, |d| d.0);
    sharpen::sharpen(&mut spectrum, dims, voxel_size, b_factor);
    let sharpened = guinier(&spectrum);
    sharpen::cut(&mut spectrum, dims, voxel_size, low_pass);

    let data: Array3<f32> = plan.inverse(&spectrum);
    let box_over_mask = data.len() as f64 / inside;
    let masked = Map::new(&data * &mask.0.data, halves[0].voxel_size);
    let share = PROTEIN_SHARE * box_over_mask;
    Ok(PostProcessed {
        map: Map::new(data, halves[0].voxel_size),
        masked_map: masked,
        particle_fraction: particle_fraction_fsc(&correlation.unmasked.fsc, share),
        never_drops: correlation.masked.fsc.iter().skip(1).all(|&fsc| fsc > 0.8),
        correlation,
        box_over_mask,
        resolution: Angstrom(resolution),
        b_factor,
        guinier: [original, weighted, sharpened],
        fit,
    })
}

/// FSC of two maps of the same box, unmasked.
///
/// # Errors
/// When boxes or voxel sizes differ.
pub fn fsc_of_maps(
    a: &Map,
    b: &Map,
) -> Result<thon_signal::shells::ShellCorrelation, PostProcessError> {
    check_pair(a, b)?;
    let plan = Fft3::plan(a.dims());
    Ok(fsc_of_spectra(
        &plan.forward(&a.data),
        &plan.forward(&b.data),
        a.dims(),
    ))
}

pub(crate) fn check_pair(a: &Map, b: &Map) -> Result<(), PostProcessError> {
    let mismatch = |what, first: String, second: String| PostProcessError::Mismatch {
        what,
        first,
        second,
    };
    if a.dims() != b.dims() {
        return Err(mismatch(
            "box sizes (z, y, x)",
            format!("{:?}", a.dims()),
            format!("{:?}", b.dims()),
        ));
    }
    // Headers hold the voxel size as f32 cell edges: 0.1 % covers their rounding.
    if (a.voxel_size / b.voxel_size - 1.0).abs() > 1e-3 {
        return Err(mismatch(
            "voxel sizes",
            a.voxel_size.to_string(),
            b.voxel_size.to_string(),
        ));
    }
    Ok(())
}

/// Voxels where the mask exceeds one half, after all boxes were found equal.
fn check_boxes(halves: [&Map; 2], mask: &Mask) -> Result<f64, PostProcessError> {
    check_pair(halves[0], halves[1])?;
    check_pair(halves[0], &mask.0)?;
    let sum: f64 = mask.0.data.iter().map(|&v| f64::from(v)).sum();
    let inside = mask.0.data.iter().filter(|v| **v > 0.5).count();
    if sum < 1.0 || inside == 0 {
        Err(PostProcessError::BlackMask(sum))
    } else {
        Ok(inside as f64)
    }
}

//! Picks without a reference: blobs of one size by a difference of Gaussians, gold beads among them.
//!
//! The difference of two Gaussians of deviations σ and 1.6 σ approximates −∇²G (Marr & Hildreth 1980); a ball of radius R answers most
//! strongly at σ = R/√3. Answers are counted in robust deviations of all answers, or of those around (local contrast).

use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_signal::correlate::{Peak, find_peaks3};
use thon_signal::fft::{Fft3, frequency, next_fast_even_length, next_fast_length};
use thon_signal::resample::crop_or_pad3;
use thon_signal::statistics::median_and_robust_deviation;
use thon_units::{Angstrom, PixelSize};

use crate::PickError;
use crate::search::finite;

/// Ratio of the two Gaussians.
const RATIO: f64 = 1.6;

/// Which blobs are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BlobOptions {
    /// Diameter of the blobs.
    #[schemars(range(min = 1.0))]
    pub diameter: Angstrom,
    /// Smallest answer, in robust deviations of all answers.
    #[schemars(range(min = 0.0))]
    pub threshold: f32,
    /// Smallest distance between blobs; their diameter when empty.
    pub distance: Option<Angstrom>,
    /// Whether blobs are brighter than what is around them.
    pub bright: bool,
    /// Most blobs.
    #[schemars(range(min = 1))]
    pub most: usize,
}

impl Default for BlobOptions {
    fn default() -> Self {
        Self {
            diameter: Angstrom(250.0),
            threshold: 3.0,
            distance: None,
            bright: false,
            most: 100_000,
        }
    }
}

/// Blobs of a tomogram `[z, y, x]`, strongest first: position in voxels, value in robust deviations.
///
/// # Errors
/// [`PickError`]: parameters out of range, voxels that are no numbers, no contrast.
pub fn find_blobs(
    tomogram: &Array3<f32>,
    voxel_size: PixelSize,
    options: &BlobOptions,
) -> Result<Vec<Peak>, PickError> {
    let radius = 0.5 * options.diameter.0 / voxel_size.0;
    let (nz, ny, nx) = tomogram.dim();
    if !(radius >= 0.5 && radius <= 0.5 * nx.max(ny).max(nz) as f64) {
        let expected = format!("at least a voxel of {voxel_size} and at most the tomogram");
        return Err(PickError::parameter(
            "diameter",
            &options.diameter,
            expected,
        ));
    }
    if options.threshold.is_nan() {
        return Err(PickError::parameter(
            "threshold",
            &options.threshold,
            "a number",
        ));
    }
    finite("tomogram", tomogram)?;
    let answers = blob_answers(tomogram, radius, options.bright)?;
    let distance = options
        .distance
        .map_or(2.0 * radius, |d| d.0 / voxel_size.0);
    Ok(find_peaks3(
        &answers,
        options.threshold,
        distance,
        options.most,
    ))
}

/// Answers to balls of `radius` voxels, in robust deviations.
fn blob_answers(
    tomogram: &Array3<f32>,
    radius: f64,
    bright: bool,
) -> Result<Array3<f32>, PickError> {
    let (nz, ny, nx) = tomogram.dim();
    let sigma = radius / 3_f64.sqrt();
    let pad = (4.0 * RATIO * sigma).ceil() as usize;
    let dims = [
        next_fast_length(nz + pad),
        next_fast_length(ny + pad),
        next_fast_even_length(nx + pad),
    ];
    let mean = tomogram.iter().map(|v| f64::from(*v)).sum::<f64>() / tomogram.len() as f64;
    let field = crop_or_pad3(tomogram, dims, mean as f32);
    let plan = Fft3::plan(dims);
    let mut spectrum = plan.forward(&field);
    drop(field);
    let sign = if bright { 1.0 } else { -1.0 };
    let gauss = |s: f64, square: f64| (-2.0 * (std::f64::consts::PI * s).powi(2) * square).exp();
    for ((z, y, x), value) in spectrum.indexed_iter_mut() {
        let f = [
            frequency(z, dims[0]),
            frequency(y, dims[1]),
            x as f64 / dims[2] as f64,
        ];
        let square = f.iter().map(|f| f * f).sum::<f64>();
        *value *= (sign * (gauss(sigma, square) - gauss(RATIO * sigma, square))) as f32;
    }
    let answers = crop_or_pad3(&plan.inverse(&spectrum), [nz, ny, nx], 0.0);
    let values: Vec<f32> = answers.iter().copied().collect();
    let flat = PickError::Flat {
        what: "tomogram at this size of blobs",
        hint: "",
    };
    match median_and_robust_deviation(&values) {
        Some((median, deviation)) if deviation > 0.0 => {
            Ok(answers.mapv_into(|v| (v - median) / deviation))
        }
        _ => Err(flat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn balls_are_found_where_they_are_and_their_opposite_is_not() {
        let mut random = thon_compute::seed_stream(3, "blobs", 0);
        let centres = [
            [20.3, 15.0, 12.0],
            [60.0, 40.4, 20.0],
            [35.0, 60.0, 31.2],
            [30.0, 30.0, 3.0],
        ];
        let tomogram = Array3::from_shape_fn((40, 80, 90), |(z, y, x)| {
            let inside = |c: &[f64; 3]| {
                let d = ((x as f64 - c[0]).powi(2)
                    + (y as f64 - c[1]).powi(2)
                    + (z as f64 - c[2]).powi(2))
                .sqrt();
                (5.5 - d).clamp(0.0, 1.0)
            };
            let dark = centres.iter().map(inside).sum::<f64>();
            (random.random::<f64>() * 3.0 - dark) as f32
        });
        let options = BlobOptions {
            diameter: Angstrom(100.0),
            threshold: 6.0,
            ..BlobOptions::default()
        };
        let found = find_blobs(&tomogram, PixelSize(10.0), &options).unwrap();
        assert_eq!(found.len(), 4, "{found:?}");
        for c in centres {
            let near = |p: &Peak| p.position.iter().zip(c).all(|(a, b)| (a - b).abs() < 0.6);
            assert!(found.iter().any(near), "{c:?} {found:?}");
        }
        let bright = BlobOptions {
            bright: true,
            ..options
        };
        assert!(
            find_blobs(&tomogram, PixelSize(10.0), &bright)
                .unwrap()
                .len()
                < 2
        );
        assert!(find_blobs(&Array3::zeros((9, 9, 9)), PixelSize(10.0), &options).is_err());
    }
}

//! Contrast transfer of a power spectrum that was given as such: one in two dimensions, or a profile.
//!
//! The spectrum may be a power (positive, falling) or one whose background was already taken out (fluctuating about zero);
//! it is fitted like one tile of a view.

use ndarray::ArrayView2;
use thon_compute::Quiet;
use thon_geometry::TiltGeometry;
use thon_geometry::glam::DVec2;
use thon_model::Optics;
use thon_units::Radians;

use crate::series::{FEWEST_RINGS, SeriesView, ViewFit, fit_series};
use crate::{CtfFitError, FitOptions, PolarGrid, PolarLayout, TileSpectra};

/// Sectors of a spectrum in two dimensions: 2000 Å of astigmatism change by 50 Å within one.
const SECTORS: usize = 120;
/// Rings to a pixel: rings of 2 µm at 4 Å are hardly wider than the pixels of a spectrum of 256, and would be averaged away.
const PER_PIXEL: usize = 3;
/// Rings over which level and spread of a spectrum without background are taken.
const NEAR: usize = 10;

/// Fits profiles of the views of one series, in the order of time: `powers[view]` at `frequencies` (cycles/Å, ascending,
/// evenly spaced), each value an average of as many coefficients as `modes` says. There is no astigmatism in a profile. `None`
/// for a profile that cannot be used.
///
/// # Errors
/// Lists of different lengths, a band with too few values, options out of range.
pub fn fit_profiles(
    frequencies: &[f64],
    powers: &[Vec<f64>],
    modes: &[f64],
    optics: &Optics,
    options: &FitOptions,
) -> Result<Vec<Option<ViewFit>>, CtfFitError> {
    for list in powers.iter().map(Vec::as_slice).chain([modes]) {
        if list.len() != frequencies.len() {
            return Err(CtfFitError::Lengths {
                what: "values of the profile",
                expected: frequencies.len(),
                found: list.len(),
            });
        }
    }
    let band = options.resolution.map(|r| 1.0 / r);
    let kept: Vec<usize> = (0..frequencies.len())
        .filter(|&i| frequencies[i] >= band[0] && frequencies[i] <= band[1])
        .collect();
    if kept.len() < FEWEST_RINGS {
        return Err(narrow(options, kept.len()));
    }
    let pick = |list: &[f64]| kept.iter().map(|i| list[*i]).collect::<Vec<f64>>();
    let frequencies = pick(frequencies);
    let width =
        (frequencies[frequencies.len() - 1] - frequencies[0]) / (frequencies.len() - 1) as f64;
    let grid = PolarGrid {
        angles: vec![0.0],
        width,
        modes: pick(modes).iter().map(|n| n.max(1e-3) as f32).collect(),
        frequencies,
    };
    let powers: Vec<Vec<f64>> = powers.iter().map(|power| pick(power)).collect();
    fit_given(&powers, &grid, optics, options)
}

/// Fits a power spectrum `[n, n]` whose zero frequency is at `[n/2, n/2]`; x runs along the second axis.
///
/// # Errors
/// A spectrum that is not square, a band with too few rings, options out of range.
pub fn fit_spectrum(
    spectrum: &ArrayView2<'_, f32>,
    pixel_size: f64,
    optics: &Optics,
    options: &FitOptions,
) -> Result<ViewFit, CtfFitError> {
    let (n, nx) = spectrum.dim();
    if n != nx || n < 32 {
        return Err(CtfFitError::ImageTooSmall {
            expected: 32.max(n),
            found: [n, nx],
        });
    }
    let band = options.resolution.map(|r| 1.0 / r);
    let layout = PolarLayout::fine(n, pixel_size, band, SECTORS, PER_PIXEL);
    if layout.grid.rings() < FEWEST_RINGS {
        return Err(narrow(options, layout.grid.rings()));
    }
    let width = n / 2 + 1;
    let mut power = vec![0.0f32; layout.grid.len()];
    let half: Vec<f32> = (0..n * width)
        .map(|pixel| {
            let (row, column) = (pixel / width, pixel % width);
            // Column n/2 of the half spectrum is column 0 of the picture.
            let value = spectrum[[(row + n / 2) % n, (column + n / 2) % n]];
            if value.is_finite() { value } else { 0.0 }
        })
        .collect();
    layout.average(|pixel| half[pixel], &mut power);
    let power: Vec<f64> = power.iter().map(|v| f64::from(*v)).collect();
    let fits = fit_given(&[power], &layout.grid, optics, options)?;
    fits.into_iter()
        .flatten()
        .next()
        .ok_or(CtfFitError::NoViews)
}

fn narrow(options: &FitOptions, found: usize) -> CtfFitError {
    CtfFitError::NarrowBand {
        expected: FEWEST_RINGS,
        found,
        low: options.resolution[0],
        high: options.resolution[1],
    }
}

fn fit_given(
    powers: &[Vec<f64>],
    grid: &PolarGrid,
    optics: &Optics,
    options: &FitOptions,
) -> Result<Vec<Option<ViewFit>>, CtfFitError> {
    let views: Vec<SeriesView> = powers
        .iter()
        .enumerate()
        .map(|(rank, power)| given_view(power, grid, rank))
        .collect();
    let options = FitOptions {
        find_plane: false,
        hand: Some(thon_model::HandSign::Minus),
        ..options.clone()
    };
    Ok(fit_series(&views, grid, optics, &options, &Quiet)?.views)
}

fn given_view(power: &[f64], grid: &PolarGrid, rank: usize) -> SeriesView {
    let positive = power.iter().all(|v| *v > 0.0);
    let power = if positive {
        power.to_vec()
    } else {
        raised(power, grid.rings())
    };
    let redundancy = redundancy(&power, grid);
    SeriesView {
        spectra: TileSpectra {
            power: power.iter().map(|v| *v as f32).collect(),
            positions: vec![DVec2::ZERO],
            weights: vec![1.0],
            reach: 0.0,
            window: 0.0,
            redundancy,
            flat: !positive && power.iter().all(|v| (v - 1.0).abs() <= 0.2 + 1e-9),
            covered: 0.0,
            blank: false,
            grain: Vec::new(),
        },
        geometry: TiltGeometry::tilted(Radians(0.0)),
        rank,
    }
}

/// Coefficients per independent one, from the noise that neighbouring rings show against what their coefficients promise: the
/// median square of second differences, which smooth rings hardly have.
fn redundancy(power: &[f64], grid: &PolarGrid) -> f64 {
    let rings = grid.rings();
    let mut squares = Vec::new();
    for (sector, values) in power.chunks_exact(rings).enumerate() {
        for i in 2..rings.saturating_sub(2) {
            let near = values[i - 2..=i + 2].iter().sum::<f64>() / 5.0;
            // Fourth differences: noise of variance v gives 70 v.
            let difference = values[i - 2] - 4.0 * values[i - 1] + 6.0 * values[i]
                - 4.0 * values[i + 1]
                + values[i + 2];
            let relative = difference / near;
            let modes = grid.modes[sector * rings + i];
            if modes > 0.0 {
                squares.push((f64::from(modes) * relative * relative / 70.0) as f32);
            }
        }
    }
    // The median of χ² with one degree of freedom is 0.455.
    let found = thon_signal::statistics::median(&squares).map_or(1.0, |m| f64::from(m) / 0.455);
    if found.is_finite() && found > 1e-6 {
        found
    } else {
        1.0
    }
}

/// A spectrum without background brought to fluctuations about one: a fifth of its values when these lie within ±1, as in
/// CTFFIND's pictures; else less its local mean over sectors, over five times its local deviation.
fn raised(power: &[f64], rings: usize) -> Vec<f64> {
    if power.iter().all(|v| v.abs() <= 1.0) {
        return power.iter().map(|v| 1.0 + 0.2 * v).collect();
    }
    let sectors = power.len() / rings;
    let window = |ring: usize| ring.saturating_sub(NEAR)..(ring + NEAR + 1).min(rings);
    let average = |ring: usize, f: &dyn Fn(f64) -> f64| {
        let range = window(ring);
        let count = (range.len() * sectors) as f64;
        let sum: f64 = (0..sectors)
            .flat_map(|s| range.clone().map(move |r| s * rings + r))
            .map(|i| f(power[i]))
            .sum();
        sum / count
    };
    let levels: Vec<[f64; 2]> = (0..rings)
        .map(|ring| {
            let mean = average(ring, &|v| v);
            let square = average(ring, &|v| (v - mean) * (v - mean));
            [mean, square.sqrt().max(1e-30)]
        })
        .collect();
    power
        .iter()
        .enumerate()
        .map(|(i, value)| {
            let [mean, deviation] = levels[i % rings];
            (1.0 + 0.2 * (value - mean) / deviation).max(0.05)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RingOptics;
    use ndarray::Array2;

    #[test]
    fn a_profile_gives_its_defocus_back() {
        let optics = Optics::default();
        let rings = RingOptics::new(&optics, 0.0);
        let frequencies: Vec<f64> = (1..200).map(|i| 0.001 * f64::from(i)).collect();
        let power: Vec<f64> = frequencies
            .iter()
            .map(|k| {
                (2.0 - 20.0 * k).exp()
                    + 1.0
                    + 0.3 * (-100.0 * k * k).exp() * rings.phase(*k, 24_500.0).sin().powi(2)
            })
            .collect();
        let options = FitOptions {
            resolution: [30.0, 6.0],
            ..FitOptions::default()
        };
        let fits = fit_profiles(
            &frequencies,
            std::slice::from_ref(&power),
            &vec![300.0; 199],
            &optics,
            &options,
        )
        .unwrap();
        let fit = fits[0].as_ref().unwrap();
        assert!((fit.defocus - 24_500.0).abs() < 60.0, "{}", fit.defocus);
        assert!(
            fit.quality.score > 0.8 && fit.quality.resolution < 8.0,
            "{:?}",
            fit.quality.score
        );
        assert!(
            fit_profiles(
                &frequencies,
                &[power[1..].to_vec()],
                &power,
                &optics,
                &options
            )
            .is_err()
        );
    }

    #[test]
    fn a_spectrum_gives_its_astigmatism_back() {
        let optics = Optics::default();
        let rings = RingOptics::new(&optics, 0.0);
        let spectrum = Array2::from_shape_fn((256, 256), |(y, x)| {
            let (ky, kx) = ((y as f64 - 128.0) / 512.0, (x as f64 - 128.0) / 512.0);
            let k = kx.hypot(ky);
            let local = 20_000.0 + 400.0 * (2.0 * (ky.atan2(kx) - 0.6)).cos();
            // Already without background.
            (rings.phase(k, local).sin().powi(2) - 0.5) as f32
        });
        let options = FitOptions {
            resolution: [30.0, 5.0],
            ..FitOptions::default()
        };
        let fit = fit_spectrum(&spectrum.view(), 2.0, &optics, &options).unwrap();
        assert!((fit.defocus - 20_000.0).abs() < 60.0, "{}", fit.defocus);
        let angle = 0.5 * fit.astigmatism[1].atan2(fit.astigmatism[0]);
        let half = fit.astigmatism[0].hypot(fit.astigmatism[1]);
        assert!(
            (angle - 0.6).abs() < 0.03 && (half - 400.0).abs() < 40.0,
            "{angle} {half}"
        );
    }
}

//! Tilt images made ready for alignment: binned by averaging, gold in-painted, contrast as a fraction of the mean.
//!
//! The raw images are not changed and nothing here is written anywhere; the geometry that comes out refers to the raw images.
//! Lengths are Å; image positions are measured from pixel ⌊n/2⌋ of the raw image.

use glam::DVec2;
use ndarray::{Array2, ArrayView2};
use thon_prepare::grain;
use thon_signal::statistics::{mean_and_deviation, median};

use crate::gold::{GoldOptions, in_paint};

/// Part of each edge that is faded to the mean.
const BORDER: f64 = 0.05;

/// A tilt image ready for alignment.
#[derive(Clone, Debug)]
pub struct AlignView {
    /// Contrast `[y, x]`: value / mean − 1, faded to 0 at the border.
    pub pixels: Array2<f32>,
    /// Size of a pixel, Å.
    pub pixel_size: f64,
    /// Where the centre of the raw image lies, pixels (x, y) of `pixels`.
    pub origin: DVec2,
    /// Mean of the raw pixels.
    pub mean: f64,
    /// Standard deviation of the binned contrast before the border was faded.
    pub deviation: f64,
    /// Part of the image that was in-painted, 0 to 1.
    pub in_painted: f64,
    /// Noise of single pixels in the middle of the raw image ([`thon_prepare::grain`]).
    pub grain: Vec<f32>,
}

/// The binning that brings `pixel_size` (Å) as near to `wanted` (Å) as possible without exceeding it; at least 1.
///
/// ```
/// assert_eq!(thon_markerless::binning_for(1.35, 12.5), 9);
/// assert_eq!(thon_markerless::binning_for(20.0, 12.5), 1);
/// ```
pub fn binning_for(pixel_size: f64, wanted: f64) -> usize {
    ((wanted / pixel_size) + 1e-9).floor().max(1.0) as usize
}

/// Makes a raw image `[y, x]` with pixels of `pixel_size` Å ready: averages `binning`² pixels, in-paints gold when asked to, divides
/// by the mean and fades the border. Non-finite pixels count as the mean.
pub fn prepare_view(
    raw: &ArrayView2<'_, f32>,
    pixel_size: f64,
    binning: usize,
    gold: Option<&GoldOptions>,
) -> AlignView {
    let mut pixels = average(raw, binning);
    let binned_size = pixel_size * binning as f64;
    let finite: Vec<f32> = pixels.iter().copied().filter(|v| v.is_finite()).collect();
    let (mean, deviation) = mean_and_deviation(&finite);
    let level = median(&finite).unwrap_or(0.0);
    // Images of a detector whose zero is arbitrary are scaled by their deviation instead.
    let scale = if f64::from(level) > 2.0 * deviation {
        f64::from(level)
    } else if deviation > 0.0 {
        deviation
    } else {
        1.0
    };
    pixels.mapv_inplace(|v| {
        if v.is_finite() {
            (v - level) / scale as f32
        } else {
            0.0
        }
    });
    let in_painted = gold.map_or(0.0, |options| in_paint(&mut pixels, binned_size, options));
    let (offset, deviation) = mean_and_deviation(pixels.as_slice().unwrap_or(&[]));
    pixels.mapv_inplace(|v| v - offset as f32);
    fade_border(&mut pixels);
    let half = |n: usize| ((n / 2) as f64 - (binning as f64 - 1.0) / 2.0) / binning as f64;
    AlignView {
        origin: DVec2::new(half(raw.ncols()), half(raw.nrows())),
        pixels,
        pixel_size: binned_size,
        mean,
        deviation,
        in_painted,
        grain: grain_of(raw),
    }
}

fn grain_of(raw: &ArrayView2<'_, f32>) -> Vec<f32> {
    let pixels = raw.as_standard_layout();
    pixels
        .as_slice()
        .map_or_else(Vec::new, |pixels| grain(pixels, raw.dim().into()))
}

/// Means of `binning`² pixels; an incomplete last row or column is left out.
fn average(raw: &ArrayView2<'_, f32>, binning: usize) -> Array2<f32> {
    let (ny, nx) = (
        (raw.nrows() / binning).max(1),
        (raw.ncols() / binning).max(1),
    );
    let mut result = Array2::<f32>::zeros((ny, nx));
    let scale = 1.0 / (binning * binning) as f32;
    for (y, row) in raw.outer_iter().enumerate().take(ny * binning) {
        let mut target = result.row_mut(y / binning);
        for (x, value) in row.iter().enumerate().take(nx * binning) {
            target[x / binning] += value * scale;
        }
    }
    result
}

/// Half a cosine from 0 at the edge to 1.
pub(crate) fn edge_window(length: usize, part: f64) -> Vec<f32> {
    let edge = (length as f64 * part).max(1.0);
    let rise = |i: usize| {
        let t = (i as f64 + 0.5) / edge;
        if t < 1.0 {
            0.5 - 0.5 * (std::f64::consts::PI * t).cos()
        } else {
            1.0
        }
    };
    (0..length)
        .map(|i| rise(i.min(length - 1 - i)) as f32)
        .collect()
}

fn fade_border(pixels: &mut Array2<f32>) {
    let (ny, nx) = pixels.dim();
    let (rows, columns) = (edge_window(ny, BORDER), edge_window(nx, BORDER));
    for (mut row, wy) in pixels.outer_iter_mut().zip(&rows) {
        for (value, wx) in row.iter_mut().zip(&columns) {
            *value *= wy * wx;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binning_keeps_the_centre_of_the_raw_image() {
        // A spot on pixel ⌊n/2⌋ spreads evenly around the origin.
        let mut raw = Array2::<f32>::from_elem((60, 62), 10.0);
        raw[[30, 31]] = 400.0;
        let view = prepare_view(&raw.view(), 2.0, 3, None);
        assert_eq!(view.pixels.dim(), (20, 20));
        assert!((view.origin - DVec2::new(10.0, 29.0 / 3.0)).length() < 1e-12);
        let (mut sum, mut at) = (0.0, DVec2::ZERO);
        for ((y, x), &v) in view.pixels.indexed_iter() {
            if v > 1.0 {
                sum += f64::from(v);
                at += f64::from(v) * DVec2::new(x as f64, y as f64);
            }
        }
        assert!((at / sum - view.origin).length() < 0.5, "{}", at / sum);
    }

    #[test]
    fn numbers_that_are_none_and_flat_images_do_no_harm() {
        let mut raw = Array2::<f32>::from_elem((32, 32), 5.0);
        raw[[3, 3]] = f32::NAN;
        let view = prepare_view(&raw.view(), 1.0, 1, None);
        assert!(view.pixels.iter().all(|v| v.is_finite() && v.abs() < 1e-6));
    }
}

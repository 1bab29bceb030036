//! Gold in-painted before a correlation: dense markers would outweigh the specimen.
//!
//! Gold is what lies far below (or above) the rest of a slightly smoothed image, in robust standard deviations; it is grown
//! and filled with the mean of its unmasked surroundings.

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use thon_signal::filter::{Edge, RadialFilter, apply_filters2};
use thon_signal::statistics::median_and_robust_deviation;

/// What counts as gold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GoldOptions {
    /// How far below the median of the smoothed image gold lies, robust standard deviations.
    #[schemars(range(min = 3.0, max = 50.0))]
    pub deviations: f64,
    /// Standard deviation of the Gaussian that smooths before the threshold, Å.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub smoothing: f64,
    /// How far what was found is grown, Å.
    #[schemars(range(min = 0.0, max = 500.0))]
    pub grow: f64,
}

impl Default for GoldOptions {
    fn default() -> Self {
        Self {
            deviations: 8.0,
            smoothing: 16.0,
            grow: 30.0,
        }
    }
}

/// Replaces gold in an image `[y, x]` with pixels of `pixel_size` Å; gives the replaced part of the image, 0 to 1.
///
/// Nothing is done when more than a quarter of the image would be replaced: that is no gold.
pub(crate) fn in_paint(pixels: &mut Array2<f32>, pixel_size: f64, options: &GoldOptions) -> f64 {
    let smooth = |image: &Array2<f32>, deviation: f64| {
        let filter = RadialFilter::LowPass {
            cutoff: 0.0,
            edge: Edge::Gaussian(1.0 / (std::f64::consts::TAU * deviation)),
        };
        apply_filters2(image, pixel_size, &[filter])
    };
    let blurred = smooth(pixels, options.smoothing.max(0.7 * pixel_size));
    let Some((centre, deviation)) = median_and_robust_deviation(blurred.as_slice().unwrap_or(&[]))
    else {
        return 0.0;
    };
    let threshold = centre - options.deviations as f32 * deviation;
    let mut mask = blurred.mapv(|v| v < threshold);
    for _ in 0..(options.grow / pixel_size).round() as usize {
        mask = grown(&mask);
    }
    let part = mask.iter().filter(|m| **m).count() as f64 / mask.len().max(1) as f64;
    if part == 0.0 || part > 0.25 {
        return 0.0;
    }
    let kept = ndarray::Zip::from(&*pixels)
        .and(&mask)
        .map_collect(|v, m| if *m { 0.0 } else { *v });
    let weight = mask.mapv(|m| if m { 0.0 } else { 1.0 });
    let wide = 10.0 * options.smoothing;
    let (sum, weight) = (smooth(&kept, wide), smooth(&weight, wide));
    ndarray::Zip::from(pixels)
        .and(&mask)
        .and(&sum)
        .and(&weight)
        .for_each(|pixel, &masked, &sum, &weight| {
            if masked {
                *pixel = sum / weight.max(0.05);
            }
        });
    part
}

/// The mask with its 4 neighbours.
fn grown(mask: &Array2<bool>) -> Array2<bool> {
    let (ny, nx) = mask.dim();
    Array2::from_shape_fn((ny, nx), |(y, x)| {
        mask[[y, x]]
            || mask[[y.saturating_sub(1), x]]
            || mask[[(y + 1).min(ny - 1), x]]
            || mask[[y, x.saturating_sub(1)]]
            || mask[[y, (x + 1).min(nx - 1)]]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beads_go_and_protein_stays() {
        let mut image = Array2::from_shape_fn((96, 96), |(y, x)| {
            0.03 * ((0.7 * x as f32).sin() + (0.9 * y as f32 + 1.0).cos())
        });
        let disc = |image: &mut Array2<f32>, cy: i32, cx: i32, depth: f32| {
            for ((y, x), v) in image.indexed_iter_mut() {
                if (y as i32 - cy).pow(2) + (x as i32 - cx).pow(2) <= 25 {
                    *v -= depth;
                }
            }
        };
        disc(&mut image, 30, 40, 1.0);
        disc(&mut image, 70, 20, 0.08);
        let before = image[[70, 20]];
        let part = in_paint(&mut image, 10.0, &GoldOptions::default());
        assert!(part > 0.008 && part < 0.04, "{part}");
        assert!(image[[30, 40]].abs() < 0.05, "{}", image[[30, 40]]);
        assert!(image[[70, 20]] < before + 1e-6);
    }
}

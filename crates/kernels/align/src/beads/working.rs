//! A view at the working scale: contrast relative to its mean, slow changes removed, beads about 20 pixels wide.

use glam::DVec2;
use ndarray::Array2;
use thon_prepare::grain;
use thon_signal::fft::{Fft2, Origin, frequency};
use thon_signal::resample::fourier_resample2;

/// Diameter of the smallest beads that are looked for when none is given, Å.
pub(super) const SMALLEST: f64 = 40.0;
/// Widest a bead is kept, working pixels.
const WIDEST: f64 = 20.0;

/// How working pixels relate to the raw image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// `[ny, nx]` of the working image.
    pub(super) size: [usize; 2],
    /// Å per working pixel along x and y.
    pub(super) pixel: DVec2,
}

impl Scale {
    /// For images of `[ny, nx]` raw pixels of `pixel` Å and beads of `diameter` Å.
    pub(super) fn new([ny, nx]: [usize; 2], pixel: f64, diameter: f64) -> Self {
        let factor = (WIDEST * pixel / diameter).min(1.0);
        let even = |n: usize| {
            if factor >= 1.0 {
                n
            } else {
                (((n as f64 * factor) / 2.0).round() as usize * 2)
                    .max(16)
                    .min(n)
            }
        };
        let size = [even(ny), even(nx)];
        let pixel = DVec2::new(
            pixel * nx as f64 / size[1] as f64,
            pixel * ny as f64 / size[0] as f64,
        );
        Self { size, pixel }
    }

    /// For the smallest beads that are looked for.
    pub(super) fn finest(size: [usize; 2], pixel: f64) -> Self {
        Self::new(size, pixel, SMALLEST)
    }

    /// A raw image at this scale.
    pub(super) fn resample(&self, raw: &Array2<f32>) -> Array2<f32> {
        if raw.dim() == (self.size[0], self.size[1]) {
            return raw.clone();
        }
        fourier_resample2(raw, self.size, Origin::CentreVoxel)
    }

    /// Working pixels (x, y) of a position in Å.
    pub(super) fn pixels(&self, position: DVec2) -> DVec2 {
        position / self.pixel + self.centre()
    }

    /// Position in Å of working pixels (x, y).
    pub(super) fn angstroms(&self, pixels: DVec2) -> DVec2 {
        (pixels - self.centre()) * self.pixel
    }

    fn centre(&self) -> DVec2 {
        DVec2::new((self.size[1] / 2) as f64, (self.size[0] / 2) as f64)
    }

    /// True when a position lies inside the image, `margin` Å or more from its edge.
    pub(super) fn holds(&self, position: DVec2, margin: f64) -> bool {
        let at = self.pixels(position);
        let edge = margin / self.pixel.x;
        let inside = |v: f64, n: usize| v >= edge && v <= n as f64 - 1.0 - edge;
        inside(at.x, self.size[1]) && inside(at.y, self.size[0])
    }
}

/// Noise of single pixels in the middle of a raw image.
pub(super) fn raw_grain(raw: &Array2<f32>) -> Vec<f32> {
    let pixels = raw.as_standard_layout();
    let size = raw.dim().into();
    pixels.as_slice().map_or_else(Vec::new, |p| grain(p, size))
}

/// One prepared view.
pub(super) struct Working {
    /// Relative contrast, `[y, x]`.
    pub(super) image: Array2<f32>,
    /// Mean of the raw image.
    pub(super) mean: f64,
    /// Standard deviation of the raw image.
    pub(super) deviation: f64,
    /// Noise of single pixels in the middle of the raw image.
    pub(super) grain: Vec<f32>,
}

/// Prepares a raw image; `diameter` in Å. A constant image gives zeros.
pub(super) fn prepare(raw: &Array2<f32>, scale: &Scale, diameter: f64) -> Working {
    let count = raw.len().max(1) as f64;
    let mean = raw.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let squares: f64 = raw.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
    let deviation = (squares / count).sqrt();
    let mut image = fourier_resample2(raw, scale.size, Origin::CentreVoxel);
    let unit = if mean.abs() > 0.05 * deviation && mean.abs() > 1e-12 {
        mean
    } else {
        deviation.max(1e-12)
    };
    image.mapv_inplace(|v| ((f64::from(v) - mean) / unit.abs()) as f32);
    // Removes what is slower than a few beads; the beads' own shape stays.
    let width = 4.0 * diameter / scale.pixel.x;
    let plan = Fft2::plan(scale.size);
    let mut spectrum = plan.forward(&image);
    for ((y, x), value) in spectrum.indexed_iter_mut() {
        let (fy, fx) = (frequency(y, scale.size[0]), x as f64 / scale.size[1] as f64);
        let decay = 2.0 * std::f64::consts::PI.powi(2) * (fx * fx + fy * fy) * width * width;
        *value *= (1.0 - (-decay).exp()) as f32;
    }
    Working {
        image: plan.inverse(&spectrum),
        mean,
        deviation,
        grain: raw_grain(raw),
    }
}

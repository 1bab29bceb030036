//! Boxes cut from whole tilt images, multiplied by their CTF in boxes twice as large when that is wanted.
//!
//! What the CTF carried out of a box of n pixels lies within one of 2n as a rule; multiplied by the CTF it comes back, and the
//! middle is kept. Images as recorded (dark matter under −sin χ) become positive by the product.

use glam::DVec2;
use rayon::prelude::*;
use thon_reconstruct::{Transfer, cut_box, premultiplied_box};
use thon_units::PixelSize;

use crate::ExtractError;

/// How boxes are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutSettings {
    /// Edge of the boxes, pixels.
    pub box_size: usize,
    /// Size of a pixel of the images.
    pub pixel_size: PixelSize,
    /// Multiply by the transfer in boxes twice as large. Otherwise boxes come as they lie in the image.
    pub premultiply: bool,
}

/// Where a box is to be cut.
#[derive(Clone, Copy, Debug)]
pub struct BoxPlace {
    /// Projected centre of the particle, (x, y) pixels of the image.
    pub centre: DVec2,
    /// What the lens and the exposure did to it.
    pub transfer: Transfer,
}

/// A box of a particle in one tilt image.
#[derive(Clone, Debug, PartialEq)]
pub struct CutBox {
    /// Pixels `[n, n]`; beyond the image its mean.
    pub image: Vec<f32>,
    /// Where the particle's centre lies relative to pixel ⌊n/2⌋, (x, y); 0 for premultiplied boxes.
    pub offset: DVec2,
}

impl CutSettings {
    /// Edge of what is cut from the image.
    pub fn cut_size(&self) -> usize {
        if self.premultiply {
            2 * self.box_size
        } else {
            self.box_size
        }
    }

    /// The share of a cut around `centre` that lies inside an image `[ny, nx]`, from 0 to 1.
    pub fn inside(&self, centre: DVec2, [ny, nx]: [usize; 2]) -> f64 {
        if !centre.is_finite() {
            return 0.0;
        }
        let n = self.cut_size() as f64;
        let whole = (centre + 0.5).floor() - (n / 2.0).floor();
        let along = |first: f64, length: usize| {
            let length = length as f64;
            (first + n).clamp(0.0, length) - first.clamp(0.0, length)
        };
        along(whole.x, nx) * along(whole.y, ny) / (n * n)
    }

    /// Cuts boxes from an image `[ny, nx]`, in the order of the places.
    ///
    /// # Errors
    /// [`ExtractError::Parameter`] for a place outside the image.
    pub fn cut(
        &self,
        pixels: &[f32],
        size: [usize; 2],
        places: &[BoxPlace],
    ) -> Result<Vec<CutBox>, ExtractError> {
        ExtractError::check_length("tilt image", pixels.len(), size[0] * size[1])?;
        places
            .par_iter()
            .map(|place| self.cut_one(pixels, size, place))
            .collect()
    }

    fn cut_one(
        &self,
        pixels: &[f32],
        size: [usize; 2],
        place: &BoxPlace,
    ) -> Result<CutBox, ExtractError> {
        let m = self.cut_size();
        let cut = cut_box(pixels, size, place.centre, m).ok_or_else(|| {
            ExtractError::parameter("centre of a box", place.centre, "a place inside the image")
        })?;
        if !self.premultiply {
            return Ok(CutBox {
                image: cut.image,
                offset: cut.offset,
            });
        }
        let transfer = place.transfer.half_spectrum(m, self.pixel_size);
        Ok(CutBox {
            image: premultiplied_box(&cut, m, &transfer, self.box_size)?,
            offset: DVec2::ZERO,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_inside_is_what_is_cut() {
        let settings = CutSettings {
            box_size: 16,
            pixel_size: PixelSize(2.0),
            premultiply: false,
        };
        let image = vec![1.0; 40 * 50];
        for centre in [
            DVec2::new(25.2, 20.0),
            DVec2::new(0.0, 20.6),
            DVec2::new(48.7, 39.0),
            DVec2::new(-3.0, -4.0),
        ] {
            let cut = cut_box(&image, [40, 50], centre, 16).unwrap();
            assert!(
                (settings.inside(centre, [40, 50]) - cut.inside).abs() < 1e-12,
                "{centre}"
            );
        }
        assert_eq!(settings.inside(DVec2::new(f64::NAN, 3.0), [40, 50]), 0.0);
        assert_eq!(settings.inside(DVec2::new(90.0, 3.0), [40, 50]), 0.0);
    }
}

//! Tilt images with their contrast transfer corrected strip by strip: for a flat specimen, the mid-plane of the tomogram.
//!
//! As IMOD's ctfphaseflip (Xiong et al. 2009, J. Struct. Biol. 168:378) in the place of strips with blending between whole
//! images corrected at depths `step` apart, so that astigmatism and any direction of the axis cost nothing.

use rayon::prelude::*;
use thon_signal::fft::{Complex32, Fft2, next_fast_even_length, signed_index};
use thon_units::PixelSize;

use super::super::axes::Axes;
use super::super::coordinates::extent;
use super::super::streams::View;
use super::Contrast;
use super::levels::{Ladder, depth_at_axis};
use thon_geometry::Point;

use crate::ReconstructError;

/// Corrects the image `[ny, nx]` of view `index` among those of `contrast`, in place. Its mean stays. Returns the number of
/// depths it was corrected at.
///
/// # Errors
/// [`ReconstructError`]: an image that is not finite or of another size, unusable geometry or transfer.
pub fn correct_image(
    pixels: &mut [f32],
    size: [usize; 2],
    pixel_size: PixelSize,
    view: &View,
    index: usize,
    contrast: &Contrast,
) -> Result<usize, ReconstructError> {
    let [ny, nx] = size;
    ReconstructError::check_length("pixels", pixels.len(), ny * nx)?;
    // The depth under a pixel; what a deformation changes in it is nothing to the contrast transfer.
    let straight = View {
        image: view.image,
        geometry: view.geometry.near(Point::new(0.0, 0.0, 0.0)),
    };
    let axes = Axes::new(&straight)?;
    if axes.is_steep() {
        return Err(ReconstructError::Geometry {
            index: view.image,
            problem: "tilted by more than 80°: its depth cannot be told from the place in the image",
        });
    }
    let count = pixels.iter().filter(|value| !value.is_finite()).count();
    if count > 0 {
        return Err(ReconstructError::NotFinite {
            index: view.image,
            count,
        });
    }
    let ladder = Ladder::new(contrast.step_for(pixel_size).0);
    let depth = Depths::new(&axes, size, pixel_size, ladder);
    let corners = [[0, 0], [0, nx - 1], [ny - 1, 0], [ny - 1, nx - 1]];
    let [low, high] = extent(corners.map(|[y, x]| depth.at(y) + depth.per_x * x as f64));
    let padded = [ny, nx].map(|length| next_fast_even_length(length + length / 8 + 32));
    let mean = (pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / (ny * nx) as f64) as f32;
    let fft = Fft2::plan(padded);
    let half = fft.half_dims()[1];
    let spectrum = padded_spectrum(pixels, size, mean, &fft);
    pixels.fill(mean);
    let mut corrected = vec![Complex32::default(); spectrum.len()];
    let mut image = vec![0.0_f32; padded[0] * padded[1]];
    let rungs = low.floor() as isize..high.floor() as isize + 2;
    for rung in rungs.clone() {
        let correction = contrast.at(index, ladder.depth(rung));
        corrected.copy_from_slice(&spectrum);
        let step = 1.0 / (padded[1] as f64 * pixel_size.0);
        corrected
            .par_chunks_mut(half)
            .enumerate()
            .for_each(|(iy, row)| {
                let ky = signed_index(iy, padded[0]) as f64 / (padded[0] as f64 * pixel_size.0);
                correction.multiply_row(row, ky, step);
            });
        fft.inverse_into(&mut corrected, &mut image);
        pixels.par_chunks_mut(nx).enumerate().for_each(|(y, row)| {
            let from = (depth.at(y) - rung as f64) as f32;
            let step = depth.per_x as f32;
            let source = &image[y * padded[1]..][..nx];
            for (x, (out, value)) in row.iter_mut().zip(source).enumerate() {
                *out += (1.0 - (from + step * x as f32).abs()).max(0.0) * value;
            }
        });
    }
    Ok(rungs.len())
}

fn padded_spectrum(pixels: &[f32], [_, nx]: [usize; 2], mean: f32, fft: &Fft2) -> Vec<Complex32> {
    let [height, width] = fft.dims();
    let mut padded = vec![0.0_f32; height * width];
    for (row, values) in padded.chunks_mut(width).zip(pixels.chunks(nx)) {
        for (to, value) in row.iter_mut().zip(values) {
            *to = value - mean;
        }
    }
    let mut spectrum = vec![Complex32::default(); height * fft.half_dims()[1]];
    fft.forward_into(&padded, &mut spectrum);
    spectrum
}

/// Depth of the mid-plane over an image, in rungs: linear in x and y.
struct Depths {
    origin: f64,
    per_x: f64,
    per_y: f64,
}

impl Depths {
    fn new(axes: &Axes, [ny, nx]: [usize; 2], pixel_size: PixelSize, ladder: Ladder) -> Self {
        let back = axes.in_plane.inverse();
        let depth = |x: f64, y: f64| {
            let place = glam::DVec2::new(x - (nx / 2) as f64, y - (ny / 2) as f64) * pixel_size.0;
            let aligned = back * (place - axes.shift);
            let q = depth_at_axis(axes, aligned.y, 0.0);
            (q - aligned.x * axes.sin / axes.cos) / ladder.step
        };
        let origin = depth(0.0, 0.0);
        Self {
            origin,
            per_x: depth(1.0, 0.0) - origin,
            per_y: depth(0.0, 1.0) - origin,
        }
    }

    /// Depth at x = 0 of row `y`.
    fn at(&self, y: usize) -> f64 {
        self.origin + self.per_y * y as f64
    }
}

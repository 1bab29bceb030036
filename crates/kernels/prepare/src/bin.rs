//! Binning by Fourier cropping, and normalisation.

use ndarray::Array2;
use thon_signal::resample::{Origin, crop_or_pad2, fourier_resample2};
use thon_signal::statistics::summarise;

/// Extents of an image binned by a whole number: even, at least 2; the rest at the edges is cut off.
pub fn binned_size(size: [usize; 2], factor: usize) -> [usize; 2] {
    size.map(|length| (length / factor.max(1) / 2 * 2).max(2))
}

/// An image Fourier-cropped to pixels `factor` times as large. Its centre pixel ⌊n/2⌋ stays the centre pixel, grey values stay.
///
/// What does not fill a binned pixel is cut off at the edges first. With factor 1 nothing but an odd last line changes.
pub fn bin_image(image: &Array2<f32>, factor: usize) -> Array2<f32> {
    let factor = factor.max(1);
    let [ny, nx] = binned_size([image.nrows(), image.ncols()], factor);
    let wanted = [ny * factor, nx * factor];
    let whole = if wanted == [image.nrows(), image.ncols()] {
        None
    } else {
        let mean = summarise(image.as_standard_layout().as_slice().unwrap_or(&[])).mean;
        Some(crop_or_pad2(image, wanted, mean as f32))
    };
    let whole = whole.as_ref().unwrap_or(image);
    if factor == 1 {
        return whole.clone();
    }
    fourier_resample2(whole, [ny, nx], Origin::CentreVoxel)
}

/// Sets mean 0 and deviation 1; an image without contrast is left as it is and `false` returned.
pub fn normalise_image(pixels: &mut [f32]) -> bool {
    let summary = summarise(pixels);
    if summary.is_flat() || summary.not_finite > 0 {
        return false;
    }
    for value in pixels {
        *value = ((f64::from(*value) - summary.mean) / summary.standard_deviation) as f32;
    }
    true
}

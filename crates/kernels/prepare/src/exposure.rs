//! The exposure filter: every frequency weighted with the amplitude that the exposure has left of it.
//!
//! Grant & Grigorieff 2015 (eLife 4:e06980): exp(−N / 2Nₑ(k)), N the exposure at the end of the image. Weights are not
//! renormalised, so that images of a series keep their relation. The image is taken as periodic: the filter is exact.

use rayon::prelude::*;
use thon_ctf::ExposureModel;
use thon_signal::fft::{Complex32, Fft2, signed_index};
use thon_units::{Dose, Kilovolt, PixelSize, SpatialFrequency};

/// Weights the spectrum of an image `[ny, nx]` with `model` at the exposure `dose` (before it, and its own).
///
/// # Panics
/// When `pixels` does not hold `ny · nx` values.
pub fn filter_exposure(
    pixels: &mut [f32],
    size: [usize; 2],
    pixel_size: PixelSize,
    model: ExposureModel,
    dose: Dose,
    voltage: Kilovolt,
) {
    let [ny, nx] = size;
    assert_eq!(pixels.len(), ny * nx, "pixels of an image of {ny} × {nx}");
    let fft = Fft2::plan(size);
    let half = fft.half_dims()[1];
    let mut spectrum = vec![Complex32::default(); ny * half];
    fft.forward_into(pixels, &mut spectrum);
    let per_x = 1.0 / (nx as f64 * pixel_size.0);
    spectrum
        .par_chunks_mut(half)
        .enumerate()
        .for_each(|(iy, row)| {
            let ky = signed_index(iy, ny) as f64 / (ny as f64 * pixel_size.0);
            for (ix, value) in row.iter_mut().enumerate() {
                let k = SpatialFrequency(ky.hypot(ix as f64 * per_x));
                *value *= model.weight(k, dose, voltage) as f32;
            }
        });
    fft.inverse_into(&mut spectrum, pixels);
}

//! The transfer t(k) of one view: scale · B-factor envelope · loss by exposure · CTF, over a half spectrum.

use thon_ctf::{CtfModel, ExposureModel};
use thon_signal::fft::{half_length, signed_index};
use thon_units::{Dose, Kilovolt, PixelSize, SpatialFrequency};

/// What turned the particle's projection into the recorded box.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// CTF at the particle's depth, with scale and envelope; absent for images without CTF.
    pub ctf: Option<CtfModel>,
    /// Loss of signal with exposure.
    pub exposure_model: ExposureModel,
    /// Exposure before the image.
    pub dose_before: Dose,
    /// Exposure of the image itself; 0 takes the loss at its start.
    pub dose_during: Dose,
    /// Acceleration voltage (for the loss by exposure).
    pub voltage: Kilovolt,
}

impl Transfer {
    /// t(k) over the half spectrum `[n, n/2 + 1]` of a box of `n` pixels.
    pub fn half_spectrum(&self, n: usize, pixel_size: PixelSize) -> Vec<f32> {
        let half = half_length(n);
        let mut values = vec![1.0; n * half];
        if let Some(ctf) = &self.ctf {
            ctf.fill_half_spectrum_with_envelope(&mut values, n, n, pixel_size);
        }
        // Loss by |k| in quarter steps of the box's frequency, nearest entry.
        let step = 0.25 / (n as f64 * pixel_size.0);
        let loss: Vec<f32> = (0..4 * n)
            .map(|i| {
                let k = SpatialFrequency(i as f64 * step);
                let (before, during) = (self.dose_before, self.dose_during);
                self.exposure_model
                    .attenuation(k, before, during, self.voltage) as f32
            })
            .collect();
        for (iy, row) in values.chunks_mut(half).enumerate() {
            let ky = signed_index(iy, n) as f32;
            for (kx, value) in row.iter_mut().enumerate() {
                let k = (ky * ky + (kx * kx) as f32).sqrt();
                *value *= loss[(4.0 * k + 0.5) as usize];
            }
        }
        values
    }
}

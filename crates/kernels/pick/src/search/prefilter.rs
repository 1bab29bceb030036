//! The filter that tomogram and template share: band pass, and whitening of the tomogram's spectrum.

use ndarray::Array3;
use rayon::prelude::*;
use thon_signal::fft::{Fft3, frequency, half_length, next_fast_even_length, next_fast_length};

/// Bins of the radial power spectrum from 0 to Nyquist.
const BINS: usize = 48;

/// A radial gain over frequencies in cycles per voxel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RadialGain {
    /// Power of the tomogram in bins up to 0.5; empty without whitening.
    whitening: Vec<f64>,
    /// Where the gain has fallen to one half, cycles per voxel.
    high_pass: f64,
    low_pass: f64,
}

impl RadialGain {
    /// Frequencies from here on are exactly 0.
    pub fn limit(&self) -> f64 {
        (1.1 * self.low_pass).min(0.5)
    }

    /// The gain at a frequency.
    pub fn at(&self, frequency: f64) -> f64 {
        let low = if self.low_pass < 0.45 {
            fall((frequency / self.low_pass - 0.9) / 0.2)
        } else {
            1.0
        };
        let high = if self.high_pass > 0.0 {
            1.0 - fall((frequency / self.high_pass - 0.5) / 1.0)
        } else {
            1.0
        };
        if frequency > self.limit() {
            0.0
        } else {
            low * high * self.whitening_at(frequency)
        }
    }

    fn whitening_at(&self, frequency: f64) -> f64 {
        if self.whitening.is_empty() {
            return 1.0;
        }
        let place = (frequency * 2.0 * BINS as f64 - 0.5).clamp(0.0, (BINS - 1) as f64);
        let below = place as usize;
        let above = (below + 1).min(BINS - 1);
        let power =
            self.whitening[below] + (self.whitening[above] - self.whitening[below]) * place.fract();
        if power > 0.0 {
            power.sqrt().recip()
        } else {
            0.0
        }
    }
}

/// Adds a power and its count to a bin, if there is such a bin.
fn add(sums: &mut [f64], bin: usize, power: f64) {
    if bin < BINS {
        sums[bin] += power;
        sums[BINS + bin] += 1.0;
    }
}

/// From 1 at 0 to 0 at 1, half a cosine.
fn fall(place: f64) -> f64 {
    0.5 + 0.5 * (std::f64::consts::PI * place.clamp(0.0, 1.0)).cos()
}

/// Filters a tomogram in place; frequencies of the passes in cycles per voxel. Its mean becomes 0.
pub(crate) fn prefilter(
    volume: &mut Array3<f32>,
    high_pass: f64,
    low_pass: f64,
    whiten: bool,
) -> RadialGain {
    let (nz, ny, nx) = volume.dim();
    let padded = [
        next_fast_length(nz),
        next_fast_length(ny),
        next_fast_even_length(nx),
    ];
    let mean = volume.iter().map(|v| f64::from(*v)).sum::<f64>() / volume.len().max(1) as f64;
    let mut field = vec![0.0_f32; padded.iter().product()];
    for (from, to) in volume
        .outer_iter()
        .zip(field.chunks_mut(padded[1] * padded[2]))
    {
        for (from, to) in from.outer_iter().zip(to.chunks_mut(padded[2])) {
            for (from, to) in from.iter().zip(to) {
                *to = (f64::from(*from) - mean) as f32;
            }
        }
    }
    let plan = Fft3::plan(padded);
    let half = half_length(padded[2]);
    let mut spectrum = vec![thon_signal::fft::Complex32::default(); padded[0] * padded[1] * half];
    plan.forward_into(&field, &mut spectrum);
    let radius = |z: usize, y: usize, x: usize| {
        let [fz, fy] = [frequency(z, padded[0]), frequency(y, padded[1])];
        let fx = x as f64 / padded[2] as f64;
        (fz * fz + fy * fy + fx * fx).sqrt()
    };
    let mut gain = RadialGain {
        whitening: Vec::new(),
        high_pass,
        low_pass: low_pass.min(0.5),
    };
    if whiten {
        let planes: Vec<Vec<f64>> = spectrum
            .par_chunks(padded[1] * half)
            .enumerate()
            .map(|(z, plane)| {
                let mut sums = vec![0.0; 2 * BINS];
                for (y, row) in plane.chunks(half).enumerate() {
                    for (x, value) in row.iter().enumerate() {
                        let bin = (radius(z, y, x) * 2.0 * BINS as f64) as usize;
                        add(&mut sums, bin, f64::from(value.norm_sqr()));
                    }
                }
                sums
            })
            .collect();
        let sums = thon_compute::parallel::sum_lists(planes);
        let power = |bin: usize| sums[bin] / sums[BINS + bin].max(1.0);
        let scale = field.len() as f64;
        gain.whitening = (0..BINS).map(|bin| power(bin) / scale).collect();
    }
    spectrum
        .par_chunks_mut(padded[1] * half)
        .enumerate()
        .for_each(|(z, plane)| {
            for (y, row) in plane.chunks_mut(half).enumerate() {
                for (x, value) in row.iter_mut().enumerate() {
                    *value *= gain.at(radius(z, y, x)) as f32;
                }
            }
        });
    plan.inverse_into(&mut spectrum, &mut field);
    for (mut to, from) in volume
        .outer_iter_mut()
        .zip(field.chunks(padded[1] * padded[2]))
    {
        for (mut to, from) in to.outer_iter_mut().zip(from.chunks(padded[2])) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = *from;
            }
        }
    }
    gain
}

//! What is put in can be measured in the images.

mod contrast_transfer;
mod exposure;
mod faults;
mod places;
mod promises;

use super::*;
use crate::phantom::Gaussian;
use crate::{Hand, ShotNoise};
use thon_compute::Quiet;
use thon_ctf::CtfModel;
use thon_geometry::Pose;
use thon_geometry::Rotation;
use thon_geometry::glam::DMat2;
use thon_signal::fft::{Fft2, frequency};
use thon_units::{Angstrom, Degrees, Dose, PixelSize, Radians, SpatialFrequency};

/// One compact blob, as bright as a heavy cluster.
pub(super) fn blob(sigma: f64, weight: f64) -> Phantom {
    let gaussian = Gaussian {
        position: Point::new(0.0, 0.0, 0.0),
        weight,
        sigma: Angstrom(sigma),
    };
    Phantom::from_gaussians([gaussian]).unwrap()
}

pub(super) fn clean() -> SimulationOptions {
    SimulationOptions {
        image_width: 160,
        image_height: 128,
        pixel_size: PixelSize(4.0),
        tilt_step: Degrees(20.0),
        particles: 1,
        ice_noise: 0.0,
        dose_damage: false,
        shot_noise: ShotNoise::None,
        ..SimulationOptions::default()
    }
}

/// Contrast I/I₀ − 1 of image `tilt`.
pub(super) fn contrast(simulation: &Simulation, tilt: usize) -> Array2<f64> {
    let electrons = simulation.expected_electrons(tilt);
    let image = simulation.record(tilt).sum();
    image.mapv(|v| f64::from(v) / electrons - 1.0)
}

/// Centre (x, y) of |contrast|² within 12 pixels of `near`.
pub(super) fn centroid(image: &Array2<f64>, near: DVec2) -> DVec2 {
    let (mut sum, mut at) = (0.0, DVec2::ZERO);
    for ((y, x), value) in image.indexed_iter() {
        let pixel = DVec2::new(x as f64, y as f64);
        if pixel.distance(near) < 12.0 {
            sum += value * value;
            at += pixel * (value * value);
        }
    }
    at / sum
}

/// Rotationally averaged |F|² over the index radius, N bins.
fn spectrum(image: &Array2<f64>, bins: usize) -> Vec<f64> {
    let (ny, nx) = image.dim();
    let transform = Fft2::plan([ny, nx]).forward(&image.mapv(|v| v as f32));
    let mut sums = vec![(0.0, 0.0); bins + 2];
    for ((y, x), value) in transform.indexed_iter() {
        let radius = frequency(y, ny).hypot(x as f64 / nx as f64);
        let bin = (radius * 2.0 * bins as f64).round() as usize;
        if bin < sums.len() && (x, y) != (0, 0) {
            sums[bin].0 += f64::from(value.norm_sqr());
            sums[bin].1 += 1.0;
        }
    }
    sums.into_iter()
        .map(|(s, n)| s / f64::max(n, 1.0))
        .collect()
}

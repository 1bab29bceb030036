//! The detector: gain, modulation transfer, counting.

use ndarray::Array2;
use rand::RngExt;
use rand_distr::{Distribution, Normal, Poisson, StandardNormal};
use rayon::prelude::*;
use thon_compute::random::ChaCha8Rng;
use thon_compute::seed_stream;

use crate::{ShotNoise, SimulationOptions};

/// The gain reference, mean 1; recorded counts times it are corrected.
pub(super) fn gain(options: &SimulationOptions, seed: u64) -> Option<Array2<f32>> {
    if options.gain_sigma == 0.0 {
        return None;
    }
    let mut random = seed_stream(seed, "simulate/gain", 0);
    let normal = Normal::new(1.0, options.gain_sigma).ok()?;
    let [ny, nx] = options.image_size();
    let draw = |_| normal.sample(&mut random).clamp(0.2, 5.0) as f32;
    Some(Array2::from_shape_simple_fn((ny, nx), || 0.0).mapv_into(draw))
}

/// A pixel of the detector that does not count electrons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Row.
    pub y: usize,
    /// Column.
    pub x: usize,
    /// True for a pixel that gives counts of its own in every frame, false for one that gives none.
    pub hot: bool,
}

/// Draws the defects: every other one hot, no two the same.
pub(super) fn defects(options: &SimulationOptions, seed: u64) -> Vec<Defect> {
    let mut random = seed_stream(seed, "simulate/defects", 0);
    let [ny, nx] = options.image_size();
    let mut found: Vec<Defect> = Vec::new();
    while found.len() < options.defects.min(ny * nx / 4) {
        let (y, x) = (random.random_range(0..ny), random.random_range(0..nx));
        if found.iter().all(|d| (d.y, d.x) != (y, x)) {
            let hot = found.len().is_multiple_of(2);
            found.push(Defect { y, x, hot });
        }
    }
    found
}

/// Puts the defects into the expected counts of one frame, of which an ordinary pixel expects `electrons`.
pub(super) fn spoil(expected: &mut Array2<f32>, defects: &[Defect], electrons: f32) {
    for defect in defects {
        expected[[defect.y, defect.x]] = if defect.hot {
            10.0 * electrons + 5.0
        } else {
            0.0
        };
    }
}

/// MTF at `fraction` of Nyquist: a Gaussian through 1 at 0 and `mtf_at_nyquist` at 1.
pub(crate) fn modulation_transfer(options: &SimulationOptions, fraction: f64) -> f64 {
    options.mtf_at_nyquist.powf(fraction * fraction)
}

/// Turns expected electrons into recorded ones, in place; row r of the image has its own random stream.
pub(super) fn count(expected: &mut Array2<f32>, shot_noise: ShotNoise, seed: u64, stream: u64) {
    let nx = expected.dim().1.max(1);
    let cells = expected
        .as_slice_mut()
        .expect("images are made in standard layout");
    cells
        .par_chunks_mut(nx)
        .enumerate()
        .for_each(|(row, cells)| {
            let index = (stream << 20) + row as u64;
            let mut random = seed_stream(seed, "simulate/electrons", index);
            for cell in cells {
                *cell = draw(f64::from(*cell), shot_noise, &mut random) as f32;
            }
        });
}

fn draw(mean: f64, shot_noise: ShotNoise, random: &mut ChaCha8Rng) -> f64 {
    match shot_noise {
        ShotNoise::None => mean,
        ShotNoise::Gaussian => {
            let deviate: f64 = random.sample(StandardNormal);
            mean + mean.max(0.0).sqrt() * deviate
        }
        // No electrons are expected: none arrive.
        ShotNoise::Poisson => Poisson::new(mean).map_or(0.0, |p| p.sample(random)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_variance_are_those_of_counted_electrons() {
        for noise in [ShotNoise::Poisson, ShotNoise::Gaussian] {
            for mean in [0.7f32, 6.0, 75.0] {
                let mut image = Array2::from_elem((200, 300), mean);
                count(&mut image, noise, 3, 1);
                let found = image.mean().unwrap();
                let variance = image.mapv(|v| (v - found).powi(2)).mean().unwrap();
                assert!(
                    (found / mean - 1.0).abs() < 0.02,
                    "{noise:?} {mean}: {found}"
                );
                assert!(
                    (variance / mean - 1.0).abs() < 0.03,
                    "{noise:?} {mean}: {variance}"
                );
            }
        }
        let mut dark = Array2::from_elem((3, 3), 0.0);
        count(&mut dark, ShotNoise::Poisson, 3, 1);
        assert_eq!(dark.sum(), 0.0);
    }
}

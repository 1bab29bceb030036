//! Filling holes in an image: the quadratic surface through the pixels around a hole, and noise like theirs if asked for.

use rand::RngExt;
use thon_compute::random::ChaCha8Rng;

use crate::regression::{TERMS, fit_surface, terms};

/// An image and its extents, `[ny, nx]`.
pub(crate) struct Canvas<'a> {
    pub(crate) pixels: &'a mut [f32],
    pub(crate) size: [usize; 2],
}

/// Pixels to be replaced (row-major indices) and the ones their values are guessed from.
pub(crate) struct Hole<'a> {
    pub(crate) inside: &'a [usize],
    pub(crate) border: &'a [usize],
}

impl Canvas<'_> {
    /// Replaces the pixels of a hole. Without border nothing happens; with `noise`, residuals of border pixels drawn at
    /// random are added.
    pub(crate) fn fill(&mut self, hole: &Hole<'_>, noise: Option<&mut ChaCha8Rng>) {
        let Some(surface) = self.surface(hole) else {
            return;
        };
        let values: Vec<f32> = hole
            .inside
            .iter()
            .map(|&index| surface.at(index, self.size) as f32)
            .collect();
        let residuals: Vec<f32> = hole
            .border
            .iter()
            .map(|&index| self.pixels[index] - surface.at(index, self.size) as f32)
            .collect();
        for (&index, value) in hole.inside.iter().zip(values) {
            self.pixels[index] = value;
        }
        if let Some(stream) = noise {
            for &index in hole.inside {
                self.pixels[index] += residuals[stream.random_range(0..residuals.len())];
            }
        }
    }

    fn surface(&self, hole: &Hole<'_>) -> Option<Surface> {
        let &first = hole.inside.first()?;
        let count = hole.border.len();
        if count == 0 {
            return None;
        }
        let centre = [(first / self.size[1]) as f64, (first % self.size[1]) as f64];
        let samples: Vec<(f64, f64, f64)> = hole
            .border
            .iter()
            .map(|&index| {
                let (x, y) = offset(index, centre, self.size);
                (x, y, f64::from(self.pixels[index]))
            })
            .collect();
        let mean = samples.iter().map(|s| s.2).sum::<f64>() / count as f64;
        let flat = {
            let mut coefficients = [0.0; TERMS];
            coefficients[0] = mean;
            coefficients
        };
        // Twice as many samples as unknowns, or a plain mean.
        let coefficients = if count < 2 * TERMS {
            flat
        } else {
            fit_surface(&samples).unwrap_or(flat)
        };
        Some(Surface {
            centre,
            coefficients,
        })
    }
}

struct Surface {
    /// (row, column) the coordinates count from.
    centre: [f64; 2],
    coefficients: [f64; TERMS],
}

impl Surface {
    fn at(&self, index: usize, size: [usize; 2]) -> f64 {
        let (x, y) = offset(index, self.centre, size);
        let terms = terms(x, y);
        terms
            .iter()
            .zip(self.coefficients)
            .map(|(t, c)| t * c)
            .sum()
    }
}

fn offset(index: usize, centre: [f64; 2], [_, nx]: [usize; 2]) -> (f64, f64) {
    (
        (index % nx) as f64 - centre[1],
        (index / nx) as f64 - centre[0],
    )
}

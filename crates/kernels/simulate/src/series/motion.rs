//! The specimen's motion while one image is exposed: drift of the whole field, and bending that differs over it.
//!
//! Drift runs straight, fast at first when it settles. Bending is quadratic over the field, with mean zero, and grows with the
//! same course in time; frames are warped before electrons are counted.

use ndarray::Array2;
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use thon_compute::seed_stream;
use thon_geometry::glam::DVec2;

use crate::SimulationOptions;

/// Taps of the interpolating window.
const TAPS: usize = 10;
/// Steps of a pixel for which weights are tabulated.
const FRACTIONS: usize = 128;

/// Motion during one image.
#[derive(Clone, Debug, PartialEq)]
pub struct MovieMotion {
    /// Where the specimen was in each frame relative to the image's geometry, Å of the image; their mean is zero.
    pub shifts: Vec<DVec2>,
    /// Coefficients (x, y) in Å of x, y, xy, x² − ⅓, y² − ⅓ with x, y from −1 to 1 over the field; empty without bending.
    pub bending: Vec<DVec2>,
    /// What bending is multiplied with in each frame; mean zero.
    pub course: Vec<f64>,
}

impl MovieMotion {
    /// Displacement in frame `frame` at x, y ∈ [−1, 1] over the field, Å.
    pub fn at(&self, frame: usize, place: DVec2) -> DVec2 {
        let DVec2 { x, y } = place;
        let basis = [x, y, x * y, x * x - 1.0 / 3.0, y * y - 1.0 / 3.0];
        let bending: DVec2 = self.bending.iter().zip(basis).map(|(c, b)| *c * b).sum();
        self.shifts[frame] + bending * self.course.get(frame).copied().unwrap_or(0.0)
    }
}

/// Draws the motion of each image.
pub(super) fn draw(options: &SimulationOptions, images: usize, seed: u64) -> Vec<MovieMotion> {
    (0..images)
        .map(|index| motion(options, index, seed))
        .collect()
}

fn motion(options: &SimulationOptions, index: usize, seed: u64) -> MovieMotion {
    let mut random = seed_stream(seed, "simulate/drift", index as u64);
    let direction: f64 = random.random::<f64>() * std::f64::consts::TAU;
    let path = DVec2::from_angle(direction) * options.drift.0;
    let frames = options.frames;
    let course: Vec<f64> = (0..frames)
        .map(|frame| travelled((frame as f64 + 0.5) / frames as f64, options.drift_settling))
        .collect();
    let mean = course.iter().sum::<f64>() / frames as f64;
    let course: Vec<f64> = course.into_iter().map(|c| c - mean).collect();
    let mut bending = Vec::new();
    if options.local_motion.0 > 0.0 && frames > 1 {
        let mut random = seed_stream(seed, "simulate/bending", index as u64);
        let mut normal = || -> f64 { random.sample(StandardNormal) };
        bending = (0..5).map(|_| DVec2::new(normal(), normal())).collect();
        // RMS over the field of each of the five terms, along each axis.
        let squares = [1.0 / 3.0, 1.0 / 3.0, 1.0 / 9.0, 4.0 / 45.0, 4.0 / 45.0];
        let power: f64 = bending
            .iter()
            .zip(squares)
            .map(|(c, s)| c.length_squared() * s)
            .sum();
        let scale = options.local_motion.0 / power.sqrt();
        for term in &mut bending {
            *term *= scale;
        }
    }
    MovieMotion {
        shifts: course.iter().map(|c| path * *c).collect(),
        bending,
        course,
    }
}

/// Part of the way that is behind at time `t` of 0 to 1; `settling` 0 for constant speed.
fn travelled(t: f64, settling: f64) -> f64 {
    if settling <= 0.0 {
        return t;
    }
    (-t / settling).exp_m1() / (-1.0 / settling).exp_m1()
}

/// The expected image `[ny, nx]` with its content moved by the bending of one frame; the shift of the whole field is
/// not part of it. Beyond the border the edge is repeated.
pub(super) fn bend(image: &mut Array2<f32>, motion: &MovieMotion, frame: usize, pixel_size: f64) {
    if motion.bending.is_empty() {
        return;
    }
    let (ny, nx) = image.dim();
    let table: Vec<[f32; TAPS]> = (0..FRACTIONS)
        .map(|f| taps(f as f64 / FRACTIONS as f64))
        .collect();
    let source = image.clone();
    let source = source
        .as_slice()
        .expect("images are made in standard layout");
    let cells = image
        .as_slice_mut()
        .expect("images are made in standard layout");
    cells.par_chunks_mut(nx).enumerate().for_each(|(y, row)| {
        for (x, value) in row.iter_mut().enumerate() {
            let place = DVec2::new((x as f64 + 0.5) / nx as f64, (y as f64 + 0.5) / ny as f64);
            let moved = motion.at(frame, place * 2.0 - DVec2::ONE) - motion.shifts[frame];
            let from = DVec2::new(x as f64, y as f64) - moved / pixel_size;
            *value = interpolated(source, [ny, nx], from, &table);
        }
    });
}

fn interpolated(source: &[f32], [ny, nx]: [usize; 2], at: DVec2, table: &[[f32; TAPS]]) -> f32 {
    let nearest = (at * FRACTIONS as f64).round() / FRACTIONS as f64;
    let whole = nearest.floor();
    let fraction = |t: f64| table[((t * FRACTIONS as f64) as usize).min(FRACTIONS - 1)];
    let (wx, wy) = (fraction(nearest.x - whole.x), fraction(nearest.y - whole.y));
    let before = (TAPS / 2 - 1) as i64;
    let (left, top) = (whole.x as i64 - before, whole.y as i64 - before);
    let mut sum = 0.0;
    for (j, wy) in wy.iter().enumerate() {
        let line = (top + j as i64).clamp(0, ny as i64 - 1) as usize * nx;
        let mut part = 0.0;
        for (i, wx) in wx.iter().enumerate() {
            let column = (left + i as i64).clamp(0, nx as i64 - 1) as usize;
            part += wx * source[line + column];
        }
        sum += wy * part;
    }
    sum
}

/// A sinc under a cosine-squared window of 10 pixels, at `fraction` past the fifth tap.
fn taps(fraction: f64) -> [f32; TAPS] {
    let half = TAPS as f64 / 2.0;
    let weight = |tap: usize| {
        let x = tap as f64 - (half - 1.0) - fraction;
        let angle = std::f64::consts::PI * x;
        let sinc = if x.abs() < 1e-9 {
            1.0
        } else {
            angle.sin() / angle
        };
        sinc * (0.5 * angle / half).cos().powi(2)
    };
    let weights: [f64; TAPS] = std::array::from_fn(weight);
    let sum: f64 = weights.iter().sum();
    weights.map(|w| (w / sum) as f32)
}

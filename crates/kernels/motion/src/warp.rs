//! Undoing local motion: each frame interpolated once, in squares that move as one.
//!
//! Within a square of 8 to 32 pixels the displacement changes by less than a twentieth of a pixel, so that the weights of a
//! Kaiser-windowed sinc of 12 taps along each axis are computed once per square. Beyond the border the edge is repeated.

use rayon::prelude::*;
use thon_geometry::glam::DVec2;

use crate::estimate::Motion;

/// Taps along an axis.
const TAPS: usize = 12;
/// Kaiser window: side lobes about −55 dB, flat to four fifths of Nyquist.
const BETA: f64 = 5.0;
/// Largest change of the displacement within half a square, pixels.
const BEND: f64 = 0.05;

/// Adds frame number `position` (of [`Motion::frames`]) with its motion undone.
#[expect(
    clippy::excessive_nesting,
    reason = "loops over the axes of an array, one in another"
)]
pub(crate) fn add_warped(frame: &[f32], motion: &Motion, position: usize, sum: &mut [f32]) {
    let [ny, nx] = motion.size;
    let edge = square(motion, position);
    sum.par_chunks_mut(nx * edge)
        .enumerate()
        .for_each(|(band, rows)| {
            let mut work = Work::new(edge);
            let top = band * edge;
            let height = rows.len() / nx;
            for left in (0..nx).step_by(edge) {
                let width = edge.min(nx - left);
                let middle = DVec2::new(
                    left as f64 + 0.5 * (width as f64 - 1.0),
                    top as f64 + 0.5 * (height as f64 - 1.0),
                );
                let at = motion.at(position, middle);
                pulp::Arch::new().dispatch(|| {
                    work.interpolate(frame, [ny, nx], [top, left], [height, width], at);
                    for y in 0..height {
                        let out = &mut rows[y * nx + left..y * nx + left + width];
                        for (to, from) in out.iter_mut().zip(&work.done[y * edge..]) {
                            *to += from;
                        }
                    }
                });
            }
        });
}

/// Edge of squares over which the displacement is as good as constant.
fn square(motion: &Motion, position: usize) -> usize {
    let [ny, nx] = motion.size.map(|n| n as f64);
    let mut steepest = 0.0_f64;
    for y in 0..=8 {
        for x in 0..=8 {
            let place = DVec2::new(nx * f64::from(x) / 8.0, ny * f64::from(y) / 8.0);
            let here = motion.at(position, place);
            for step in [DVec2::X, DVec2::Y] {
                steepest =
                    steepest.max((motion.at(position, place + step * 8.0) - here).length() / 8.0);
            }
        }
    }
    [32, 16]
        .into_iter()
        .find(|edge| steepest * *edge as f64 * 0.5 <= BEND)
        .unwrap_or(8)
}

struct Work {
    edge: usize,
    stride: usize,
    patch: Vec<f32>,
    rows: Vec<f32>,
    done: Vec<f32>,
}

impl Work {
    fn new(edge: usize) -> Self {
        let stride = edge + TAPS - 1;
        Self {
            edge,
            stride,
            patch: vec![0.0; stride * stride],
            rows: vec![0.0; stride * edge],
            done: vec![0.0; edge * edge],
        }
    }

    /// The square at `[top, left]`, sampled at its pixels plus `at`.
    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn interpolate(
        &mut self,
        frame: &[f32],
        [ny, nx]: [usize; 2],
        [top, left]: [usize; 2],
        [height, width]: [usize; 2],
        at: DVec2,
    ) {
        let whole = at.floor();
        let (wx, wy) = (taps(at.x - whole.x), taps(at.y - whole.y));
        let before = (TAPS / 2 - 1) as isize;
        let first_x = left as isize + whole.x as isize - before;
        let first_y = top as isize + whole.y as isize - before;
        let (columns, lines) = (width + TAPS - 1, height + TAPS - 1);
        let inside = first_x >= 0 && first_x as usize + columns <= nx;
        for y in 0..lines {
            let line = (first_y + y as isize).clamp(0, ny as isize - 1) as usize * nx;
            let patch = &mut self.patch[y * self.stride..y * self.stride + columns];
            if inside {
                let start = line + first_x as usize;
                patch.copy_from_slice(&frame[start..start + columns]);
            } else {
                for (x, value) in patch.iter_mut().enumerate() {
                    let column = (first_x + x as isize).clamp(0, nx as isize - 1) as usize;
                    *value = frame[line + column];
                }
            }
        }
        for y in 0..lines {
            let patch = &self.patch[y * self.stride..(y + 1) * self.stride];
            let row = &mut self.rows[y * self.edge..(y + 1) * self.edge];
            row.fill(0.0);
            for (tap, weight) in wx.iter().enumerate() {
                for (to, from) in row.iter_mut().zip(&patch[tap..]) {
                    *to += weight * from;
                }
            }
        }
        for y in 0..height {
            let done = &mut self.done[y * self.edge..(y + 1) * self.edge];
            done.fill(0.0);
            for (tap, weight) in wy.iter().enumerate() {
                let row = &self.rows[(y + tap) * self.edge..(y + tap + 1) * self.edge];
                for (to, from) in done.iter_mut().zip(row) {
                    *to += weight * from;
                }
            }
        }
    }
}

/// Weights of the pixels −5 … 6 for a value at `fraction` in [0, 1).
fn taps(fraction: f64) -> [f32; TAPS] {
    let half = TAPS as f64 / 2.0;
    let mut weights = [0.0; TAPS];
    for (tap, weight) in weights.iter_mut().enumerate() {
        let x = tap as f64 - (half - 1.0) - fraction;
        let sinc = if x.abs() < 1e-9 {
            1.0
        } else {
            (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
        };
        let inside = (1.0 - (x / half).powi(2)).max(0.0).sqrt();
        *weight = sinc * bessel_i0(BETA * inside);
    }
    let sum: f64 = weights.iter().sum();
    weights.map(|w| (w / sum) as f32)
}

/// Modified Bessel function of the first kind of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = 0.25 * x * x;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..30 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}

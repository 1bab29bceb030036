//! Undoing motion: each frame interpolated once, in rectangles that move as one.
//!
//! Within a rectangle the displacement changes by less than a tenth of a pixel (a motion of the whole field has one for all), so
//! that one set of weights along each axis serves it: a Kaiser-windowed sinc of 16 taps, true to 0.4 % up to four fifths of
//! Nyquist and to 7 % at 0.85. Beyond the border the edge is repeated. The frames of a batch are added rectangle by rectangle,
//! so that sums are written once and frames are read as the bytes that they are.
//!
//! Floor: 2 · 16 multiplications and additions per pixel and frame.

use std::sync::LazyLock;

use rayon::prelude::*;
use thon_compute::columns::with_buffer;
use thon_geometry::glam::DVec2;

use crate::corrected::CorrectedFrame;
use crate::estimate::Motion;
use crate::vectors::vectorised;

/// Taps along an axis.
const TAPS: usize = 16;
/// Kaiser window: side lobes about −55 dB.
const BETA: f64 = 5.0;
/// Largest change of the displacement within half a rectangle, pixels.
const BEND: f64 = 0.1;
/// Fractions of a pixel that weights are tabulated for.
const FRACTIONS: usize = 1024;
/// Numbers worked on together.
const LANES: usize = 16;

type Lanes = [f32; LANES];

/// A part of a frame that goes into a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share {
    /// Number of the sum.
    pub sum: usize,
    /// What pixels are multiplied by.
    pub times: f32,
}

/// Adds frames with their motion undone to `sums`, `[ny · nx]` each; `shares` says for each usable frame to which, and how much.
pub(crate) fn add_moved_back(
    batch: &[CorrectedFrame<'_>],
    motion: &Motion,
    shares: &[Vec<Share>],
    sums: &mut [Vec<f32>],
) {
    let [ny, nx] = motion.size;
    let [height, width] = rectangle(batch, motion);
    let mut bands: Vec<Vec<&mut [f32]>> = (0..ny.div_ceil(height)).map(|_| Vec::new()).collect();
    for sum in sums {
        for (band, rows) in bands.iter_mut().zip(sum.chunks_mut(nx * height)) {
            band.push(rows);
        }
    }
    bands
        .into_par_iter()
        .enumerate()
        .for_each(|(band, mut sums)| {
            let rows = height.min(ny - band * height);
            for left in (0..nx).step_by(width) {
                let place = Rectangle {
                    top: band * height,
                    left,
                    height: rows,
                    width: width.min(nx - left),
                };
                for frame in batch {
                    let at = motion.at(frame.position, place.middle());
                    place.add(frame, [ny, nx], at, &shares[frame.position], &mut sums);
                }
            }
        });
}

/// Height and width of rectangles over which the displacement is as good as constant.
fn rectangle(batch: &[CorrectedFrame<'_>], motion: &Motion) -> [usize; 2] {
    if motion.local.is_none() {
        return [128, 128];
    }
    let [ny, nx] = motion.size.map(|n| n as f64);
    let mut steepest = 0.0_f64;
    for (corner, frame) in (0..81).flat_map(|c| batch.iter().map(move |f| (c, f))) {
        let place = DVec2::new(nx * f64::from(corner % 9), ny * f64::from(corner / 9)) / 8.0;
        let here = motion.at(frame.position, place);
        for step in [DVec2::X, DVec2::Y] {
            let there = motion.at(frame.position, place + step * 8.0);
            steepest = steepest.max((there - here).length() / 8.0);
        }
    }
    let edges = [128, 64, 32, 16];
    let fits = |edge: &usize| steepest * *edge as f64 * 0.5 <= BEND;
    [edges.into_iter().find(fits).unwrap_or(8); 2]
}

/// A part of the field that moves as one.
#[derive(Clone, Copy)]
struct Rectangle {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Rectangle {
    fn middle(self) -> DVec2 {
        let middle = |start: usize, length: usize| start as f64 + 0.5 * (length as f64 - 1.0);
        DVec2::new(middle(self.left, self.width), middle(self.top, self.height))
    }

    /// Adds the frame, sampled at its pixels plus `at`, to `sums`, the bands that the rectangle lies in.
    fn add(
        self,
        frame: &CorrectedFrame<'_>,
        size: [usize; 2],
        at: DVec2,
        shares: &[Share],
        sums: &mut [&mut [f32]],
    ) {
        let padded = self.width.next_multiple_of(LANES);
        let lines = self.height + TAPS - 1;
        with_buffer((lines + 2) * padded + TAPS, |buffer: &mut [f32]| {
            let (line, buffer) = buffer.split_at_mut(padded + TAPS);
            let (patch, out) = buffer.split_at_mut(lines * padded);
            vectorised(
                #[inline(always)]
                || {
                    self.along_rows(frame, size, at, line, patch);
                    self.along_columns(at, patch, out, |y, line| {
                        self.share_out(y * size[1] + self.left, line, shares, sums);
                    });
                },
            );
        });
    }

    /// Adds a line to the sums from index `start` on.
    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn share_out(self, start: usize, line: &[f32], shares: &[Share], sums: &mut [&mut [f32]]) {
        for share in shares {
            let to = &mut sums[share.sum][start..start + self.width];
            let times = share.times;
            to.iter_mut().zip(line).for_each(|(to, v)| *to += v * times);
        }
    }

    /// Interpolates along y and hands out each line.
    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn along_columns(
        self,
        at: DVec2,
        patch: &[f32],
        out: &mut [f32],
        mut line: impl FnMut(usize, &[f32]),
    ) {
        let padded = out.len();
        let weights = taps(at.y - at.y.floor());
        for y in 0..self.height {
            let from: [&[Lanes]; TAPS] = std::array::from_fn(|t| {
                patch[(y + t) * padded..(y + t + 1) * padded].as_chunks().0
            });
            weighted(&from, weights, out.as_chunks_mut().0);
            line(y, out);
        }
    }

    /// Interpolates along x every line that the rectangle needs.
    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn along_rows(
        self,
        frame: &CorrectedFrame<'_>,
        [ny, nx]: [usize; 2],
        at: DVec2,
        line: &mut [f32],
        patch: &mut [f32],
    ) {
        let weights = taps(at.x - at.x.floor());
        let before = (TAPS / 2 - 1) as isize;
        let first_x = self.left as isize + at.x.floor() as isize - before;
        let first_y = self.top as isize + at.y.floor() as isize - before;
        let wanted = self.width + TAPS - 1;
        // What lies outside to the left, then to the right.
        let outside = usize::try_from(-first_x).unwrap_or(0).min(wanted);
        let start = first_x.clamp(0, nx as isize - 1) as usize;
        let inside = (wanted - outside).min(nx - start).max(1);
        let outside = outside.min(wanted - inside);
        line.fill(0.0);
        let padded = line.len() - TAPS;
        for (y, out) in patch.chunks_exact_mut(padded).enumerate() {
            let row = (first_y + y as isize).clamp(0, ny as isize - 1) as usize * nx;
            frame.read(row + start, &mut line[outside..outside + inside]);
            let (first, last) = (line[outside], line[outside + inside - 1]);
            line[..outside].fill(first);
            line[outside + inside..wanted].fill(last);
            let from: [&[Lanes]; TAPS] = std::array::from_fn(|t| line[t..t + padded].as_chunks().0);
            weighted(&from, weights, out.as_chunks_mut().0);
        }
    }
}

/// Σ weight · value of lists beside one another.
#[expect(
    clippy::disallowed_methods,
    reason = "called only where the instruction set is enabled; elsewhere it is slow and right"
)]
#[expect(
    clippy::inline_always,
    reason = "inlined into the function that enables the instruction set"
)]
#[inline(always)]
fn weighted(from: &[&[Lanes]; TAPS], weights: &[f32; TAPS], out: &mut [Lanes]) {
    for (at, out) in out.iter_mut().enumerate() {
        let mut sum = [0.0; LANES];
        for (values, weight) in from.iter().zip(weights) {
            let values = &values[at];
            for lane in 0..LANES {
                sum[lane] = weight.mul_add(values[lane], sum[lane]);
            }
        }
        *out = sum;
    }
}

static TABLE: LazyLock<Vec<[f32; TAPS]>> = LazyLock::new(|| {
    (0..=FRACTIONS)
        .map(|i| computed_taps(i as f64 / FRACTIONS as f64))
        .collect()
});

/// Weights of the pixels −7 … 8 for a value at `fraction` in [0, 1), to a thousandth of a pixel.
fn taps(fraction: f64) -> &'static [f32; TAPS] {
    &TABLE[((fraction * FRACTIONS as f64).round() as usize).min(FRACTIONS)]
}

fn computed_taps(fraction: f64) -> [f32; TAPS] {
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

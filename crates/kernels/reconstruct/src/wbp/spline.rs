//! Samples of a prepared image along a straight line, by its cubic B-spline coefficients (Unser 1999). Zero outside.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use glam::DVec2;
use pulp::{Simd, WithSimd};

use super::prepare::PreparedFrame;

/// Cubic B-spline weights of the four coefficients around a position with fraction `f` behind the second.
#[inline(always)]
fn weights(f: f32) -> [f32; 4] {
    let g = 1.0 - f;
    let sixth = 1.0 / 6.0;
    [
        g * g * g * sixth,
        (4.0 - 3.0 * f * f * (2.0 - f)) * sixth,
        (4.0 - 3.0 * g * g * (2.0 - g)) * sixth,
        f * f * f * sixth,
    ]
}

/// The positions `start + i · step` (indices of the prepared image) for `i` from `first` on. What is read at some `i` does not
/// depend on `first`.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleLine {
    pub(super) start: DVec2,
    pub(super) step: DVec2,
    pub(super) first: isize,
}

/// A position along one axis in units of 2⁻³² pixels.
type Fixed = i64;

/// Positions as fixed-point numbers: no conversion from floating point in the loop.
fn fixed(position: f64) -> Fixed {
    (position * 2.0_f64.powi(32)).round() as Fixed
}

/// The value at a position whose footprint lies inside the image.
#[inline(always)]
fn spline_at(coefficients: &[f32], width: usize, x: Fixed, y: Fixed) -> f32 {
    let fraction = |position: Fixed| (position as u32 >> 8) as i32 as f32 * (1.0 / 16_777_216.0);
    let wx = weights(fraction(x));
    let wy = weights(fraction(y));
    let base = ((y >> 32) as usize - 1) * width + (x >> 32) as usize - 1;
    let mut columns = [0.0_f32; 4];
    for (row, wy) in wy.iter().enumerate() {
        let taps = &coefficients[base + row * width..][..4];
        for i in 0..4 {
            columns[i] += wy * taps[i];
        }
    }
    for i in 0..4 {
        columns[i] *= wx[i];
    }
    (columns[0] + columns[2]) + (columns[1] + columns[3])
}

impl SampleLine {
    /// Which of `count` samples lie between `from` and `to` on both axes.
    pub(super) fn inside(&self, from: DVec2, to: DVec2, count: usize) -> std::ops::Range<usize> {
        let mut low = self.first as f64;
        let mut high = low + count as f64 - 1.0;
        for axis in 0..2 {
            let (start, step) = (self.start[axis], self.step[axis]);
            if step.abs() < 1e-9 {
                if start < from[axis] || start > to[axis] {
                    return 0..0;
                }
                continue;
            }
            let (a, b) = ((from[axis] - start) / step, (to[axis] - start) / step);
            low = low.max(a.min(b).ceil());
            high = high.min(a.max(b).floor());
        }
        if high < low {
            return 0..0;
        }
        let local = |i: f64| (i as isize - self.first) as usize;
        local(low)..local(high) + 1
    }

    /// Fills `out` with samples of the image.
    pub(super) fn sample(&self, coefficients: &[f32], frame: &PreparedFrame, out: &mut [f32]) {
        let inside = self.inside(frame.valid_from, frame.valid_to, out.len());
        out[..inside.start].fill(0.0);
        out[inside.end..].fill(0.0);
        let first = (self.first + inside.start as isize) as Fixed;
        let [step_x, step_y] = [fixed(self.step.x), fixed(self.step.y)];
        pulp::Arch::new().dispatch(Samples {
            x: fixed(self.start.x).wrapping_add(first.wrapping_mul(step_x)),
            y: fixed(self.start.y).wrapping_add(first.wrapping_mul(step_y)),
            step_x,
            step_y,
            coefficients,
            width: frame.size[1],
            out: &mut out[inside],
        });
    }
}

/// Samples from (x, y) on, all inside the image.
struct Samples<'a> {
    x: Fixed,
    y: Fixed,
    step_x: Fixed,
    step_y: Fixed,
    coefficients: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Samples<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (mut x, mut y) = (self.x, self.y);
        for value in self.out {
            *value = spline_at(self.coefficients, self.width, x, y);
            x += self.step_x;
            y += self.step_y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_a_partition_of_one() {
        for f in [0.0, 0.25, 0.5, 0.99] {
            assert!((weights(f).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        assert!((weights(0.0)[1] - 2.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_linear_ramp_of_coefficients_is_sampled_exactly() {
        let frame = PreparedFrame {
            size: [20, 30],
            scale: DVec2::ONE,
            offset: DVec2::ZERO,
            valid_from: DVec2::splat(1.0),
            valid_to: DVec2::new(28.0, 18.0),
        };
        let coefficients: Vec<f32> = (0..600)
            .map(|i| (i % 30) as f32 + 3.0 * (i / 30) as f32)
            .collect();
        let line = SampleLine {
            start: DVec2::new(-3.2, 2.1),
            step: DVec2::new(0.7, 0.13),
            first: -4,
        };
        let mut out = vec![7.0; 60];
        line.sample(&coefficients, &frame, &mut out);
        for (i, value) in out.iter().enumerate() {
            let position = line.start + line.step * (i as f64 - 4.0);
            let inside = (1.0..=28.0).contains(&position.x) && (1.0..=18.0).contains(&position.y);
            let expected = if inside {
                position.x + 3.0 * position.y
            } else {
                0.0
            };
            assert!(
                (f64::from(*value) - expected).abs() < 1e-4,
                "{value} at {position}"
            );
        }
    }
}

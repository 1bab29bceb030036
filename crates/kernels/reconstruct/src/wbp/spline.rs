//! Samples of a prepared image along a straight line, by its cubic B-spline coefficients (Unser 1999). Zero outside.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use glam::DVec2;

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

/// The positions `start + i · step` (indices of the prepared image) for `i` in 0..count.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleLine {
    pub(super) start: DVec2,
    pub(super) step: DVec2,
}

/// The value at an index position (x, y) whose footprint lies inside the image.
#[inline(always)]
fn spline_at(coefficients: &[f32], width: usize, position: DVec2) -> f32 {
    let (ix, iy) = (position.x as i32, position.y as i32);
    let wx = weights((position.x - f64::from(ix)) as f32);
    let wy = weights((position.y - f64::from(iy)) as f32);
    let base = (iy - 1) as usize * width + (ix - 1) as usize;
    let mut columns = [0.0_f32; 4];
    for (row, wy) in wy.iter().enumerate() {
        let taps = &coefficients[base + row * width..][..4];
        for (column, tap) in columns.iter_mut().zip(taps) {
            *column += wy * tap;
        }
    }
    (columns[0] * wx[0] + columns[1] * wx[1]) + (columns[2] * wx[2] + columns[3] * wx[3])
}

impl SampleLine {
    #[inline(always)]
    fn at(&self, i: usize) -> DVec2 {
        let i = i as f64;
        DVec2::new(
            self.start.x + i * self.step.x,
            self.start.y + i * self.step.y,
        )
    }

    /// The range of `i` in 0..count whose positions lie between `from` and `to` on both axes.
    fn inside(&self, from: DVec2, to: DVec2, count: usize) -> std::ops::Range<usize> {
        let (mut first, mut last) = (0.0_f64, count as f64 - 1.0);
        for axis in 0..2 {
            let (start, step) = (self.start[axis], self.step[axis]);
            if step.abs() < 1e-12 {
                if start < from[axis] || start > to[axis] {
                    return 0..0;
                }
                continue;
            }
            let (a, b) = ((from[axis] - start) / step, (to[axis] - start) / step);
            first = first.max(a.min(b).ceil());
            last = last.min(a.max(b).floor());
        }
        if last < first {
            0..0
        } else {
            first as usize..last as usize + 1
        }
    }

    /// Fills `out` with samples of the image.
    pub(super) fn sample(&self, coefficients: &[f32], frame: &PreparedFrame, out: &mut [f32]) {
        let inside = self.inside(frame.valid_from, frame.valid_to, out.len());
        out[..inside.start].fill(0.0);
        out[inside.end..].fill(0.0);
        let width = frame.size[1];
        let line = *self;
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for (i, value) in out[inside.clone()].iter_mut().enumerate() {
                    *value = spline_at(coefficients, width, line.at(inside.start + i));
                }
            },
        );
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
        };
        let mut out = vec![7.0; 60];
        line.sample(&coefficients, &frame, &mut out);
        for (i, value) in out.iter().enumerate() {
            let position = line.start + line.step * i as f64;
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

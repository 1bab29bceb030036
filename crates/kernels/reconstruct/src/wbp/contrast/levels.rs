//! The ladder of depths at which images are corrected, and where on a row of samples each rung is needed.
//!
//! On a row along the axis at `a`, the sample at `across` u in front of section z shows depth
//! ```text
//!   d = q − u tan θ      q = (a tan α + z / cos α) / cos θ
//! ```

use std::ops::Range;

use super::super::axes::Axes;

/// Depths `n · step`, Å.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ladder {
    pub(super) step: f64,
}

/// A row of samples across the axis: positions `start + i · step` (Å) for `i` below `count`.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampledRow {
    pub(super) start: f64,
    pub(super) step: f64,
    pub(super) count: usize,
}

/// q of the header.
pub(super) fn depth_at_axis(axes: &Axes, along: f64, z: f64) -> f64 {
    (along * axes.sin_x / axes.cos_x + z / axes.cos_x) / axes.cos
}

impl Ladder {
    pub(super) fn new(step: f64) -> Self {
        Self { step }
    }

    pub(super) fn depth(self, rung: isize) -> f64 {
        rung as f64 * self.step
    }

    /// Rungs that samples of the row at depths q − u tan θ lie between, q in a range.
    pub(super) fn rungs(self, axes: &Axes, row: &SampledRow, q: [f64; 2]) -> Range<isize> {
        let slope = axes.sin / axes.cos;
        let ends =
            [0.0, row.count.max(1) as f64 - 1.0].map(|i| -slope * (row.start + row.step * i));
        let low = ends[0].min(ends[1]) + q[0];
        let high = ends[0].max(ends[1]) + q[1];
        (low / self.step).floor() as isize..(high / self.step).floor() as isize + 2
    }

    /// Samples of the row that a rung is blended into, q in a range; one more at each end, against rounding.
    pub(super) fn samples(
        self,
        axes: &Axes,
        row: &SampledRow,
        q: [f64; 2],
        rung: isize,
    ) -> Range<usize> {
        // d rises by `slope` per sample.
        let slope = -axes.sin / axes.cos * row.step;
        let origin = -axes.sin / axes.cos * row.start;
        let low = self.depth(rung - 1) - q[1] - origin;
        let high = self.depth(rung + 1) - q[0] - origin;
        if slope.abs() < 1e-9 * self.step {
            return if low <= 0.0 && high >= 0.0 {
                0..row.count
            } else {
                0..0
            };
        }
        let (a, b) = (low / slope, high / slope);
        let first = (a.min(b).floor() - 1.0).clamp(0.0, row.count as f64) as usize;
        let last = (a.max(b).ceil() + 2.0).clamp(0.0, row.count as f64) as usize;
        first..last.max(first)
    }
}

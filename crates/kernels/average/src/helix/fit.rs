//! Rise and twist that fit two half maps best, within the ranges given beforehand.
//!
//! Every iteration searches the whole of the ranges around the values first given, never around those found before: what an
//! early, coarse map suggested binds no later one. The score of a rise and a twist is the mean of the halves' agreement
//! ([`Agreement`]) over all steps that stay in the central part, each weighted by what they overlap. The axis is searched, too:
//! in a map of a few turns, one that is off by a sixth of a voxel moves the twist by half a degree. Values are taken only
//! if the halves agree at all, if the helix explains most of what they agree on, and if the best lies inside the ranges.

use glam::{DMat4, DVec4};
use ndarray::Array3;
use serde::{Deserialize, Serialize};
use thon_units::{Angstrom, Degrees};

use super::cylinder::{Agreement, filtered};
use super::{Axis, Helix};

/// Correlation of the halves in the central part from which on they say anything.
const LEAST_AGREEMENT: f64 = 0.3;
/// Share of that correlation that a helix has to explain.
const LEAST_EXPLAINED: f64 = 0.5;
/// Steps reach as far as this share of the central part.
const REACH: f64 = 0.75;
/// Steps in which the axis is looked for (voxels and radians), how often, and how many at once.
const AXIS_STEPS: [f64; 4] = [0.25, 0.25, 0.015, 0.015];
const AXIS_ROUNDS: usize = 3;
const AXIS_REACH: f64 = 3.0;
/// Share of a range beyond which its end decides, not the maps.
const INSIDE: f64 = 0.98;

/// Rise and twist that fit two half maps best, and how well.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HelixFit {
    /// Rise, Å.
    pub rise: Angstrom,
    /// Twist, degrees.
    pub twist: Degrees,
    /// The axis.
    pub axis: Axis,
    /// Correlation of the halves in the central part, without what is the same on every cylinder.
    pub agreement: f64,
    /// Share of it that is left, on average, one step on, two steps on, ….
    pub explained: f64,
    /// The best lies inside the ranges searched.
    pub inside: bool,
}

impl HelixFit {
    /// Whether the maps speak for these values.
    pub fn convinces(&self) -> bool {
        self.inside && self.agreement >= LEAST_AGREEMENT && self.explained >= LEAST_EXPLAINED
    }
}

impl Helix {
    /// Half ranges of rise (Å) and twist (degrees) that are searched.
    pub fn ranges(&self) -> [f64; 2] {
        let or = |given: f64, default: f64| if given > 0.0 { given } else { default };
        [
            or(self.rise_range.0, 0.1 * self.rise.0),
            or(self.twist_range.0, (0.1 * self.twist.0.abs()).max(1.0)),
        ]
    }

    /// Rise and twist near these that fit half maps `[n, n, n]` of independent noise best; `fsc` is their correlation by shell.
    ///
    /// # Panics
    /// When a map is not cubic with `box_size` voxels along the edge.
    pub fn fit(
        &self,
        halves: [&[f32]; 2],
        fsc: &[f64],
        box_size: usize,
        voxel_size: f64,
    ) -> HelixFit {
        let ranges = self.ranges();
        let length = self.central_part * box_size as f64;
        let longest = (self.rise.0 + ranges[0]) / voxel_size;
        let problem = Problem {
            halves: filtered(halves, box_size, fsc),
            middle: [self.rise.0, self.twist.0],
            ranges,
            radius: self.radius.0 / voxel_size,
            length,
            steps: ((REACH * length / longest) as usize).max(1),
            voxel_size,
        };
        let (axis, best, explained) = problem.solved();
        let inside = (0..2).all(|k| (best[k] - problem.middle[k]).abs() < INSIDE * ranges[k]);
        HelixFit {
            rise: Angstrom(best[0]),
            twist: Degrees(best[1]),
            axis,
            agreement: problem.agreement(&axis).at(0.0, 0.0),
            explained,
            inside: inside && best[0] > 0.0,
        }
    }
}

/// What is searched in, and where. Lengths along the helix in voxels, rise in Å and twist in degrees.
struct Problem {
    halves: [Array3<f32>; 2],
    middle: [f64; 2],
    ranges: [f64; 2],
    radius: f64,
    length: f64,
    steps: usize,
    voxel_size: f64,
}

impl Problem {
    fn agreement(&self, axis: &Axis) -> Agreement {
        Agreement::new(&self.halves, axis, self.radius, 0.5 * self.length)
    }

    /// Share of the halves' agreement that a rise and a twist explain.
    fn explained(&self, agreement: &Agreement, [rise, twist]: [f64; 2]) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for step in (1..=self.steps).map(|step| step as f64) {
            let along = step * rise / self.voxel_size;
            let weight = (1.0 - along / self.length).max(0.0);
            sum += weight * agreement.at(step * twist.to_radians(), along);
            weights += weight;
        }
        let same = agreement.at(0.0, 0.0);
        if weights > 0.0 && same > 0.0 {
            sum / weights / same
        } else {
            0.0
        }
    }

    /// Half a voxel at the last step, at seven tenths of the radius.
    fn finest(&self) -> [f64; 2] {
        let steps = self.steps as f64;
        [
            0.5 * self.voxel_size / steps,
            (0.5 / (0.7 * self.radius) / steps).to_degrees(),
        ]
    }

    /// The axis, rise and twist, and what they explain.
    fn solved(&self) -> (Axis, [f64; 2], f64) {
        let mut axis = Axis::default();
        let (mut best, mut found) = self.search(&self.agreement(&axis));
        // An axis does not mend what is far from a helix.
        let rounds = if found < 0.5 * LEAST_EXPLAINED {
            0
        } else {
            AXIS_ROUNDS
        };
        for _ in 0..rounds {
            let value = |steps: DVec4| {
                let agreement = self.agreement(&stepped(&axis, steps));
                self.climb(&agreement, best, self.finest())
            };
            let mut step = newton(found, |steps| value(steps).1);
            let mut better = None;
            for _ in 0..3 {
                let (there, explained) = value(step);
                if explained > found {
                    better = Some((there, explained));
                    break;
                }
                step *= 0.3;
            }
            let Some((there, explained)) = better else {
                break;
            };
            axis = stepped(&axis, step);
            (best, found) = (there, explained);
        }
        (axis, best, found)
    }

    /// The best on a grid over the ranges, then by halving steps.
    fn search(&self, agreement: &Agreement) -> ([f64; 2], f64) {
        let finest = self.finest();
        let counts: [usize; 2] =
            std::array::from_fn(|k| ((self.ranges[k] / finest[k]).ceil() as usize).clamp(1, 400));
        let steps: [f64; 2] = std::array::from_fn(|k| self.ranges[k] / counts[k] as f64);
        let width = 2 * counts[1] + 1;
        let place = |i: usize| {
            let along = [i / width, i % width];
            std::array::from_fn(|k| {
                self.middle[k] + (along[k] as f64 - counts[k] as f64) * steps[k]
            })
        };
        let grid = thon_compute::parallel::map_indices((2 * counts[0] + 1) * width, |i| {
            self.explained(agreement, place(i))
        });
        let first = (0..grid.len()).reduce(|a, b| if grid[b] > grid[a] { b } else { a });
        self.climb(agreement, place(first.unwrap_or(0)), steps)
    }

    /// Uphill from a start in steps that halve to a thousandth, within the ranges.
    fn climb(
        &self,
        agreement: &Agreement,
        start: [f64; 2],
        mut steps: [f64; 2],
    ) -> ([f64; 2], f64) {
        let mut best = start;
        let mut found = self.explained(agreement, best);
        let end = 1e-3 * steps[0];
        while steps[0] > end {
            let centre = best;
            for i in 0..9 {
                let offset = [f64::from(i / 3 - 1), f64::from(i % 3 - 1)];
                let candidate = std::array::from_fn(|k| {
                    let [middle, range] = [self.middle[k], self.ranges[k]];
                    (centre[k] + offset[k] * steps[k]).clamp(middle - range, middle + range)
                });
                let value = self.explained(agreement, candidate);
                if value > found {
                    (best, found) = (candidate, value);
                }
            }
            if best == centre {
                steps = steps.map(|step| 0.5 * step);
            }
        }
        (best, found)
    }
}

/// An axis moved by so many of [`AXIS_STEPS`].
fn stepped(axis: &Axis, steps: DVec4) -> Axis {
    let [x, y, a, b] = steps.to_array();
    Axis {
        shift: [
            axis.shift[0] + x * AXIS_STEPS[0],
            axis.shift[1] + y * AXIS_STEPS[1],
        ],
        tilt: [
            axis.tilt[0] + a * AXIS_STEPS[2],
            axis.tilt[1] + b * AXIS_STEPS[3],
        ],
    }
}

/// The step to the maximum of the parabola through the values around: `here` in the middle.
fn newton(here: f64, value: impl Fn(DVec4) -> f64) -> DVec4 {
    let ahead = DVec4::AXES.map(&value);
    let behind = DVec4::AXES.map(|axis| value(-axis));
    let mut gradient = DVec4::ZERO;
    let mut curvature = [[0.0; 4]; 4];
    for k in 0..4 {
        gradient[k] = 0.5 * (ahead[k] - behind[k]);
        curvature[k][k] = (ahead[k] + behind[k] - 2.0 * here).min(-1e-9);
        for l in 0..k {
            let both = value(DVec4::AXES[k] + DVec4::AXES[l]);
            let mixed = both - ahead[k] - ahead[l] + here;
            (curvature[k][l], curvature[l][k]) = (mixed, mixed);
        }
    }
    let step = -(DMat4::from_cols_array_2d(&curvature).inverse() * gradient);
    let alone = DVec4::from_array(std::array::from_fn(|k| -gradient[k] / curvature[k][k]));
    // Uphill, or each by itself.
    let step = if step.is_finite() && step.dot(gradient) > 0.0 {
        step
    } else {
        alone
    };
    step.clamp(DVec4::splat(-AXIS_REACH), DVec4::splat(AXIS_REACH))
}

#[cfg(test)]
mod tests;

//! Peaks of a map: the highest, or all that keep their distance; parabolas between voxels.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A local maximum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Peak {
    /// `(x, y, z)` in voxels of the map, voxel centres at integers; refined by a parabola along each axis.
    pub position: [f64; 3],
    /// Value of the voxel the peak was found at.
    pub value: f32,
}

impl Peak {
    /// The position relative to the centre voxel floor(n/2) of a map `[nz, ny, nx]`: the shift a correlation map's
    /// peak stands for.
    pub fn shift(&self, [nz, ny, nx]: [usize; 3]) -> [f64; 3] {
        let [x, y, z] = self.position;
        [
            x - (nx / 2) as f64,
            y - (ny / 2) as f64,
            z - (nz / 2) as f64,
        ]
    }
}

/// The highest voxel within `max_shift` voxels of the centre voxel floor(n/2), refined by a parabola on each axis
/// (neighbours wrap around). Equal heights: the first in memory. `None` when no voxel is finite and near enough.
pub fn highest_peak3(map: &Array3<f32>, max_shift: f64) -> Option<Peak> {
    let (nz, ny, nx) = map.dim();
    let square = |index: usize, length: usize| (index as f64 - (length / 2) as f64).powi(2);
    let near = |&((z, y, x), value): &((usize, usize, usize), &f32)| {
        value.is_finite() && square(z, nz) + square(y, ny) + square(x, nx) <= max_shift * max_shift
    };
    let better = |best: Option<([usize; 3], f32)>,
                  ((z, y, x), &value): ((usize, usize, usize), &f32)| match best {
        Some((_, highest)) if value <= highest => best,
        _ => Some(([z, y, x], value)),
    };
    let (at, value) = map.indexed_iter().filter(near).fold(None, better)?;
    Some(Peak {
        position: refine(map, at),
        value,
    })
}

/// The vertex of the parabola through a voxel and its two neighbours, along each axis.
fn refine(map: &Array3<f32>, at: [usize; 3]) -> [f64; 3] {
    let offset = |axis: usize| {
        let length = map.len_of(Axis(axis));
        let value = |step: usize| {
            let mut neighbour = at;
            neighbour[axis] = (at[axis] + step) % length;
            f64::from(map[neighbour])
        };
        parabola_vertex(value(length - 1), value(0), value(1))
    };
    [2, 1, 0].map(|axis| at[axis] as f64 + offset(axis))
}

/// Where the parabola through (−1, before), (0, at), (1, after) has its top, within ±½; 0 when it has none there.
pub(super) fn parabola_vertex(before: f64, at: f64, after: f64) -> f64 {
    let curvature = before - 2.0 * at + after;
    let offset = 0.5 * (before - after) / curvature;
    if curvature < 0.0 && offset.abs() <= 0.5 {
        offset
    } else {
        0.0
    }
}

/// Local maxima (no neighbour of the 26 is higher) of at least `threshold`, highest first, none nearer than `minimum_distance` voxels to a
/// higher one that is kept, at most `count`. Neighbours do not wrap; equal heights keep the order of memory.
pub fn find_peaks3(
    map: &Array3<f32>,
    threshold: f32,
    minimum_distance: f64,
    count: usize,
) -> Vec<Peak> {
    let candidates: Vec<Vec<([usize; 3], f32)>> = map
        .outer_iter()
        .into_par_iter()
        .enumerate()
        .map(|(z, plane)| {
            let high = plane
                .indexed_iter()
                .filter(|(_, value)| **value >= threshold && value.is_finite());
            let here = high.map(|((y, x), &value)| ([z, y, x], value));
            here.filter(|&(at, value)| is_local_maximum(map, at, value))
                .collect()
        })
        .collect();
    let mut candidates: Vec<_> = candidates.into_iter().flatten().collect();
    candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut kept = Kept::new(minimum_distance);
    let mut peaks = Vec::new();
    for (at, value) in candidates {
        if peaks.len() >= count {
            break;
        }
        if kept.admit(at) {
            peaks.push(Peak {
                position: refine_inside(map, at),
                value,
            });
        }
    }
    peaks
}

/// As [`find_peaks3`] for an image; `z` of the positions is 0.
pub fn find_peaks2(
    map: &Array2<f32>,
    threshold: f32,
    minimum_distance: f64,
    count: usize,
) -> Vec<Peak> {
    find_peaks3(
        &map.clone().insert_axis(Axis(0)),
        threshold,
        minimum_distance,
        count,
    )
}

fn is_local_maximum(map: &Array3<f32>, at: [usize; 3], value: f32) -> bool {
    let range =
        |axis: usize| at[axis].saturating_sub(1)..(at[axis] + 2).min(map.len_of(Axis(axis)));
    // On a plateau the first voxel in memory is the peak.
    range(0).all(|z| {
        range(1).all(|y| {
            range(2).all(|x| {
                let other = map[[z, y, x]];
                other < value || other.is_nan() || (other == value && [z, y, x] >= at)
            })
        })
    })
}

/// As [`refine`], leaving an axis alone where a neighbour lies outside the map.
fn refine_inside(map: &Array3<f32>, at: [usize; 3]) -> [f64; 3] {
    let mut position = refine(map, at);
    for axis in 0..3 {
        if at[axis] == 0 || at[axis] + 1 == map.len_of(Axis(axis)) {
            position[2 - axis] = at[axis] as f64;
        }
    }
    position
}

/// Peaks already kept, by cells of the minimum distance.
struct Kept {
    distance: f64,
    cells: BTreeMap<[i64; 3], Vec<[usize; 3]>>,
}

impl Kept {
    fn new(distance: f64) -> Self {
        Self {
            distance,
            cells: BTreeMap::new(),
        }
    }

    /// Keeps `at` unless a kept peak is nearer than the minimum distance.
    fn admit(&mut self, at: [usize; 3]) -> bool {
        let cell = at.map(|index| (index as f64 / self.distance.max(1.0)) as i64);
        let near = |other: &[usize; 3]| {
            let square: usize = (0..3)
                .map(|axis| other[axis].abs_diff(at[axis]).pow(2))
                .sum();
            (square as f64) < self.distance * self.distance
        };
        let around = (0..27).map(|n| {
            [
                cell[0] + n / 9 - 1,
                cell[1] + n / 3 % 3 - 1,
                cell[2] + n % 3 - 1,
            ]
        });
        if around
            .filter_map(|key| self.cells.get(&key))
            .flatten()
            .any(near)
        {
            return false;
        }
        self.cells.entry(cell).or_default().push(at);
        true
    }
}

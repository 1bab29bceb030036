//! One slice: the projector, its transpose and the updates.
//!
//! The slice lies in memory as rows of z with zeros between them, so that a ray that leaves the slice reads zeros; rows of
//! rays lie as in a plane of `rows`. Both directions are sums over taps in `kernel`: back-projection takes one tap per view for every
//! row of the slice, projection one tap per row of the slice for every view.

use std::ops::Range;

use super::super::kernel::{self, Block, PADDING, Tap};
use super::super::task::Task;
use super::subsets::subsets;
use super::{Bound, IterativeOptions};

/// Rays projected together: only the rows of the slice that they cross are summed.
const RAYS: usize = 256;

/// The geometry that all slices share.
pub(super) struct SliceSolver {
    nx: usize,
    nz: usize,
    /// Zeros before each row.
    margin: usize,
    iterations: usize,
    relaxation: f64,
    bound: Bound,
    updates: Vec<Update>,
    /// Where each view's rays lie in a plane.
    ranges: Vec<Range<usize>>,
    plane_length: usize,
}

/// The views of one update.
struct Update {
    views: Vec<ViewRays>,
    /// Back-projection: taps of all views for each row of the slice.
    taps: Vec<Tap>,
    /// λ / Σ of a voxel's weights.
    gain: f32,
}

/// The rays of one view.
struct ViewRays {
    view: usize,
    /// Length of a ray in a row of the slice, Å.
    length: f32,
    /// Projection: a tap per row of the slice, for ray 0.
    taps: Vec<Tap>,
    /// Sample that x = 0 of each row of the slice falls on.
    starts: Vec<isize>,
    /// 1 / Σ of a ray's weights; 0 for rays that hardly touch the slice.
    gains: Vec<f32>,
}

/// A solved slice.
pub(super) struct Solution {
    /// `[z, x]`.
    pub(super) voxels: Vec<f32>,
    /// Σ of squared residuals and of squared data, as each pass met them.
    pub(super) squares: Vec<[f64; 2]>,
}

impl SliceSolver {
    pub(super) fn new(task: &Task<'_>, options: &IterativeOptions) -> Self {
        let [nz, _, nx] = task.grid.dims;
        let voxel = task.grid.voxel_size.0;
        let layout = task.layout(&(0..1));
        let ranges = layout.view_ranges();
        let (taps, count) = layout.taps(0, 0..nz);
        let plane = layout.plane_of(0);
        let margin = ranges.iter().map(|range| range.len() - nx).max();
        let margin = margin.unwrap_or(0) + 2 * PADDING;
        let lengths: Vec<f64> = task.axes().iter().map(|a| voxel / a.cos.abs()).collect();
        let angles: Vec<f64> = task.views.iter().map(|v| v.geometry.tilt_angle.0).collect();
        let tap = |view: usize, z: usize| {
            let tap = taps[z * count + view];
            Tap {
                offset: tap.offset.map(|offset| offset - plane),
                ..tap
            }
        };
        let mut solver = Self {
            nx,
            nz,
            margin,
            iterations: options.iterations,
            relaxation: options.relaxation,
            bound: options.bound,
            updates: Vec::new(),
            ranges,
            plane_length: layout.plane_length(),
        };
        let mut full = solver.empty_slice();
        for row in full.chunks_exact_mut(solver.stride()) {
            row[margin..].fill(1.0);
        }
        solver.updates = subsets(options.method, &angles)
            .into_iter()
            .map(|views| solver.update(&views, &lengths, tap, &full))
            .collect();
        solver
    }

    fn update(
        &self,
        views: &[usize],
        lengths: &[f64],
        tap: impl Fn(usize, usize) -> Tap,
        full: &[f32],
    ) -> Update {
        let sum: f64 = views.iter().map(|&view| lengths[view]).sum();
        Update {
            taps: (0..self.nz)
                .flat_map(|z| views.iter().map(move |&view| (view, z)))
                .map(|(view, z)| tap(view, z))
                .collect(),
            gain: (self.relaxation / sum) as f32,
            views: views
                .iter()
                .map(|&view| {
                    let back: Vec<Tap> = (0..self.nz).map(|z| tap(view, z)).collect();
                    self.rays(view, lengths[view], &back, full)
                })
                .collect(),
        }
    }

    fn rays(&self, view: usize, length: f64, back: &[Tap], full: &[f32]) -> ViewRays {
        let range = &self.ranges[view];
        let starts: Vec<isize> = back
            .iter()
            .map(|tap| tap.offset[0] as isize - range.start as isize)
            .collect();
        let taps = back
            .iter()
            .zip(&starts)
            .enumerate()
            .map(|(z, (tap, start))| {
                let first = (z * self.stride() + self.margin) as isize - start;
                Tap {
                    offset: [first as usize, (first - 1) as usize],
                    weight: tap.weight,
                }
            })
            .collect();
        let mut rays = ViewRays {
            view,
            length: length as f32,
            taps,
            starts,
            gains: Vec::new(),
        };
        let mut sums = vec![0.0; range.len()];
        self.project(&rays, full, &mut sums);
        // A ray through less than a hundredth of the depth says little and would count much.
        let least = 0.01 * self.nz as f32;
        rays.gains = sums
            .iter()
            .map(|&sum| {
                if sum > least {
                    1.0 / (sum * rays.length)
                } else {
                    0.0
                }
            })
            .collect();
        rays
    }

    fn stride(&self) -> usize {
        self.nx + self.margin
    }

    fn empty_slice(&self) -> Vec<f32> {
        vec![0.0; self.nz * self.stride() + self.margin]
    }

    /// Bytes that one slice in work needs.
    pub(super) fn bytes(&self) -> usize {
        4 * (self.nz * (self.stride() + 2 * self.nx) + 2 * self.plane_length)
    }

    /// Sums of the slice along the rays of one view, in voxels: times the length of a ray in a row this is the projection.
    fn project(&self, rays: &ViewRays, slice: &[f32], out: &mut [f32]) {
        let count = out.len();
        for first in (0..count).step_by(RAYS) {
            let last = (first + RAYS).min(count);
            // Row z covers rays starts[z] − 1 ..= starts[z] + nx.
            let crosses = |z: &usize| {
                let start = rays.starts[*z];
                start < last as isize + 1 && start + self.nx as isize + 1 > first as isize
            };
            let low = (0..self.nz).find(crosses);
            let Some(low) = low else {
                out[first..last].fill(0.0);
                continue;
            };
            let high = (0..self.nz).rfind(crosses).unwrap_or(low) + 1;
            let taps = &rays.taps[low..high];
            kernel::accumulate(Block {
                // Offsets of the taps are those of ray 0.
                source: &slice[first..],
                taps,
                taps_per_row: taps.len(),
                out: &mut out[first..last],
                stride: last - first,
                width: last - first,
            });
        }
    }

    /// Solves the slice whose measured rows lie in `plane`; `measured` says which rays of a view lie inside its image.
    pub(super) fn solve(
        &self,
        plane: &[f32],
        measured: impl Fn(usize) -> Range<usize>,
    ) -> Solution {
        let mut slice = self.empty_slice();
        let mut residual = vec![0.0_f32; self.plane_length];
        let mut change = vec![0.0_f32; self.nz * self.nx];
        let mut squares = Vec::with_capacity(self.iterations);
        for _ in 0..self.iterations {
            let mut sums = [0.0_f64; 2];
            for update in &self.updates {
                for rays in &update.views {
                    let range = &self.ranges[rays.view];
                    let out = &mut residual[range.clone()];
                    self.project(rays, &slice, out);
                    let own = weigh(rays, &plane[range.clone()], &measured(rays.view), out);
                    sums[0] += own[0];
                    sums[1] += own[1];
                }
                self.back_project(update, &residual, &mut change);
                self.apply(update.gain, &change, &mut slice);
            }
            squares.push(sums);
        }
        let mut voxels = change;
        for (row, from) in voxels.chunks_mut(self.nx).zip(slice.chunks(self.stride())) {
            row.copy_from_slice(&from[self.margin..][..self.nx]);
        }
        Solution { voxels, squares }
    }

    fn back_project(&self, update: &Update, residual: &[f32], change: &mut [f32]) {
        // Sixteen rows at a time share their sources in the first-level cache.
        let per_row = update.views.len();
        for (rows, taps) in change
            .chunks_mut(16 * self.nx)
            .zip(update.taps.chunks(16 * per_row))
        {
            kernel::accumulate(Block {
                source: residual,
                taps,
                taps_per_row: per_row,
                out: rows,
                stride: self.nx,
                width: self.nx,
            });
        }
    }

    fn apply(&self, gain: f32, change: &[f32], slice: &mut [f32]) {
        let (low, high) = match self.bound {
            Bound::None => (f32::NEG_INFINITY, f32::INFINITY),
            Bound::Dark => (f32::NEG_INFINITY, 0.0),
            Bound::Bright => (0.0, f32::INFINITY),
        };
        let stride = self.stride();
        for (row, change) in slice.chunks_exact_mut(stride).zip(change.chunks(self.nx)) {
            for (value, change) in row[self.margin..].iter_mut().zip(change) {
                *value = (*value + gain * change).clamp(low, high);
            }
        }
    }
}

/// Turns projections into residuals weighted for back-projection; Σ of squared residuals and of squared data.
fn weigh(rays: &ViewRays, data: &[f32], measured: &Range<usize>, out: &mut [f32]) -> [f64; 2] {
    let (before, rest) = out.split_at_mut(measured.start);
    let (inside, after) = rest.split_at_mut(measured.len());
    before.fill(0.0);
    after.fill(0.0);
    let mut sums = [0.0_f64; 2];
    let data = &data[measured.clone()];
    let gains = &rays.gains[measured.clone()];
    for ((value, &datum), &gain) in inside.iter_mut().zip(data).zip(gains) {
        let left = if gain > 0.0 {
            datum - rays.length * *value
        } else {
            0.0
        };
        sums[0] += f64::from(left).powi(2);
        sums[1] += if gain > 0.0 {
            f64::from(datum).powi(2)
        } else {
            0.0
        };
        *value = left * gain * rays.length;
    }
    sums
}

#[cfg(test)]
impl SliceSolver {
    /// Projections of a slice `[z, x]` in all views of the first update, as rows of a plane.
    pub(super) fn projections(&self, voxels: &[f32]) -> Vec<f32> {
        let mut slice = self.empty_slice();
        for (row, from) in slice
            .chunks_exact_mut(self.stride())
            .zip(voxels.chunks(self.nx))
        {
            row[self.margin..].copy_from_slice(from);
        }
        let mut plane = vec![0.0; self.plane_length];
        for rays in &self.updates[0].views {
            let range = self.ranges[rays.view].clone();
            self.project(rays, &slice, &mut plane[range.clone()]);
            for value in &mut plane[range] {
                *value *= rays.length;
            }
        }
        plane
    }

    /// The transpose of [`Self::projections`].
    pub(super) fn transposed(&self, plane: &[f32]) -> Vec<f32> {
        let mut weighted = plane.to_vec();
        for rays in &self.updates[0].views {
            for value in &mut weighted[self.ranges[rays.view].clone()] {
                *value *= rays.length;
            }
        }
        let mut voxels = vec![0.0; self.nz * self.nx];
        self.back_project(&self.updates[0], &weighted, &mut voxels);
        voxels
    }

    pub(super) fn plane_length(&self) -> usize {
        self.plane_length
    }

    pub(super) fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }
}

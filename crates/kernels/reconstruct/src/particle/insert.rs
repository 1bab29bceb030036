//! Slices into the sums: every task owns some z planes of the half space and takes from all slices, in their order, what
//! falls on them. Each element thus adds the same numbers in the same order for any number of tasks or threads.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use std::collections::BTreeMap;

use glam::DVec3;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use thon_signal::fft::{half_length, signed_index};

use super::PartialSums;
use super::sums::Element;
use super::view::PreparedView;
use crate::half_space::HalfSpace;

/// Bytes of the sums that one task should work on.
const CACHE: usize = 1 << 20;
/// Tasks at most.
const TASKS: usize = 24;

/// The z planes of one task.
struct Planes<'a> {
    space: HalfSpace,
    /// First plane, counted from z = −extent.
    first: usize,
    count: usize,
    elements: &'a mut [Element],
}

/// One row of a slice: sample kx lies at start + step · kx, for kx in first..end.
struct Row {
    start: DVec3,
    step: DVec3,
    first: usize,
    end: usize,
    /// Element of the half spectrum with kx = 0.
    sample: usize,
}

impl PartialSums {
    pub(super) fn insert_prepared(&mut self, views: &[PreparedView]) {
        let (space, padded) = (self.space(), self.box_size() * self.padding());
        // |k| < n/2, for every size of box among the views.
        let mut reaches: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for view in views {
            reaches.entry(view.size).or_insert_with(|| {
                (0..view.size)
                    .map(|iy| reach(signed_index(iy, view.size), view.size))
                    .collect()
            });
        }
        // Planes that stay in the second-level cache, but not so few that every task looks at every row in vain.
        let cached = CACHE / (size_of::<Element>() * space.plane());
        let planes = cached.max(space.height().div_ceil(TASKS)).max(2);
        let length = planes * space.plane();
        self.elements
            .par_chunks_mut(length)
            .enumerate()
            .for_each(|(task, elements)| {
                let count = elements.len() / space.plane();
                let first = task * planes;
                pulp::Arch::new().dispatch(Task {
                    planes: Planes {
                        space,
                        first,
                        count,
                        elements,
                    },
                    views,
                    reaches: &reaches,
                    padded,
                });
            });
        self.count_views(views.len());
    }
}

/// Number of kx ≥ 0 with kx² + ky² < (n/2)².
fn reach(ky: isize, n: usize) -> usize {
    let room = (n * n).saturating_sub(4 * (ky * ky) as usize);
    ((room as f64).sqrt() * 0.5).ceil() as usize
}

/// All views into the planes of one task, compiled for the widest vectors of this processor.
struct Task<'a> {
    planes: Planes<'a>,
    views: &'a [PreparedView],
    /// See [`reach`], by size of box.
    reaches: &'a BTreeMap<usize, Vec<usize>>,
    padded: usize,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) {
        for view in self.views {
            self.planes
                .insert(view, self.padded, &self.reaches[&view.size]);
        }
    }
}

impl Planes<'_> {
    /// Takes what one slice has for these planes. The samples with kx = 0 come twice in a half spectrum (±ky): only ky > 0
    /// is used (and half of the origin, which is its own mate: see `ParticleView::prepare`).
    #[inline(always)]
    fn insert(&mut self, view: &PreparedView, padded: usize, reaches: &[usize]) {
        let n = view.size;
        let scale = padded as f64 / n as f64;
        let along_x = view.projection.row(0) * scale;
        let along_y = view.projection.row(1) * scale;
        let [low, high] = self.bounds();
        for (iy, reach) in reaches.iter().enumerate() {
            let ky = signed_index(iy, n);
            let row = Row {
                start: along_y * ky as f64,
                step: along_x,
                first: usize::from(ky < 0),
                end: *reach,
                sample: iy * half_length(n),
            };
            // Most rows miss most planes: the z of their ends tell.
            let (z0, z1) = (row.start.z, row.start.z + row.step.z * row.end as f64);
            let (z0, z1) = (z0.min(z1), z0.max(z1));
            if z1 >= low && z0 <= high {
                self.insert_row(view, &row, false);
            }
            if -z0 >= low && -z1 <= high {
                self.insert_row(view, &row, true);
            }
        }
    }

    /// z of the samples that touch these planes.
    fn bounds(&self) -> [f64; 2] {
        let low = self.first as f64 - self.space.extent as f64 - 1.0;
        [low, low + self.count as f64 + 1.0]
    }

    /// Takes those samples of a row that are mirrored (x < 0), or those that are not.
    #[inline(always)]
    fn insert_row(&mut self, view: &PreparedView, row: &Row, mirrored: bool) {
        for kx in self.reachable(row, mirrored) {
            let position = row.start + row.step * kx as f64;
            if (position.x < 0.0) != mirrored {
                continue;
            }
            self.scatter(position, view.samples[row.sample + kx]);
        }
    }

    /// The kx of a row that may touch these planes, for samples that are mirrored or not.
    #[inline(always)]
    fn reachable(&self, row: &Row, mirrored: bool) -> std::ops::Range<usize> {
        let (start, step) = (row.start, row.step);
        let sign = if mirrored { -1.0 } else { 1.0 };
        let [low, high] = self.bounds();
        let (mut from, mut to) = (row.first as f64, row.end as f64);
        let mut narrow = |start: f64, step: f64, low: f64, high: f64| {
            if step.abs() < 1e-9 {
                // The start alone decides; leave a margin and let the exact test in the loop do the rest.
                if start < low - 1e-3 || start > high + 1e-3 {
                    to = from;
                }
                return;
            }
            let (a, b) = ((low - start) / step, (high - start) / step);
            from = from.max(a.min(b).floor());
            to = to.min(a.max(b).ceil() + 1.0);
        };
        narrow(sign * start.z, sign * step.z, low, high);
        narrow(sign * start.x, sign * step.x, 0.0, f64::MAX);
        if to <= from {
            0..0
        } else {
            from as usize..to as usize
        }
    }

    /// Adds one sample to those of its eight neighbours that lie on these planes.
    #[inline(always)]
    fn scatter(&mut self, position: DVec3, sample: Element) {
        let space = self.space;
        let cell = space.cell(position);
        let sign = if cell.mirrored { -1.0 } else { 1.0 };
        let sample = [sample[0], sign * sample[1], sample[2], 0.0];
        let [ix, iy, iz] = cell.index;
        for (dz, shares) in cell.weights().as_chunks::<4>().0.iter().enumerate() {
            // One plane below the first wraps around and is out of range, too.
            let plane = (iz + dz).wrapping_sub(self.first);
            if plane >= self.count {
                continue;
            }
            let first = (plane * space.height() + iy) * space.width() + ix;
            add_pair(
                &mut self.elements[first..][..2],
                [shares[0], shares[1]],
                sample,
            );
            let first = first + space.width();
            add_pair(
                &mut self.elements[first..][..2],
                [shares[2], shares[3]],
                sample,
            );
        }
    }
}

/// Adds shares of a sample to two neighbours along x.
#[inline(always)]
fn add_pair(pair: &mut [Element], shares: [f32; 2], sample: Element) {
    for (element, share) in pair.iter_mut().zip(shares) {
        for (sum, value) in element.iter_mut().zip(sample) {
            *sum += share * value;
        }
    }
}

//! Slices into the sums: every task owns some z planes of the half space and takes from all slices, in their order, what
//! falls on them. Each element thus adds the same numbers in the same order for any number of tasks or threads.

use glam::DVec3;
use rayon::prelude::*;
use thon_signal::fft::{half_length, signed_index};

use super::PartialSums;
use super::sums::Element;
use super::view::PreparedView;
use crate::half_space::HalfSpace;

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
        let tasks = 4 * rayon::current_num_threads();
        let planes = space.height().div_ceil(tasks).max(2);
        let length = planes * space.plane();
        self.elements
            .par_chunks_mut(length)
            .enumerate()
            .for_each(|(task, elements)| {
                let count = elements.len() / space.plane();
                let mut planes = Planes {
                    space,
                    first: task * planes,
                    count,
                    elements,
                };
                for view in views {
                    planes.insert(view, padded);
                }
            });
        self.count_views(views.len());
    }
}

impl Planes<'_> {
    /// Takes what one slice has for these planes. The samples with kx = 0 come twice in a half spectrum (±ky): only ky > 0
    /// is used (and half of the origin, which is its own mate: see `ParticleView::prepare`).
    fn insert(&mut self, view: &PreparedView, padded: usize) {
        let n = view.size;
        let scale = padded as f64 / n as f64;
        let along_x = view.projection.row(0) * scale;
        let along_y = view.projection.row(1) * scale;
        for iy in 0..n {
            let ky = signed_index(iy, n);
            // |k| < n/2.
            let room = (n * n).saturating_sub(4 * (ky * ky) as usize);
            let reach = (room as f64).sqrt() * 0.5;
            let row = Row {
                start: along_y * ky as f64,
                step: along_x,
                first: usize::from(ky < 0),
                end: if room == 0 { 0 } else { reach.ceil() as usize },
                sample: iy * half_length(n),
            };
            self.insert_row(view, &row, false);
            self.insert_row(view, &row, true);
        }
    }

    /// Takes those samples of a row that are mirrored (x < 0), or those that are not.
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
    fn reachable(&self, row: &Row, mirrored: bool) -> std::ops::Range<usize> {
        let (start, step) = (row.start, row.step);
        let sign = if mirrored { -1.0 } else { 1.0 };
        let low = self.first as f64 - self.space.extent as f64 - 1.0;
        let high = low + self.count as f64 + 1.0;
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
    #[inline]
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
#[inline]
fn add_pair(pair: &mut [Element], shares: [f32; 2], sample: Element) {
    for (element, share) in pair.iter_mut().zip(shares) {
        for (sum, value) in element.iter_mut().zip(sample) {
            *sum += share * value;
        }
    }
}

//! The rows that the kernel reads: filtered tilt images sampled along the tomogram's rows, for a band of its y range.
//!
//! A view seen at (θ, α) contributes to voxel (x, y, z) from `across = x cos θ + t sin θ` (see `axes`). Sampled in
//! steps of cos θ times a voxel (or half of it), across/cos θ = x + t tan θ advances by whole samples along an output row, so
//! one fraction serves the whole row. A row holds `oversampling` interleaved phases one after the other.
//! All views of one y lie together (a *plane*), so that a plane stays in the second-level cache while its voxels are
//! summed. Views beyond about 80° are kept at half-voxel steps across the axis and interpolated voxel by voxel.

use std::ops::Range;

use rayon::prelude::*;
use thon_geometry::Grid;

use super::axes::Axes;
use super::coordinates::{extent, row_of, x_of, y_of, z_of};
use super::kernel::{PADDING, Tap};
use super::prepare::PreparedFrame;
use super::spline::SampleLine;

/// Where one view's samples lie in a plane.
#[derive(Clone, Copy, Debug)]
struct ViewRow {
    axes: Axes,
    /// First sample in the plane.
    offset: usize,
    /// Samples of one phase.
    phase_length: usize,
    phases: usize,
    /// Position of the first sample: shift in voxels, or for steep views `across` in voxels.
    first: isize,
}

/// The arrangement of the rows of one band.
pub(super) struct RowLayout {
    grid: Grid,
    views: Vec<ViewRow>,
    plane_length: usize,
    /// Aligned rows from here (index of the tomogram's y, may be negative) on.
    first_row: isize,
    rows: usize,
}

impl RowLayout {
    /// For the tomogram's rows `band`.
    pub(super) fn plan(views: &[Axes], grid: &Grid, band: Range<usize>) -> Self {
        let voxel = grid.voxel_size.0;
        let nx = grid.dims[2];
        let corners: Vec<[f64; 2]> = [band.start, band.end.max(band.start + 1) - 1]
            .into_iter()
            .flat_map(|y| [0, grid.dims[0].max(1) - 1].map(|z| [y_of(grid, y), z_of(grid, z)]))
            .collect();
        let mut offset = 0;
        let mut rows = extent([band.start as f64, band.end as f64]);
        let mut placed = Vec::with_capacity(views.len());
        for axes in views {
            let shifts = extent(corners.iter().map(|&[y, z]| axes.t(y, z) / voxel));
            let (first, phase_length, phases) = if axes.is_steep() {
                let x = [x_of(grid, 0), x_of(grid, nx.max(1) - 1)];
                let across = extent(
                    x.iter()
                        .flat_map(|x| shifts.map(|t| x / voxel * axes.cos + t * axes.sin)),
                );
                (
                    across[0].floor(),
                    2 * (across[1] - across[0].floor()).ceil() as usize + 4,
                    1,
                )
            } else {
                let along = extent(shifts.map(|t| t * axes.sin / axes.cos));
                let first = along[0].floor();
                let length = nx.next_multiple_of(PADDING) + (along[1] - first).ceil() as usize + 2;
                (first, length, axes.oversampling())
            };
            placed.push(ViewRow {
                axes: *axes,
                offset,
                phase_length,
                phases,
                first: first as isize,
            });
            offset += phases * phase_length;
            if !axes.is_level() {
                let needed = extent(corners.iter().map(|&[y, z]| row_of(grid, axes.along(y, z))));
                rows = [
                    rows[0].min(needed[0].floor()),
                    rows[1].max(needed[1].floor() + 2.0),
                ];
            }
        }
        Self {
            grid: *grid,
            views: placed,
            // An odd number of cache lines: planes and views do not fall on the same cache sets.
            plane_length: (offset + PADDING).next_multiple_of(32) + 16,
            first_row: rows[0] as isize,
            rows: (rows[1] - rows[0]) as usize,
        }
    }

    /// Elements of the whole band.
    pub(super) fn len(&self) -> usize {
        self.rows * self.plane_length
    }

    pub(super) fn plane_length(&self) -> usize {
        self.plane_length
    }

    /// True when an output row's taps depend on z alone (up to a whole number of planes).
    pub(super) fn is_level(&self) -> bool {
        self.views.iter().all(|view| view.axes.is_level())
    }

    pub(super) fn has_steep_views(&self) -> bool {
        self.views.iter().any(|view| view.axes.is_steep())
    }

    /// First element of the plane of tomogram row `y`.
    pub(super) fn plane_of(&self, y: usize) -> usize {
        (y as isize - self.first_row) as usize * self.plane_length
    }

    /// Samples one view's prepared image into all planes.
    pub(super) fn fill(
        &self,
        view: usize,
        coefficients: &[f32],
        frame: &PreparedFrame,
        planes: &mut [f32],
    ) {
        let row = &self.views[view];
        let voxel = self.grid.voxel_size.0;
        planes
            .par_chunks_mut(self.plane_length)
            .enumerate()
            .for_each(|(index, plane)| {
                let y = (self.first_row + index as isize) as f64;
                let along = (y - (self.grid.dims[1] / 2) as f64) * voxel + self.grid.centre.xyz.y;
                let samples = &mut plane[row.offset..][..row.phases * row.phase_length];
                for (phase, samples) in samples.chunks_mut(row.phase_length).enumerate() {
                    row.line(phase, along, frame, &self.grid)
                        .sample(coefficients, frame, samples);
                }
            });
    }

    /// Where the samples of each view lie in a plane, one phase each.
    pub(super) fn view_ranges(&self) -> Vec<Range<usize>> {
        self.views
            .iter()
            .map(|view| view.offset..view.offset + view.phase_length)
            .collect()
    }

    /// Position of a view's first sample, voxels from x = 0 across the axis over cos θ.
    pub(super) fn first_of(&self, view: usize) -> isize {
        self.views[view].first
    }

    /// Which samples of a view's row `y` lie inside its image, as indices from the first sample of the row.
    pub(super) fn measured(&self, view: usize, y: usize, frame: &PreparedFrame) -> Range<usize> {
        let row = &self.views[view];
        let along = y_of(&self.grid, y);
        row.line(0, along, frame, &self.grid).inside(
            frame.valid_from,
            frame.valid_to,
            row.phase_length,
        )
    }

    /// The planes that output row (y, z) reads, for `z` in a range: tomogram rows, possibly negative.
    pub(super) fn planes_for(&self, y: usize, z: &Range<usize>) -> Range<isize> {
        if self.is_level() {
            return y as isize..y as isize + 1;
        }
        let ends = [z.start, z.end.max(z.start + 1) - 1].map(|z| z_of(&self.grid, z));
        let rows = extent(self.views.iter().flat_map(|view| {
            ends.map(|z| row_of(&self.grid, view.axes.along(y_of(&self.grid, y), z)))
        }));
        let last = self.first_row + self.rows as isize;
        let low = (rows[0].floor() as isize).clamp(self.first_row, last - 2);
        let high = (rows[1].floor() as isize + 2).clamp(low + 2, last);
        low..high
    }

    /// All planes.
    pub(super) fn plane_rows(&self) -> Range<isize> {
        self.first_row..self.first_row + self.rows as isize
    }

    /// Phases, and samples of each, of one view.
    pub(super) fn samples_of(&self, view: usize) -> (usize, usize) {
        (self.views[view].phases, self.views[view].phase_length)
    }

    /// Å across the axis of sample 0 of a phase of a view's row, and from one sample to the next.
    pub(super) fn across_of(&self, view: usize, phase: usize) -> (f64, f64) {
        let row = &self.views[view];
        let (start, step) = row.across(phase, &self.grid);
        (start + step * row.first_sample() as f64, step)
    }

    /// Å along the axis of a plane.
    pub(super) fn along_of(&self, row: isize) -> f64 {
        let voxel = self.grid.voxel_size.0;
        (row as f64 - (self.grid.dims[1] / 2) as f64) * voxel + self.grid.centre.xyz.y
    }

    /// Samples `range` of one phase of a view's row.
    pub(super) fn sample_part(
        &self,
        (view, phase, row): (usize, usize, isize),
        range: &Range<usize>,
        coefficients: &[f32],
        frame: &PreparedFrame,
        out: &mut [f32],
    ) {
        let along = self.along_of(row);
        let mut line = self.views[view].line(phase, along, frame, &self.grid);
        line.first += range.start as isize;
        line.sample(coefficients, frame, out);
    }

    /// Taps of the output rows (y, z) for `z` in a range, in order; all rows have the same number.
    pub(super) fn taps(&self, y: usize, z: Range<usize>) -> (Vec<Tap>, usize) {
        let per_view = if self.is_level() { 1 } else { 2 };
        let stretched = || self.views.iter().filter(|view| !view.axes.is_steep());
        let mut taps = Vec::with_capacity(z.len() * stretched().count() * per_view);
        for z in z {
            let (y_position, z_position) = (y_of(&self.grid, y), z_of(&self.grid, z));
            for view in stretched() {
                let shift = view.axes.t(y_position, z_position) * view.axes.sin / view.axes.cos;
                let position = shift / self.grid.voxel_size.0 * view.phases as f64;
                let (whole, fraction) = split(position);
                let sample = (whole - view.first * view.phases as isize).max(0) as usize;
                for (plane, weight) in self.rows_of(view, y, z_position).into_iter().take(per_view)
                {
                    taps.push(Tap {
                        offset: [sample, sample + 1].map(|sample| plane + view.element(sample)),
                        weight: [(1.0 - fraction) * weight, fraction * weight],
                    });
                }
            }
        }
        (taps, stretched().count() * per_view)
    }

    /// Adds the steep views to output row (y, z).
    pub(super) fn add_steep(&self, y: usize, z: usize, planes: &[f32], out: &mut [f32]) {
        let voxel = self.grid.voxel_size.0;
        let (y_position, z_position) = (y_of(&self.grid, y), z_of(&self.grid, z));
        for view in self.views.iter().filter(|view| view.axes.is_steep()) {
            let t = view.axes.t(y_position, z_position);
            let start = 2.0 * (x_of(&self.grid, 0) * view.axes.cos + t * view.axes.sin) / voxel;
            for (plane, weight) in self.rows_of(view, y, z_position) {
                if weight == 0.0 {
                    continue;
                }
                let samples = &planes[plane + view.offset..][..view.phase_length];
                let last = samples.len() as isize - 2;
                for (x, value) in out.iter_mut().enumerate() {
                    let (whole, fraction) = split(start + 2.0 * view.axes.cos * x as f64);
                    let sample = (whole - view.first_sample()).clamp(0, last) as usize;
                    *value += weight
                        * (samples[sample] * (1.0 - fraction) + samples[sample + 1] * fraction);
                }
            }
        }
    }

    /// The two planes around a view's coordinate along the axis, and their weights; the second has none for level views.
    fn rows_of(&self, view: &ViewRow, y: usize, z_position: f64) -> [(usize, f32); 2] {
        if view.axes.is_level() {
            let plane = self.plane_of(y);
            return [(plane, 1.0), (plane, 0.0)];
        }
        let along = view.axes.along(y_of(&self.grid, y), z_position);
        let (whole, fraction) = split(row_of(&self.grid, along));
        let row = (whole - self.first_row).clamp(0, self.rows as isize - 2) as usize;
        let plane = row * self.plane_length;
        [
            (plane, 1.0 - fraction),
            (plane + self.plane_length, fraction),
        ]
    }
}

impl ViewRow {
    /// `across` (Å) of sample 0 of one phase, and its step. The row begins at sample [`ViewRow::first_sample`].
    fn across(&self, phase: usize, grid: &Grid) -> (f64, f64) {
        let voxel = grid.voxel_size.0;
        if self.axes.is_steep() {
            return (0.0, 0.5 * voxel);
        }
        let stretched = x_of(grid, 0) + voxel * phase as f64 / self.phases as f64;
        (stretched * self.axes.cos, voxel * self.axes.cos)
    }

    /// Where the samples of one phase of the aligned row at `along` (Å) lie in the prepared image.
    fn line(&self, phase: usize, along: f64, frame: &PreparedFrame, grid: &Grid) -> SampleLine {
        let (start, step) = self.across(phase, grid);
        let to_index =
            |across: f64| self.axes.image_position(across, along) * frame.scale + frame.offset;
        let origin = to_index(start);
        SampleLine {
            start: origin,
            step: to_index(start + step) - origin,
            first: self.first_sample(),
        }
    }

    /// The sample of each phase that the row begins with.
    fn first_sample(&self) -> isize {
        if self.axes.is_steep() {
            2 * self.first
        } else {
            self.first
        }
    }

    /// Element of a plane that holds `sample` (for output x = 0).
    fn element(&self, sample: usize) -> usize {
        self.offset + (sample % self.phases) * self.phase_length + sample / self.phases
    }
}

/// Whole part (rounded down) and fraction: the same for every band.
fn split(position: f64) -> (isize, f32) {
    let whole = position.floor();
    (whole as isize, (position - whole) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::View;
    use thon_geometry::TiltGeometry;
    use thon_units::{Degrees, PixelSize, Radians};

    #[test]
    fn taps_point_at_the_sample_of_their_voxel() {
        // Fill planes with `across` itself: what a tap reads must be x cos θ + t sin θ.
        let grid = Grid::new([40, 6, 50], PixelSize(4.0));
        for (tilt, x_tilt) in [(0.0, 0.0), (37.0, 0.0), (-62.0, 4.0), (130.0, -3.0)] {
            let geometry = TiltGeometry {
                x_tilt: Degrees(x_tilt).radians(),
                ..TiltGeometry::tilted(Degrees(tilt).radians())
            };
            let axes = Axes::new(&View { image: 0, geometry }).unwrap();
            let layout = RowLayout::plan(&[axes], &grid, 2..6);
            let mut planes = vec![0.0; layout.len()];
            for plane in planes.chunks_mut(layout.plane_length()) {
                for (i, value) in plane.iter_mut().enumerate() {
                    let view = &layout.views[0];
                    let phase = (i / view.phase_length).min(view.phases - 1);
                    let (start, step) = view.across(phase, &grid);
                    let sample = (i - phase * view.phase_length) as isize + view.first_sample();
                    *value = (start + step * sample as f64) as f32;
                }
            }
            for (y, z, x) in [(2, 0, 0), (5, 39, 49), (3, 17, 20)] {
                let (taps, _) = layout.taps(y, z..z + 1);
                let read: f32 = taps
                    .iter()
                    .flat_map(|tap| [0, 1].map(|i| tap.weight[i] * planes[tap.offset[i] + x]))
                    .sum();
                let Radians(angle) = geometry.tilt_angle;
                let t = axes.t(y_of(&grid, y), z_of(&grid, z));
                let expected = x_of(&grid, x) * angle.cos() + t * angle.sin();
                assert!(
                    (f64::from(read) - expected).abs() < 1e-3,
                    "{read} against {expected}"
                );
            }
        }
    }
}

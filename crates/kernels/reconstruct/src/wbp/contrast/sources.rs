//! The samples of all rungs of all views over a band of rows, as half floats, and their blending into the planes of sections.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use thon_geometry::Grid;
use thon_units::PixelSize;

use super::super::axes::Axes;
use super::super::coordinates::{extent, z_of};
use super::super::kernel::Tap;
use super::super::prepare::Preparer;
use super::super::rows::RowLayout;
use super::super::task::Task;
use super::levels::{Ladder, SampledRow, depth_at_axis};
use super::{Contrast, Correction};
use crate::ReconstructError;

/// Pixels beyond the band, on top of what the transfer scatters, that a piece of an image includes.
const MARGIN: f64 = 12.0;

/// One view's rungs.
struct ViewLevels {
    axes: Axes,
    phases: usize,
    rows: [SampledRow; 2],
    /// Number of the first rung, and for each the samples it holds.
    first_rung: isize,
    ranges: Vec<Range<usize>>,
    /// Where each rung begins in `values` (rows of planes, phases in each), and where the last one ends.
    offsets: Vec<usize>,
    values: Vec<f16>,
    /// What stored values are multiplied with.
    scale: f32,
}

/// The samples of a band.
pub(super) struct Sources<'a> {
    layout: &'a RowLayout,
    ladder: Ladder,
    grid: &'a Grid,
    views: Vec<ViewLevels>,
}

impl<'a> Sources<'a> {
    /// Without samples yet.
    pub(super) fn new(
        layout: &'a RowLayout,
        axes: &[Axes],
        ladder: Ladder,
        grid: &'a Grid,
    ) -> Self {
        let rows = layout.plane_rows();
        let views = axes
            .iter()
            .enumerate()
            .map(|(view, axes)| {
                let (phases, count) = layout.samples_of(view);
                let row = |phase: usize| {
                    let (start, step) = layout.across_of(view, phase);
                    SampledRow { start, step, count }
                };
                let q = extent([rows.start, rows.end - 1].into_iter().flat_map(|row| {
                    [0, grid.dims[0] - 1]
                        .map(|z| depth_at_axis(axes, layout.along_of(row), z_of(grid, z)))
                }));
                let rungs = ladder.rungs(axes, &row(0), q);
                let ranges: Vec<Range<usize>> = rungs
                    .clone()
                    .map(|rung| ladder.samples(axes, &row(0), q, rung))
                    .collect();
                let mut offsets = vec![0];
                for range in &ranges {
                    let last = offsets[offsets.len() - 1];
                    offsets.push(last + range.len() * phases * rows.len());
                }
                ViewLevels {
                    axes: *axes,
                    phases,
                    rows: [row(0), row(phases - 1)],
                    first_rung: rungs.start,
                    ranges,
                    offsets,
                    values: Vec::new(),
                    scale: 1.0,
                }
            })
            .collect();
        Self {
            layout,
            ladder,
            grid,
            views,
        }
    }

    /// Bytes of all samples.
    pub(super) fn bytes(&self) -> usize {
        let count: usize = self.views.iter().map(ViewLevels::len).sum();
        2 * count
    }

    /// Corrects and samples the image of one view at all its rungs; returns how many there are.
    pub(super) fn fill(
        &mut self,
        view: usize,
        task: &Task<'_>,
        contrast: &Contrast,
        pixel_size: PixelSize,
    ) -> Result<usize, ReconstructError> {
        let pixels = task.raw(view)?;
        let (ladder, layout, grid) = (self.ladder, self.layout, self.grid);
        let piece = self.piece(view, task, contrast, pixel_size);
        let cut = task.preparer.cut(task.views[view].image, &pixels, &piece)?;
        drop(pixels);
        let size = task.image_size();
        let preparer = Preparer::of_piece(&piece, size, pixel_size.0, grid.voxel_size.0);
        let spectrum = preparer.spectrum(task.views[view].image, &cut)?;
        let frame = preparer.frame();
        let own = &mut self.views[view];
        own.values = vec![f16::ZERO; own.len()];
        let rows = layout.plane_rows();
        let mut transforms = 0;
        own.scale = 0.0;
        for (index, range) in own.ranges.iter().enumerate() {
            if range.is_empty() {
                continue;
            }
            let depth = ladder.depth(own.first_rung + index as isize);
            let correction: Correction = contrast.at(view, depth);
            let filtered =
                preparer.filtered(&spectrum, &own.axes, task.weights(view), Some(&correction));
            let image = preparer.image(filtered);
            transforms += 1;
            if own.scale == 0.0 {
                own.scale = scale_of(&image);
            }
            let inverse = 1.0 / own.scale;
            let phases = own.phases;
            let part = &mut own.values[own.offsets[index]..own.offsets[index + 1]];
            part.par_chunks_mut(range.len()).enumerate().for_each_init(
                || vec![0.0_f32; range.len()],
                |samples, (line, out)| {
                    let row = rows.start + (line / phases) as isize;
                    layout.sample_part((view, line % phases, row), range, &image, &frame, samples);
                    for value in samples.iter_mut() {
                        *value *= inverse;
                    }
                    out.convert_from_f32_slice(samples);
                },
            );
        }
        Ok(transforms)
    }

    /// The piece of an image that the band shows, with what the transfer scatters into it.
    fn piece(
        &self,
        view: usize,
        task: &Task<'_>,
        contrast: &Contrast,
        pixel_size: PixelSize,
    ) -> [Range<usize>; 2] {
        let own = &self.views[view];
        let [ny, nx] = task.image_size();
        let rows = self.layout.plane_rows();
        let row = own.rows[0];
        let ends = [row.start, row.start + row.step * row.count as f64];
        let corners: Vec<glam::DVec2> = [rows.start, rows.end - 1]
            .into_iter()
            .flat_map(|r| ends.map(|u| own.axes.image_position(u, self.layout.along_of(r))))
            .map(|place| place / pixel_size.0)
            .collect();
        let ctf = &contrast.ctfs[view];
        let deepest = [own.first_rung, own.first_rung + own.ranges.len() as isize]
            .map(|rung| self.ladder.depth(rung).abs())
            .into_iter()
            .fold(0.0, f64::max);
        let defocus = ctf.defocus_u.0.abs().max(ctf.defocus_v.0.abs()) + deepest;
        let finest = 0.5 / self.grid.voxel_size.0.max(pixel_size.0);
        let scattered = contrast.optics.voltage.electron_wavelength().0 * defocus * finest;
        let margin = scattered / pixel_size.0 + MARGIN;
        let range = |values: [f64; 2], length: usize| {
            let centre = (length / 2) as f64;
            let low = (values[0] + centre - margin)
                .floor()
                .clamp(0.0, length as f64 - 1.0);
            let high = (values[1] + centre + margin)
                .ceil()
                .clamp(low + 1.0, length as f64);
            low as usize..high as usize
        };
        [
            range(extent(corners.iter().map(|c| c.y)), ny),
            range(extent(corners.iter().map(|c| c.x)), nx),
        ]
    }

    /// Fills `planes` with what output row `y` sees in some sections; the taps into them.
    pub(super) fn blend(
        &self,
        y: usize,
        sections: &Range<usize>,
        planes: &mut Vec<f32>,
    ) -> (Vec<Tap>, usize) {
        let needed = self.layout.planes_for(y, sections);
        let length = self.layout.plane_length();
        planes.resize(needed.len() * length, 0.0);
        let middle = 0.5
            * (z_of(self.grid, sections.start)
                + z_of(self.grid, sections.end.max(sections.start + 1) - 1));
        let ranges = self.layout.view_ranges();
        let first = self.layout.plane_rows().start;
        let mut buffer = Vec::new();
        for (row, plane) in needed.clone().zip(planes.chunks_mut(length)) {
            for (view, range) in self.views.iter().zip(&ranges) {
                let q = depth_at_axis(&view.axes, self.layout.along_of(row), middle);
                let index = (row - first) as usize;
                for phase in 0..view.phases {
                    let out = &mut plane[range.start + phase * range.len()..][..range.len()];
                    view.blend(self.ladder, (index, phase), q, out, &mut buffer);
                }
            }
        }
        let (mut taps, count) = self.layout.taps(y, sections.clone());
        let start = (needed.start - first) as usize * length;
        for offset in taps.iter_mut().flat_map(|tap| &mut tap.offset) {
            *offset -= start;
        }
        (taps, count)
    }
}

impl ViewLevels {
    /// Number of samples.
    fn len(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// The samples of one row and phase at depths q − u tan θ, each between its two rungs.
    fn blend(
        &self,
        ladder: Ladder,
        (row, phase): (usize, usize),
        q: f64,
        out: &mut [f32],
        buffer: &mut Vec<f32>,
    ) {
        let sampled = self.rows[phase.min(1)];
        let slope = -self.axes.sin / self.axes.cos * sampled.step / ladder.step;
        let origin = (q - self.axes.sin / self.axes.cos * sampled.start) / ladder.step;
        out.fill(0.0);
        buffer.resize(out.len(), 0.0);
        for (index, range) in self.ranges.iter().enumerate() {
            let rung = (self.first_rung + index as isize) as f64;
            // |origin + slope · i − rung| < 1
            let part = between(origin, slope, rung, range);
            if part.is_empty() {
                continue;
            }
            let line = self.offsets[index]
                + (row * self.phases + phase) * range.len()
                + (part.start - range.start);
            let values = &mut buffer[..part.len()];
            self.values[line..line + part.len()].convert_to_f32_slice(values);
            let from = (origin - rung + slope * part.start as f64) as f32;
            let step = slope as f32;
            for (i, (out, value)) in out[part].iter_mut().zip(&*values).enumerate() {
                let weight = (1.0 - (from + step * i as f32).abs()).max(0.0);
                *out += weight * value;
            }
        }
        for value in out {
            *value *= self.scale;
        }
    }
}

/// The i of a range for which origin + slope · i lies within 1 of a rung.
fn between(origin: f64, slope: f64, rung: f64, range: &Range<usize>) -> Range<usize> {
    if slope.abs() < 1e-12 {
        return if (origin - rung).abs() < 1.0 {
            range.clone()
        } else {
            0..0
        };
    }
    let (a, b) = ((rung - 1.0 - origin) / slope, (rung + 1.0 - origin) / slope);
    let first = a.min(b).ceil().clamp(range.start as f64, range.end as f64) as usize;
    let last = (a.max(b).floor() + 1.0).clamp(first as f64, range.end as f64) as usize;
    first..last
}

/// A number of the size of an image's values, so that half floats hold them.
fn scale_of(image: &[f32]) -> f32 {
    let square: f64 = image.iter().map(|v| f64::from(*v).powi(2)).sum();
    let root = (square / image.len().max(1) as f64).sqrt() as f32;
    if root.is_normal() { root } else { 1.0 }
}

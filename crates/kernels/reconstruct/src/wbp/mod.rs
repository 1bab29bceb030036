//! Weighted back-projection of a tilt series into a tomogram.
//!
//! Every raw image is filtered across its tilt axis in its own frame (`prepare`), **interpolated once**, straight to where
//! the back-projection kernel reads it (`spline`, `rows`), and summed over the views (`kernel`). Voxels get density
//! on the scale of the specimen: images are line integrals, density × Å (see [`RadialFilter`]).
//!
//! Axis rotation, affine and shift of each view cost nothing extra; x-tilt doubles the work of the kernel. The tomogram
//! leaves in slabs of rows, in ascending y, within the memory given. Same bytes for any number of threads on the same
//! instruction set.

mod axes;
mod filter;
mod kernel;
mod plan;
mod prepare;
mod rows;
mod spline;
mod streams;
#[cfg(test)]
mod tests;

use std::ops::Range;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::{Counter, Progress};
use thon_geometry::Grid;
use thon_units::{PixelSize, Radians};

use crate::ReconstructError;
use axes::Axes;
use filter::ViewWeights;
use plan::MemoryPlan;
use prepare::Preparer;
use rows::RowLayout;

pub use filter::{FallOff, RadialFilter, TiltSpacing, Weighting};
pub use streams::{ImageSource, ImagesInMemory, Slab, SlabSink, View, VolumeInMemory, used_views};

/// Sections summed together: with a tile along x their sources fit the first-level cache.
const SECTIONS: usize = 16;

/// What lies outside a tilt image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// The image's mean: densities are relative to it, and voxels outside a view's field get nothing from that view.
    #[default]
    Mean,
    /// Zero: for images that are already line integrals over an empty background.
    Zero,
}

/// Options of weighted back-projection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WbpOptions {
    /// Radial filter.
    pub filter: RadialFilter,
    /// What lies outside the images.
    pub background: Background,
    /// Memory the kernel may use for its buffers, MiB; at least what one prepared image and one row need.
    #[schemars(range(min = 16))]
    pub memory: usize,
}

impl Default for WbpOptions {
    /// The default filter, images continued by their mean, 320 MiB.
    fn default() -> Self {
        Self {
            filter: RadialFilter::default(),
            background: Background::Mean,
            memory: 320,
        }
    }
}

/// How a reconstruction went about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WbpReport {
    /// Bands of rows the tomogram was cut into.
    pub bands: usize,
    /// How often each image was read.
    pub reads_per_image: usize,
    /// Bytes of the kernel's buffers at their height.
    pub buffer_bytes: usize,
}

/// Reconstructs the tomogram on `grid` from the `views` among `images` and hands it to `sink`.
///
/// `images` deliver raw tilt images of `pixel_size`; they are Fourier-cropped to what `grid` can hold. Rows come in
/// ascending y, every row once. Progress counts prepared images and finished rows.
///
/// # Errors
/// [`ReconstructError`]: no views, unusable geometry or options, an image that cannot be read or is not finite, a sink that
/// refuses, cancellation. The sink may have received some rows by then.
pub fn reconstruct_wbp(
    images: &dyn ImageSource,
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &WbpOptions,
    progress: &dyn Progress,
    sink: &mut dyn SlabSink,
) -> Result<WbpReport, ReconstructError> {
    let task = Task::new(images, views, pixel_size, grid, options)?;
    let plan = MemoryPlan::new(&task, options.memory);
    let ny = grid.dims[1];
    let bands: Vec<Range<usize>> = (0..ny)
        .step_by(plan.band_rows.max(1))
        .map(|first| first..(first + plan.band_rows).min(ny))
        .collect();
    let passes = if plan.keep_images { 1 } else { bands.len() };
    let counter = Counter::new(progress, (passes * views.len() + ny) as u64);
    let kept = if plan.keep_images {
        Some(
            (0..views.len())
                .map(|view| task.prepared(view, &counter))
                .collect::<Result<Vec<_>, _>>()?,
        )
    } else {
        None
    };
    let longest = bands.iter().map(|band| task.layout(band).len()).max();
    let mut planes = vec![0.0_f32; longest.unwrap_or(0)];
    for band in &bands {
        let layout = task.layout(band);
        let planes = &mut planes[..layout.len()];
        for view in 0..views.len() {
            let own;
            let image = if let Some(images) = &kept {
                &images[view]
            } else {
                own = task.prepared(view, &counter)?;
                &own
            };
            layout.fill(view, image, &task.preparer.frame(), planes);
            counter.check()?;
        }
        back_project(grid, &layout, planes, band, plan.slab_rows, &counter, sink)?;
    }
    Ok(WbpReport {
        bands: bands.len(),
        reads_per_image: passes,
        buffer_bytes: plan.bytes,
    })
}

/// Everything checked and worked out before the first image is read.
struct Task<'a> {
    images: &'a dyn ImageSource,
    views: &'a [View],
    axes: Vec<Axes>,
    weights: Vec<ViewWeights>,
    grid: &'a Grid,
    preparer: Preparer,
}

impl<'a> Task<'a> {
    fn new(
        images: &'a dyn ImageSource,
        views: &'a [View],
        pixel_size: PixelSize,
        grid: &'a Grid,
        options: &WbpOptions,
    ) -> Result<Self, ReconstructError> {
        options.filter.check()?;
        if views.is_empty() {
            return Err(ReconstructError::NoViews);
        }
        for (field, size) in [("pixel size", pixel_size), ("voxel size", grid.voxel_size)] {
            if !(size.0.is_finite() && size.0 > 0.0) {
                return Err(ReconstructError::parameter(
                    field,
                    &size,
                    "a positive number of Å",
                ));
            }
        }
        let size = images.image_size();
        if size.contains(&0) || grid.dims.contains(&0) {
            let found = format!("images {size:?}, tomogram {:?}", grid.dims);
            return Err(ReconstructError::parameter("size", &found, "no empty axis"));
        }
        let axes = views.iter().map(Axes::new).collect::<Result<Vec<_>, _>>()?;
        let angles: Vec<Radians> = views.iter().map(|view| view.geometry.tilt_angle).collect();
        let weights = (0..views.len())
            .map(|view| options.filter.for_view(view, &angles, grid.voxel_size.0))
            .collect();
        let preparer = Preparer::new(size, pixel_size.0, grid.voxel_size.0, options.background);
        Ok(Self {
            images,
            views,
            axes,
            weights,
            grid,
            preparer,
        })
    }

    fn layout(&self, band: &Range<usize>) -> RowLayout {
        RowLayout::plan(&self.axes, self.grid, band.clone())
    }

    /// Reads and prepares the image of one view.
    fn prepared(&self, view: usize, counter: &Counter) -> Result<Vec<f32>, ReconstructError> {
        counter.check()?;
        let [ny, nx] = self.images.image_size();
        let index = self.views[view].image;
        let mut pixels = vec![0.0; ny * nx];
        self.images
            .read(index, &mut pixels)
            .map_err(|source| ReconstructError::Read { index, source })?;
        let prepared =
            self.preparer
                .prepare(index, &pixels, &self.axes[view], &self.weights[view])?;
        counter.unit_done();
        Ok(prepared)
    }
}

/// Sums the rows of one band and hands them out slab by slab.
fn back_project(
    grid: &Grid,
    layout: &RowLayout,
    planes: &[f32],
    band: &Range<usize>,
    slab_rows: usize,
    counter: &Counter,
    sink: &mut dyn SlabSink,
) -> Result<(), ReconstructError> {
    let [nz, _, nx] = grid.dims;
    // Without x-tilt all rows of the band share one set of taps.
    let shared = layout.is_level().then(|| layout.taps(band.start, 0..nz));
    let mut voxels = vec![0.0_f32; nz * slab_rows.min(band.len()) * nx];
    for first in band.clone().step_by(slab_rows) {
        let rows = slab_rows.min(band.end - first);
        let voxels = &mut voxels[..nz * rows * nx];
        voxels
            .par_chunks_mut(SECTIONS * rows * nx)
            .enumerate()
            .for_each(|(block, out)| {
                let sections = block * SECTIONS..nz.min((block + 1) * SECTIONS);
                let band = Band {
                    layout,
                    planes,
                    first: band.start,
                    shared: shared.as_ref(),
                    nx,
                };
                for row in 0..rows {
                    band.sum_row(
                        first + row,
                        sections.clone(),
                        &mut out[row * nx..],
                        rows * nx,
                    );
                }
            });
        let slab = Slab {
            first_row: first,
            rows,
            voxels,
        };
        sink.write(&slab)
            .map_err(|source| ReconstructError::Write {
                first_row: first,
                source,
            })?;
        for _ in 0..rows {
            counter.unit_done();
        }
        counter.check()?;
    }
    Ok(())
}

/// The sources of one band of rows.
struct Band<'a> {
    layout: &'a RowLayout,
    planes: &'a [f32],
    /// Row that the shared taps belong to.
    first: usize,
    /// Taps of all sections of the first row, when all rows have the same.
    shared: Option<&'a (Vec<kernel::Tap>, usize)>,
    nx: usize,
}

impl Band<'_> {
    /// Fills row `y` of some sections; `stride` elements of `out` lie between sections.
    fn sum_row(&self, y: usize, sections: Range<usize>, out: &mut [f32], stride: usize) {
        let own;
        let (taps, taps_per_row, source) = if let Some((taps, per_row)) = self.shared {
            let from = self.layout.plane_of(y) - self.layout.plane_of(self.first);
            let taps = &taps[sections.start * per_row..sections.end * per_row];
            (taps, *per_row, &self.planes[from..])
        } else {
            own = self.layout.taps(y, sections.clone());
            (&own.0[..], own.1, self.planes)
        };
        if taps_per_row == 0 {
            out.chunks_mut(stride)
                .for_each(|row| row[..self.nx].fill(0.0));
        }
        kernel::accumulate(kernel::Block {
            source,
            taps,
            taps_per_row,
            out,
            stride,
            width: self.nx,
        });
        if self.layout.has_steep_views() {
            for (row, z) in out.chunks_mut(stride).zip(sections) {
                self.layout
                    .add_steep(y, z, self.planes, &mut row[..self.nx]);
            }
        }
    }
}

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
mod back_project;
mod bands;
mod contrast;
mod coordinates;
mod deformed;
#[cfg(test)]
mod failure_tests;
mod filter;
mod foretold;
mod fourier;
mod iterative;
mod kernel;
mod mixing;
mod plan;
mod prepare;
mod rows;
mod slices;
mod spline;
mod split_matrix;
mod streams;
mod task;
#[cfg(test)]
mod tests;
mod tilt_spacing;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_geometry::Grid;
use thon_units::PixelSize;

use crate::ReconstructError;
use back_project::back_project;
use bands::Bands;
use fourier::Inversion;
use mixing::Mixing;
use slices::write_slices;
use task::Task;

pub use contrast::{
    Contrast, ContrastReport, CtfCorrection, correct_image, reconstruct_ctf_corrected,
};
pub use filter::{FallOff, RadialFilter, Weighting};
pub use foretold::{ctf_corrected_bytes, iterative_bytes, wbp_bytes};
pub use iterative::{
    Bound, IterativeMethod, IterativeOptions, IterativeReport, reconstruct_iterative,
};
pub use streams::{ImageSource, ImagesInMemory, Slab, SlabSink, View, VolumeInMemory, used_views};
pub use tilt_spacing::TiltSpacing;

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
    if deformed::any(views) {
        return deformed::reconstruct(images, views, pixel_size, grid, options, progress, sink);
    }
    let task = Task::new(images, views, pixel_size, grid, options)?;
    match options.filter.weighting {
        Weighting::Fourier => invert(&task.unweighted(options), options, progress, sink),
        Weighting::SirtLike { iterations } => {
            let plain = Task::new(images, views, pixel_size, grid, options)?.unweighted(options);
            match Mixing::new(&plain, iterations) {
                Some(mixing) => sum_views(&plain, Some(&mixing), options, progress, sink),
                None => sum_views(&task, None, options, progress, sink),
            }
        }
        _ => sum_views(&task, None, options, progress, sink),
    }
}

/// Back-projects the views of a task, mixed first if there is a mixture.
fn sum_views(
    task: &Task<'_>,
    mixing: Option<&Mixing>,
    options: &WbpOptions,
    progress: &dyn Progress,
    sink: &mut dyn SlabSink,
) -> Result<WbpReport, ReconstructError> {
    let mut bands = Bands::new(task, options.memory);
    bands.plan.bytes += mixing.map_or(0, Mixing::bytes);
    let slab_rows = bands.plan.slab_rows;
    bands.for_each(progress, |layout, planes, band, counter| {
        if let Some(mixing) = mixing {
            mixing.apply(planes, layout.plane_length());
        }
        back_project(task.grid, layout, planes, band, slab_rows, counter, sink)
    })?;
    Ok(bands.report())
}

/// Puts the views of a task into Fourier space.
fn invert(
    task: &Task<'_>,
    options: &WbpOptions,
    progress: &dyn Progress,
    sink: &mut dyn SlabSink,
) -> Result<WbpReport, ReconstructError> {
    let inversion = Inversion::new(task)?;
    let mut bands = Bands::new(task, options.memory);
    let [shared, own] = inversion.bytes();
    bands.plan.bytes += shared + own * rayon::current_num_threads();
    let slab_rows = bands.plan.slab_rows;
    bands.for_each(progress, |layout, planes, band, counter| {
        let solve = |y: usize| {
            let plane = &planes[layout.plane_of(y)..][..layout.plane_length()];
            (inversion.slice(plane), ())
        };
        write_slices(task.grid, band, slab_rows, counter, sink, solve).map(drop)
    })?;
    Ok(bands.report())
}

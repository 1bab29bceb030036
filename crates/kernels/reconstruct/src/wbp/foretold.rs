//! Bytes that a reconstruction will hold, worked out from geometry alone, by the plans that the reconstruction itself follows.
//!
//! Buffers of the kernel at their height; what a caller's sink and images take comes on top.

use thon_compute::Cancelled;
use thon_geometry::Grid;
use thon_units::PixelSize;

use super::bands::Bands;
use super::contrast::{self, Contrast};
use super::iterative::{self, IterativeOptions};
use super::task::Task;
use super::{ImageSource, Inversion, View, WbpOptions, Weighting, deformed};
use crate::{ReconstructError, SourceError};

/// Images of which nothing but the size is known.
struct Unread([usize; 2]);

impl ImageSource for Unread {
    fn image_size(&self) -> [usize; 2] {
        self.0
    }

    fn read(&self, _: usize, _: &mut [f32]) -> Result<(), SourceError> {
        Err(Cancelled.into())
    }
}

/// Bytes of [`crate::reconstruct_wbp`] for images of `size` `[ny, nx]`; without the mixture of a SIRT-like filter.
///
/// # Errors
/// As the reconstruction, for what it refuses before it reads.
pub fn wbp_bytes(
    size: [usize; 2],
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &WbpOptions,
) -> Result<usize, ReconstructError> {
    let unread = Unread(size);
    if deformed::any(views) {
        return deformed::bytes(&unread, views, pixel_size, grid, options);
    }
    let task = Task::new(&unread, views, pixel_size, grid, options)?;
    if options.filter.weighting != Weighting::Fourier {
        return Ok(Bands::new(&task, options.memory).plan.bytes);
    }
    let task = task.unweighted(options);
    let [shared, own] = Inversion::new(&task)?.bytes();
    let plan = Bands::new(&task, options.memory).plan;
    Ok(plan.bytes + shared + own * rayon::current_num_threads())
}

/// Bytes of [`crate::reconstruct_ctf_corrected`] for images of `size` `[ny, nx]`.
///
/// # Errors
/// As the reconstruction, for what it refuses before it reads.
pub fn ctf_corrected_bytes(
    size: [usize; 2],
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &WbpOptions,
    contrast: &Contrast,
) -> Result<usize, ReconstructError> {
    let unread = Unread(size);
    let task = Task::new(&unread, views, pixel_size, grid, options)?;
    Ok(contrast::bytes(&task, contrast, options.memory))
}

/// Bytes of [`crate::reconstruct_iterative`] for images of `size` `[ny, nx]`.
///
/// # Errors
/// As the reconstruction, for what it refuses before it reads.
pub fn iterative_bytes(
    size: [usize; 2],
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &IterativeOptions,
) -> Result<usize, ReconstructError> {
    let unread = Unread(size);
    let weighted = options.as_projector();
    let task = Task::new(&unread, views, pixel_size, grid, &weighted)?.unweighted(&weighted);
    task.refuse_tilted_slices()?;
    Ok(iterative::bytes(&task, options))
}

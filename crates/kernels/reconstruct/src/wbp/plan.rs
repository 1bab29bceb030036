//! How the memory given is shared between prepared images, rows and output.

use super::task::Task;

/// Rows of a slab, at most: long enough pieces for a file, short enough for the cache.
const SLAB_ROWS: usize = 16;

/// The sizes of the buffers of a reconstruction.
pub(super) struct MemoryPlan {
    /// Rows of the tomogram whose sources are held at once.
    pub(super) band_rows: usize,
    /// Rows handed to the sink at once.
    pub(super) slab_rows: usize,
    /// True when all prepared images are held, so that each is read once.
    pub(super) keep_images: bool,
    /// Bytes of all buffers at their height.
    pub(super) bytes: usize,
}

impl MemoryPlan {
    /// For a budget of `memory` MiB. Images are held when they take at most three quarters of it; otherwise each band reads them
    /// again.
    pub(super) fn new(task: &Task<'_>, memory: usize) -> Self {
        let budget = memory.saturating_mul(1 << 20);
        let [nz, ny, nx] = task.grid.dims;
        let [height, width] = task.preparer.frame().size;
        let images = 4 * height * width * task.views.len();
        let working = task.preparer.working_bytes();
        let keep_images = images + working <= budget / 4 * 3;
        // While rows are held an image is being prepared only if images are not kept.
        let fixed = if keep_images { images } else { working };
        let left = budget.saturating_sub(fixed);
        let row_of_output = 4 * nz * nx;
        let slab_rows = (left / 4 / row_of_output).clamp(1, SLAB_ROWS.min(ny));
        // Views with x-tilt need some rows more than the band has.
        let one = task.layout(&(0..1));
        let plane = 4 * one.plane_length();
        let extra = one.len() / one.plane_length() - 1;
        let left = left.saturating_sub(slab_rows * row_of_output + extra * plane);
        let mut band_rows = (left / plane.max(1)).clamp(1, ny);
        if band_rows > slab_rows && band_rows < ny {
            band_rows -= band_rows % slab_rows;
        }
        let rows = slab_rows * row_of_output + (band_rows + extra) * plane;
        let bytes = if keep_images {
            (images + working).max(images + rows)
        } else {
            working + rows
        };
        Self {
            band_rows,
            slab_rows,
            keep_images,
            bytes,
        }
    }
}

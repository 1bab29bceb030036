//! SIRT and SART: the tomogram whose projections are the tilt images, approached step by step, one slice at a time.
//!
//! With A the projector of one slice perpendicular to the tilt axis (rays sampled a voxel apart, linear interpolation in
//! x: Joseph 1982) and b the measured rows:
//! ```text
//!   x ← x + λ C_S A_Sᵀ R_S (b_S − A_S x)        R = 1 / Σ of the ray's weights    C_S = 1 / Σ of the voxel's weights in S
//! ```
//! SIRT (Gilbert 1972; J. Theor. Biol. 36:105) takes all views at once, SART (Andersen & Kak 1984; Ultrason. Imaging 6:81) a few at
//! a time. A and Aᵀ run through the same kernel as weighted back-projection and are each other's transpose. Rays outside an
//! image do not count. Slices need one row of every image: views with x-tilt are refused.

mod slice;
mod subsets;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_geometry::Grid;
use thon_units::PixelSize;

use super::bands::Bands;
use super::slices::write_slices;
use super::streams::{ImageSource, SlabSink, View};
use super::task::Task;
use super::{Background, RadialFilter, WbpOptions, WbpReport};
use crate::ReconstructError;
use slice::SliceSolver;

/// Which views an update is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IterativeMethod {
    /// All views at once.
    Sirt,
    /// So many views at a time, chosen far apart in tilt.
    Sart {
        /// Views of an update.
        views: usize,
    },
}

/// What densities may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Anything.
    #[default]
    None,
    /// Not above the background: matter is dark.
    Dark,
    /// Not below the background: matter is bright.
    Bright,
}

/// Options of SIRT and SART.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IterativeOptions {
    /// Which views an update is made from.
    pub method: IterativeMethod,
    /// Passes over all views.
    #[schemars(range(min = 1, max = 1000))]
    pub iterations: usize,
    /// λ: part of the correction that is applied; SART is calmer below 1.
    #[schemars(range(min = 0.01, max = 1.99))]
    pub relaxation: f64,
    /// What densities may be, relative to the background.
    pub bound: Bound,
    /// What lies outside the images.
    pub background: Background,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 16))]
    pub memory: usize,
}

impl Default for IterativeOptions {
    /// 15 iterations of SIRT without relaxation or bound, 320 MiB.
    fn default() -> Self {
        Self {
            method: IterativeMethod::Sirt,
            iterations: 15,
            relaxation: 1.0,
            bound: Bound::None,
            background: Background::Mean,
            memory: 320,
        }
    }
}

impl IterativeOptions {
    /// What tells how images are prepared for projection.
    pub(super) fn as_projector(&self) -> WbpOptions {
        WbpOptions {
            filter: RadialFilter::default(),
            background: self.background,
            memory: self.memory,
        }
    }

    fn check(&self) -> Result<(), ReconstructError> {
        if self.iterations == 0 {
            return Err(ReconstructError::parameter("iterations", &0, "at least 1"));
        }
        if !(self.relaxation > 0.0 && self.relaxation < 2.0) {
            return Err(ReconstructError::parameter(
                "relaxation",
                &self.relaxation,
                "above 0 and below 2",
            ));
        }
        if self.method == (IterativeMethod::Sart { views: 0 }) {
            return Err(ReconstructError::parameter(
                "views of an update",
                &0,
                "at least 1",
            ));
        }
        Ok(())
    }
}

/// Bytes of the buffers of a reconstruction, a slice in work in every thread.
pub(super) fn bytes(task: &Task<'_>, options: &IterativeOptions) -> usize {
    let solver = SliceSolver::new(task, options);
    Bands::new(task, options.memory).plan.bytes + solver.bytes() * rayon::current_num_threads()
}

/// How a reconstruction went.
#[derive(Clone, Debug, PartialEq)]
pub struct IterativeReport {
    /// ‖b − A x‖ / ‖b‖ over all measured rays before the first pass (1) and as each pass met them. For SIRT entry n is the
    /// residual after n passes.
    pub residuals: Vec<f64>,
    /// Bands, reads and buffers.
    pub work: WbpReport,
}

/// Reconstructs the tomogram on `grid` by SIRT or SART and hands it to `sink`, rows in ascending y.
///
/// Images are line integrals, density × Å; densities come out on that scale. Arguments are those of
/// [`crate::reconstruct_wbp`].
///
/// # Errors
/// [`ReconstructError`]: as for back-projection, and views with x-tilt or beyond about 80°.
pub fn reconstruct_iterative(
    images: &dyn ImageSource,
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &IterativeOptions,
    progress: &dyn Progress,
    sink: &mut dyn SlabSink,
) -> Result<IterativeReport, ReconstructError> {
    options.check()?;
    let weighted = options.as_projector();
    let task = Task::new(images, views, pixel_size, grid, &weighted)?.unweighted(&weighted);
    task.refuse_tilted_slices()?;
    let mut bands = Bands::new(&task, options.memory);
    let solver = SliceSolver::new(&task, options);
    bands.plan.bytes += solver.bytes() * rayon::current_num_threads();
    let slab_rows = bands.plan.slab_rows;
    let mut squares = vec![[0.0_f64; 2]; options.iterations];
    let frame = task.preparer.frame();
    bands.for_each(progress, |layout, planes, band, counter| {
        let solve = |y: usize| {
            let plane = &planes[layout.plane_of(y)..][..layout.plane_length()];
            let solution = solver.solve(plane, |view| layout.measured(view, y, &frame));
            (solution.voxels, solution.squares)
        };
        for own in write_slices(grid, band, slab_rows, counter, sink, solve)? {
            for (sum, own) in squares.iter_mut().zip(&own) {
                sum[0] += own[0];
                sum[1] += own[1];
            }
        }
        Ok(())
    })?;
    Ok(IterativeReport {
        residuals: squares
            .iter()
            .map(|[left, all]| (left / all.max(f64::MIN_POSITIVE)).sqrt())
            .collect(),
        work: bands.report(),
    })
}

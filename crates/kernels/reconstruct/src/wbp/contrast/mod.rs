//! Back-projection with the contrast transfer corrected at the depth of every voxel (3D-CTF).
//!
//! A point at depth d (Å along the beam) was recorded with the underfocus of the origin plus `hand · d`. Every image is
//! corrected for a ladder of depths, `step` apart; each rung is filtered, transformed back once and sampled where it is needed.
//! A sample at `across` in front of section z belongs to depth −across tan θ + z/cos θ (`levels`), and is blended from the two
//! rungs around it. After Turoňová et al. 2017 (novaCTF, J. Struct. Biol. 199:187), with blending in the place of the nearest
//! rung and without files. Voxels come out dark where matter is, as by plain back-projection.

mod correct;
mod levels;
mod sources;
#[cfg(test)]
mod tests;

use std::ops::Range;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::{Counter, Progress};
use thon_ctf::CtfModel;
use thon_geometry::Grid;
use thon_model::{Ctf, HandSign, Optics};
use thon_signal::fft::Complex32;
use thon_units::{Angstrom, PixelSize};

use super::kernel;
use super::streams::{ImageSource, Slab, SlabSink, View};
use super::task::Task;
use super::{WbpOptions, WbpReport};
use crate::ReconstructError;
use levels::Ladder;
use sources::Sources;

pub use correct::correct_image;

/// What is done about the contrast transfer. Matter stays dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CtfCorrection {
    /// Phases are flipped where the transfer changes sign.
    #[default]
    PhaseFlip,
    /// Multiplied by the transfer: weak frequencies become weaker.
    Multiply,
    /// Divided by it where it is stronger than the noise: c / (c² + 1/SNR).
    Wiener {
        /// Ratio of signal to noise, in power.
        snr: f64,
    },
}

/// The contrast transfer of the views of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    /// Microscope constants.
    pub optics: Optics,
    /// Transfer of each view at the height of the specimen's origin, in the order of the views.
    pub ctfs: Vec<Ctf>,
    /// Sign of the change of underfocus with depth.
    pub hand: HandSign,
    /// What is done about it.
    pub correction: CtfCorrection,
    /// Distance of the rungs; as fine as the voxels ask for when absent.
    pub step: Option<Angstrom>,
}

impl Contrast {
    /// The distance of rungs for details of two voxels: d²/(4λ), at most 2000 Å. Between rungs the phase is off by π/8 at most.
    pub fn step_for(&self, voxel_size: PixelSize) -> Angstrom {
        let wavelength = self.optics.voltage.electron_wavelength().0;
        self.step
            .unwrap_or(Angstrom((voxel_size.0.powi(2) / wavelength).min(2000.0)))
    }

    /// # Errors
    /// [`ReconstructError`] naming what is wrong: one transfer per view, finite, a positive step and SNR.
    fn check(&self, views: &[View], voxel_size: PixelSize) -> Result<(), ReconstructError> {
        ReconstructError::check_length("contrast transfers", self.ctfs.len(), views.len())?;
        let step = self.step_for(voxel_size).0;
        if !(step.is_finite() && step > 0.0) {
            return Err(ReconstructError::parameter(
                "step",
                &step,
                "a positive number of Å",
            ));
        }
        if let CtfCorrection::Wiener { snr } = self.correction
            && !(snr.is_finite() && snr > 0.0)
        {
            return Err(ReconstructError::parameter(
                "snr",
                &snr,
                "a positive number",
            ));
        }
        for (ctf, view) in self.ctfs.iter().zip(views) {
            let finite = [
                ctf.defocus_u.0,
                ctf.defocus_v.0,
                ctf.defocus_angle.0,
                ctf.phase_shift.0,
            ];
            if finite.iter().any(|value| !value.is_finite()) {
                return Err(ReconstructError::Geometry {
                    index: view.image,
                    problem: "its defocus is not a finite number",
                });
            }
        }
        Ok(())
    }

    /// The correction of view `view` at a depth.
    fn at(&self, view: usize, depth: f64) -> Correction {
        Correction {
            model: CtfModel::at_depth(&self.optics, &self.ctfs[view], self.hand, Angstrom(depth)),
            kind: self.correction,
        }
    }
}

/// The factor that corrects one image at one depth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Correction {
    model: CtfModel,
    kind: CtfCorrection,
}

impl Correction {
    /// Multiplies a row of a half spectrum at `ky`, columns `step` apart (cycles/Å).
    pub(super) fn multiply_row(&self, row: &mut [Complex32], ky: f64, step: f64) {
        let mut factors = [0.0_f32; 256];
        for (part, values) in row.chunks_mut(256).enumerate() {
            let factors = &mut factors[..values.len()];
            self.model
                .fill_row_from(factors, (part * 256) as u32, ky, step);
            for (value, c) in values.iter_mut().zip(&*factors) {
                *value *= self.kind.factor(*c);
            }
        }
    }
}

impl CtfCorrection {
    /// What a coefficient is multiplied with where the transfer is `c`.
    fn factor(self, c: f32) -> f32 {
        match self {
            Self::PhaseFlip if c > 0.0 => -1.0,
            Self::PhaseFlip => 1.0,
            Self::Multiply => -c,
            Self::Wiener { snr } => -c / (c * c + (1.0 / snr) as f32),
        }
    }
}

/// How a reconstruction went about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContrastReport {
    /// Distance of the rungs.
    pub step: Angstrom,
    /// Inverse transforms: rungs of all views, in all bands.
    pub transforms: usize,
    /// Bands, reads and buffers.
    pub work: WbpReport,
}

/// As [`crate::reconstruct_wbp`], with the contrast transfer corrected at the depth of every voxel.
///
/// # Errors
/// [`ReconstructError`]: as for back-projection, an unusable transfer, and views beyond about 80°.
#[expect(
    clippy::too_many_arguments,
    reason = "those of back-projection, and the contrast"
)]
pub fn reconstruct_ctf_corrected(
    images: &dyn ImageSource,
    views: &[View],
    pixel_size: PixelSize,
    grid: &Grid,
    options: &WbpOptions,
    contrast: &Contrast,
    progress: &dyn Progress,
    sink: &mut dyn SlabSink,
) -> Result<ContrastReport, ReconstructError> {
    let task = Task::new(images, views, pixel_size, grid, options)?;
    contrast.check(views, grid.voxel_size)?;
    if let Some(index) = task.axes().iter().position(super::axes::Axes::is_steep) {
        return Err(ReconstructError::Geometry {
            index: views[index].image,
            problem: "tilted by more than 80°, where depth and place in the image are one; hint: exclude it",
        });
    }
    let step = contrast.step_for(grid.voxel_size).0;
    let ladder = Ladder::new(step);
    let plan = Plan::new(&task, ladder, options.memory);
    let ny = grid.dims[1];
    let bands: Vec<Range<usize>> = (0..ny)
        .step_by(plan.band_rows)
        .map(|first| first..(first + plan.band_rows).min(ny))
        .collect();
    let counter = Counter::new(progress, (bands.len() * views.len() + ny) as u64);
    let mut transforms = 0;
    for band in &bands {
        let layout = task.layout(band);
        let mut sources = Sources::new(&layout, task.axes(), ladder, grid);
        for view in 0..views.len() {
            counter.check()?;
            transforms += sources.fill(view, &task, contrast, pixel_size)?;
            counter.unit_done();
        }
        back_project(&task, &sources, band, &plan, &counter, sink)?;
    }
    Ok(ContrastReport {
        step: Angstrom(step),
        transforms,
        work: WbpReport {
            bands: bands.len(),
            reads_per_image: bands.len(),
            buffer_bytes: plan.bytes,
        },
    })
}

/// Bytes of the buffers of a reconstruction within `memory` MiB.
pub(super) fn bytes(task: &Task<'_>, contrast: &Contrast, memory: usize) -> usize {
    let ladder = Ladder::new(contrast.step_for(task.grid.voxel_size).0);
    Plan::new(task, ladder, memory).bytes
}

/// How memory is shared.
struct Plan {
    band_rows: usize,
    slab_rows: usize,
    /// Sections that share one depth per sample.
    sections: usize,
    bytes: usize,
}

impl Plan {
    fn new(task: &Task<'_>, ladder: Ladder, memory: usize) -> Self {
        let budget = memory.saturating_mul(1 << 20);
        let [nz, ny, nx] = task.grid.dims;
        let working = task.preparer.working_bytes();
        let row_of_output = 4 * nz * nx;
        let left = budget.saturating_sub(working);
        let slab_rows = (left / 4 / row_of_output).clamp(1, 16.min(ny));
        let bytes_of = |rows: usize| {
            let layout = task.layout(&(0..rows.min(ny)));
            Sources::new(&layout, task.axes(), ladder, task.grid).bytes()
        };
        let left = left.saturating_sub(slab_rows * row_of_output);
        // Bytes grow with rows, and by a constant with x-tilt.
        let one = bytes_of(1);
        let per_row = bytes_of(17.min(ny)).saturating_sub(one) / 16.min(ny - 1).max(1);
        let wanted = left.saturating_sub(one) / per_row.max(1) + 1;
        let mut band_rows = wanted.clamp(1, ny);
        // Bands of about the same size.
        band_rows = ny.div_ceil(ny.div_ceil(band_rows));
        band_rows = band_rows.next_multiple_of(slab_rows).min(ny);
        let steepest = task.axes().iter().map(|a| a.cos.abs()).fold(1.0, f64::min);
        let sections = (0.5 * ladder.step * steepest / task.grid.voxel_size.0) as usize;
        Self {
            band_rows,
            slab_rows,
            sections: sections.clamp(1, nz),
            bytes: working + slab_rows * row_of_output + bytes_of(band_rows),
        }
    }
}

fn back_project(
    task: &Task<'_>,
    sources: &Sources<'_>,
    band: &Range<usize>,
    plan: &Plan,
    counter: &Counter,
    sink: &mut dyn SlabSink,
) -> Result<(), ReconstructError> {
    let [nz, _, nx] = task.grid.dims;
    let mut voxels = vec![0.0_f32; nz * plan.slab_rows.min(band.len()) * nx];
    for first in band.clone().step_by(plan.slab_rows) {
        let rows = plan.slab_rows.min(band.end - first);
        let voxels = &mut voxels[..nz * rows * nx];
        voxels
            .par_chunks_mut(plan.sections * rows * nx)
            .enumerate()
            .for_each_init(Vec::new, |planes, (part, out)| {
                let sections = part * plan.sections..nz.min((part + 1) * plan.sections);
                for row in 0..rows {
                    let taps = sources.blend(first + row, &sections, planes);
                    kernel::accumulate(kernel::Block {
                        source: planes,
                        taps: &taps.0,
                        taps_per_row: taps.1,
                        out: &mut out[row * nx..],
                        stride: rows * nx,
                        width: nx,
                    });
                }
            });
        let slab = Slab {
            first_row: first,
            rows,
            voxels,
        };
        slab.hand_to(sink)?;
        for _ in 0..rows {
            counter.unit_done();
        }
        counter.check()?;
    }
    Ok(())
}

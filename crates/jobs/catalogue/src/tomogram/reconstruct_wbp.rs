//! Weighted back-projection of an aligned tilt series into a tomogram.
//!
//! Kernel: `thon_reconstruct::reconstruct_wbp`; each raw image is filtered, interpolated once and summed.
//! Radermacher 1988, J. Electron Microsc. Tech. 9:359. Frames: tilt image → specimen. The volume is
//! written in slabs of rows as they are finished and is never held in memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{PictureKind, TiltSeriesKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_model::{TiltSeries, Weighting};
use thon_reconstruct::{
    Background, RadialFilter, WbpOptions, Weighting as Filter, reconstruct_wbp, wbp_bytes,
};
use thon_units::{Angstrom, PixelSize};

use super::slices::slice_findings;
use super::volume::{
    Halves, Region, Storage, VolumeOptions, kernel_memory, make, planned_views, process_memory,
};
use crate::kernel_errors::stopped;
use crate::tilt_images::{alignment_findings, image_findings, straight_findings};

/// Weighted back-projection.
pub(crate) struct ReconstructWbp;

/// Reconstruct tomograms by weighted back-projection.
///
/// Densities keep the contrast of the tilt images: protein is dark when it is dark there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge length of a tomogram voxel; four image pixels when empty.
    pub voxel_size: Option<PixelSize>,
    /// Extent of the tomogram along the beam; that of the series' volume, or 2000 Å, when empty.
    pub thickness: Option<Angstrom>,
    /// Radial filter applied to every tilt image.
    pub filter: RadialFilter,
    /// How voxels are stored.
    pub storage: Storage,
    /// Whether two more tomograms are made of half of the data each.
    pub halves: Halves,
    /// A part of the specimen instead of the whole field.
    #[schemars(extend("x-level" = "expert"))]
    pub region: Region,
    /// What lies outside the tilt images.
    #[schemars(extend("x-level" = "expert"))]
    pub background: Background,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            voxel_size: None,
            thickness: None,
            filter: RadialFilter::default(),
            storage: Storage::Float16,
            halves: Halves::None,
            region: Region::default(),
            background: Background::Mean,
        }
    }
}

impl Params {
    fn options(&self, series: &TiltSeries, context: &Context) -> WbpOptions {
        WbpOptions {
            filter: self.filter,
            background: self.background,
            memory: kernel_memory(&self.volume(), series, context),
        }
    }

    fn volume(&self) -> VolumeOptions {
        VolumeOptions {
            voxel_size: self.voxel_size,
            thickness: self.thickness,
            region: self.region,
            storage: self.storage,
            halves: self.halves,
        }
    }
}

/// Inputs of the reconstruction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the reconstruction.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tomograms.
    tomograms: Output<TomogramKind>,
    /// Planes through their middles, 100 Å deep: xy, xz, yz.
    pictures: Output<PictureKind>,
}

impl Job for ReconstructWbp {
    const ID: &'static str = "tomogram.reconstruct-wbp";
    const VERSION: u32 = 3;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = alignment_findings(&series);
        findings.extend(image_findings(&series, context));
        findings.extend(params.volume().findings(&series));
        if let Err(e) = params.filter.check() {
            findings.push(Finding::error("filter", e.to_string()));
        }
        if params.filter.weighting == Filter::Fourier {
            findings.extend(slice_findings(&series));
            findings.extend(straight_findings(&series));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let volume = params.volume();
        let (voxels, disk) = volume.volumes(&series);
        let pixels = (series.image_size[0] * series.image_size[1]) as f64;
        let images = series.used().count() as f64;
        let grid = volume.grid(&series);
        let options = params.options(&series, context);
        let kernel = wbp_bytes(
            series.image_size,
            &planned_views(&series),
            series.pixel_size,
            &grid,
            &options,
        );
        let [nz, _, nx] = grid.dims.map(|n| n as f64);
        let grid = grid.len() as f64;
        // Mixtures of all frequencies.
        let (own, work) = match params.filter.weighting {
            Filter::SirtLike { .. } => {
                let matrices = 4.0 * images * (images + 8.0) * (nx + 4.0 * nz);
                (matrices.min(2.7e8) + 64.0 * images * (nx + 4.0 * nz), 3.0)
            }
            Filter::Fourier => (0.0, 6.0),
            Filter::Ramp | Filter::Exact { .. } => (0.0, 1.0),
        };
        Cost {
            memory: process_memory(&volume, &series, kernel.unwrap_or(0) + own as usize),
            disk,
            // 3 G voxel·view/s, and preparing images at 25 M pixel/s; pictures read some of the volume again.
            cpu_seconds: 0.05
                + volume.work() * (work * grid * images / 3e9 + pixels * images / 2.5e7)
                + voxels * 2e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let series = context.load(inputs.tilt_series.item())?;
        let volume = params.volume();
        let options = params.options(&series, context);
        let weighting = weighting(&params.filter);
        let (tomogram, picture) =
            make(&series, &volume, weighting, context, |part, grid, sink| {
                reconstruct_wbp(
                    &part.images,
                    &part.views,
                    part.series.pixel_size,
                    grid,
                    &options,
                    context.progress(),
                    sink,
                )
                .map(drop)
                .map_err(stopped)
            })?;
        Ok(Outputs {
            tomograms: Output::of(vec![tomogram]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let display = if weighting(&params.filter) == Weighting::BackProjection {
            ""
        } else {
            " for display"
        };
        let method = if params.filter.weighting == Filter::Fourier {
            "direct Fourier inversion"
        } else {
            "weighted back-projection"
        };
        Methods {
            text: format!("Tomograms were reconstructed{display} by {method} in thon."),
            citations: vec![Citation::new("Radermacher 1988", "10.1002/jemt.1060090405")],
        }
    }
}

fn weighting(filter: &RadialFilter) -> Weighting {
    match filter.weighting {
        Filter::SirtLike { iterations } => {
            Weighting::DisplayOnly(format!("SIRT-like filter of {iterations} iterations"))
        }
        _ => Weighting::BackProjection,
    }
}

//! Weighted back-projection with the contrast transfer corrected at the depth of every voxel (3D-CTF).
//!
//! Kernel: `thon_reconstruct::reconstruct_ctf_corrected`. Turoňová et al. 2017, J. Struct. Biol. 199:187.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{PictureKind, TiltSeriesKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_model::{TiltSeries, Weighting};
use thon_reconstruct::{
    Background, CtfCorrection, RadialFilter, WbpOptions, ctf_corrected_bytes,
    reconstruct_ctf_corrected,
};
use thon_units::{Angstrom, PixelSize};

use super::transfer::{contrast, transfer_findings};
use super::volume::{Halves, Region, Storage, VolumeOptions, make, planned_views, process_memory};
use crate::kernel_errors::stopped;
use crate::tilt_images::{alignment_findings, image_findings, straight_findings};

/// 3D-CTF-corrected back-projection.
pub(crate) struct ReconstructCtf;

/// Reconstruct tomograms with the contrast transfer corrected at every depth.
///
/// It pays where thickness t and resolution d make t > d²/(2λ): 1600 Å at 8 Å, 640 Å at 5 Å (300 kV). For coarser
/// tomograms `tomogram.correct-ctf` before `tomogram.reconstruct-wbp` gives the same. Matter stays dark.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge length of a tomogram voxel; four image pixels when empty.
    pub voxel_size: Option<PixelSize>,
    /// Extent of the tomogram along the beam; that of the series' volume, or 2000 Å, when empty.
    pub thickness: Option<Angstrom>,
    /// What is done about the transfer.
    pub correction: CtfCorrection,
    /// Distance of the depths at which images are corrected; fine enough for details of two voxels when empty.
    #[schemars(range(min = 1.0))]
    pub step: Option<Angstrom>,
    /// Radial filter applied to every tilt image.
    #[schemars(extend("x-level" = "expert"))]
    pub filter: RadialFilter,
    /// How voxels are stored.
    pub storage: Storage,
    /// Whether two more tomograms are made of half of the data each.
    pub halves: Halves,
    /// A part of the specimen instead of the whole field.
    #[schemars(extend("x-level" = "expert"))]
    pub region: Region,
    /// Memory for buffers, MiB; with less, more bands of the images are transformed anew.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            voxel_size: None,
            thickness: None,
            correction: CtfCorrection::PhaseFlip,
            step: None,
            filter: RadialFilter::default(),
            storage: Storage::Float16,
            halves: Halves::None,
            region: Region::default(),
            memory: 1024,
        }
    }
}

impl Params {
    fn volume(&self) -> VolumeOptions {
        VolumeOptions {
            voxel_size: self.voxel_size,
            thickness: self.thickness,
            region: self.region,
            storage: self.storage,
            halves: self.halves,
        }
    }

    fn options(&self) -> WbpOptions {
        WbpOptions {
            filter: self.filter,
            background: Background::Mean,
            memory: self.memory,
        }
    }
}

/// Inputs of the reconstruction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series with contrast transfer and defocus hand.
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

impl Job for ReconstructCtf {
    const ID: &'static str = "tomogram.reconstruct-ctf";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = alignment_findings(&series);
        findings.extend(straight_findings(&series));
        findings.extend(image_findings(&series, context));
        findings.extend(params.volume().findings(&series));
        findings.extend(transfer_findings(&series, params.correction, params.step));
        if let Err(e) = params.filter.check() {
            findings.push(Finding::error("filter", e.to_string()));
        }
        if params.filter.weighting == thon_reconstruct::Weighting::Fourier {
            let message = "expected a filter of back-projection, found fourier";
            findings.push(Finding::error("filter.weighting", message).with_hint(
                "correct the images by tomogram.correct-ctf, then use tomogram.reconstruct-wbp",
            ));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let volume = params.volume();
        let (voxels, disk) = volume.volumes(&series);
        let estimate = Estimate::new(params, &series);
        let kernel = contrast(&series, params.correction, params.step).and_then(|contrast| {
            let (size, views) = (series.image_size, planned_views(&series));
            let grid = volume.grid(&series);
            let options = params.options();
            ctf_corrected_bytes(size, &views, series.pixel_size, &grid, &options, &contrast).ok()
        });
        Cost {
            memory: process_memory(&volume, &series, kernel.unwrap_or(estimate.bytes as usize)),
            disk,
            cpu_seconds: 0.1 + volume.work() * estimate.seconds + voxels * 2e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let series = context.load(inputs.tilt_series.item())?;
        let volume = params.volume();
        let weighting = match params.correction {
            CtfCorrection::Wiener { .. } => {
                Weighting::DisplayOnly("contrast transfer divided out at every depth".into())
            }
            _ => Weighting::BackProjection,
        };
        let made = make(&series, &volume, weighting, context, |part, grid, sink| {
            let contrast = contrast(part.series, params.correction, params.step)
                .ok_or_else(|| JobError::data("an image has no defocus, or the series no hand"))?;
            let report = reconstruct_ctf_corrected(
                &part.images,
                &part.views,
                part.series.pixel_size,
                grid,
                &params.options(),
                &contrast,
                context.progress(),
                sink,
            )
            .map_err(stopped)?;
            context.metric("distance of depths (Å)", report.step.0);
            Ok(())
        })?;
        Ok(Outputs {
            tomograms: Output::of(vec![made.0]),
            pictures: Output::of(vec![made.1]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tomograms were reconstructed by weighted back-projection with the contrast transfer corrected \
                   at every depth in thon."
                .into(),
            citations: vec![
                Citation::new("Turoňová et al. 2017", "10.1016/j.jsb.2017.07.007"),
                Citation::new("Radermacher 1988", "10.1002/jemt.1060090405"),
            ],
        }
    }
}

/// What the reconstruction takes.
struct Estimate {
    /// All samples of all rungs, and the buffers beside them.
    bytes: u64,
    seconds: f64,
}

impl Estimate {
    fn new(params: &Params, series: &TiltSeries) -> Self {
        let grid = params.volume().grid(series);
        let [nz, ny, nx] = grid.dims;
        let voxel = grid.voxel_size;
        let pixels = (series.image_size[0] * series.image_size[1]) as f64;
        let area = pixels * (series.pixel_size / voxel).min(1.0).powi(2);
        let wavelength = series.optics.voltage.electron_wavelength().0;
        let step = params
            .step
            .map_or((voxel.0.powi(2) / wavelength).min(2000.0), |step| step.0);
        let (mut samples, mut transforms) = (0.0, 0.0);
        for index in series.used() {
            let (sin, cos) = series.images[index].tilt_angle().0.abs().sin_cos();
            let cos = cos.max(0.17);
            let (width, depth) = (nx as f64 * voxel.0, nz as f64 * voxel.0);
            let row = (nx as f64 + nz as f64 * sin / cos) * if cos > 0.7 { 2.0 } else { 1.0 };
            samples += row * (depth / cos / step + 2.0);
            transforms += (width * sin + depth * cos + depth * sin * sin / cos) / step + 2.0;
        }
        let images = series.used().count() as f64;
        let bytes = 2.0 * samples * ny as f64 + 64.0 * nz as f64 * nx as f64 + 40.0 * pixels;
        // More bands than one transform their margins again.
        let bands = (bytes / (params.memory as f64 * f64::from(1 << 20))).max(1.0);
        Self {
            bytes: bytes as u64,
            seconds: transforms * area * 2e-8 * (1.0 + 0.2 * bands)
                + samples * ny as f64 * 6e-9
                + grid.len() as f64 * images / 3e9
                + pixels * images * 1e-8,
        }
    }
}

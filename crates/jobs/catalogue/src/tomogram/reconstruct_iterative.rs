//! SIRT and SART: the tomogram whose projections are the tilt images, approached step by step.
//!
//! Kernel: `thon_reconstruct::reconstruct_iterative`. Gilbert 1972, J. Theor. Biol. 36:105; Andersen & Kak 1984, Ultrason.
//! Imaging 6:81.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, PictureKind, TiltSeriesKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_model::{TiltSeries, Weighting};
use thon_reconstruct::{
    Background, Bound, IterativeMethod, IterativeOptions, iterative_bytes, reconstruct_iterative,
};
use thon_units::{Angstrom, PixelSize};

use super::slices::slice_findings;
use super::volume::{
    Halves, Region, Storage, VolumeOptions, kernel_memory, make, planned_views, process_memory,
};
use crate::kernel_errors::stopped;
use crate::tilt_images::{alignment_findings, image_findings, straight_findings};

/// Iterative reconstruction.
pub(crate) struct ReconstructIterative;

/// Reconstruct tomograms by SIRT or SART.
///
/// For looking at and picking in: contrast is high, fine detail arrives last. The SIRT-like filter of
/// `tomogram.reconstruct-wbp` gives nearly the same in a tenth of the time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge length of a tomogram voxel; four image pixels when empty.
    pub voxel_size: Option<PixelSize>,
    /// Extent of the tomogram along the beam; that of the series' volume, or 2000 Å, when empty.
    pub thickness: Option<Angstrom>,
    /// Which views an update is made from.
    pub method: IterativeMethod,
    /// Passes over all views.
    #[schemars(range(min = 1, max = 1000))]
    pub iterations: usize,
    /// Part of the correction that is applied; SART is calmer with a third or so.
    #[schemars(range(min = 0.01, max = 1.99))]
    pub relaxation: f64,
    /// What densities may be, relative to the background.
    pub bound: Bound,
    /// How voxels are stored.
    pub storage: Storage,
    /// Whether two more tomograms are made of half of the data each.
    pub halves: Halves,
    /// A part of the specimen instead of the whole field.
    #[schemars(extend("x-level" = "expert"))]
    pub region: Region,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            voxel_size: None,
            thickness: None,
            method: IterativeMethod::Sirt,
            iterations: 15,
            relaxation: 1.0,
            bound: Bound::None,
            storage: Storage::Float16,
            halves: Halves::None,
            region: Region::default(),
        }
    }
}

impl Params {
    fn options(&self, series: &TiltSeries, context: &Context) -> IterativeOptions {
        IterativeOptions {
            method: self.method,
            iterations: self.iterations,
            relaxation: self.relaxation,
            bound: self.bound,
            background: Background::Mean,
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
    /// What is left between projections and images, pass after pass.
    residuals: Output<CurvesKind>,
    /// Planes through their middles, 100 Å deep: xy, xz, yz.
    pictures: Output<PictureKind>,
}

impl Job for ReconstructIterative {
    const ID: &'static str = "tomogram.reconstruct-iterative";
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
        if params.iterations == 0 {
            findings.push(Finding::error("iterations", "expected at least 1, found 0"));
        }
        if !(params.relaxation > 0.0 && params.relaxation < 2.0) {
            let message = format!("expected above 0 and below 2, found {}", params.relaxation);
            findings.push(Finding::error("relaxation", message));
        }
        if params.method == (IterativeMethod::Sart { views: 0 }) {
            findings.push(Finding::error(
                "method",
                "expected at least 1 view in an update, found 0",
            ));
        }
        findings.extend(slice_findings(&series));
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
        let kernel = iterative_bytes(
            series.image_size,
            &planned_views(&series),
            series.pixel_size,
            &grid,
            &params.options(&series, context),
        );
        let updates = match params.method {
            IterativeMethod::Sirt => 1.0,
            IterativeMethod::Sart { views } => (images / views.max(1) as f64).ceil(),
        };
        let iterations = params.iterations as f64;
        let per_iteration = grid.len() as f64 * (images / 1.5e9 + updates * 5e-10);
        Cost {
            memory: process_memory(&volume, &series, kernel.unwrap_or(0)),
            disk,
            cpu_seconds: 0.1
                + volume.work() * (iterations * per_iteration + pixels * images / 2.5e7)
                + voxels * 2e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let series = context.load(inputs.tilt_series.item())?;
        let volume = params.volume();
        let options = params.options(&series, context);
        let what = match params.method {
            IterativeMethod::Sirt => "SIRT",
            IterativeMethod::Sart { .. } => "SART",
        };
        let weighting = Weighting::DisplayOnly(format!("{what}, {} iterations", params.iterations));
        let mut residuals = Vec::new();
        let made = make(&series, &volume, weighting, context, |part, grid, sink| {
            let report = reconstruct_iterative(
                &part.images,
                &part.views,
                part.series.pixel_size,
                grid,
                &options,
                context.progress(),
                sink,
            )
            .map_err(stopped)?;
            if residuals.is_empty() {
                residuals = report.residuals;
            }
            Ok(())
        })?;
        let last = residuals.last().copied().unwrap_or(f64::NAN);
        context.metric("residual before the last pass, part of the images", last);
        let curves = Curves {
            title: format!("{}: what projections leave of the images", series.name),
            columns: vec![
                Column::new("passes", "", (0..residuals.len()).map(|pass| pass as f64)),
                Column::new("residual", "", residuals),
            ],
            facts: std::collections::BTreeMap::new(),
        };
        let curves = context.store::<CurvesKind>(&series.name, &curves)?;
        Ok(Outputs {
            tomograms: Output::of(vec![made.0]),
            residuals: Output::of(vec![curves]),
            pictures: Output::of(vec![made.1]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let (what, citation) = match params.method {
            IterativeMethod::Sirt => (
                "SIRT",
                Citation::new("Gilbert 1972", "10.1016/0022-5193(72)90180-4"),
            ),
            IterativeMethod::Sart { .. } => (
                "SART",
                Citation::new("Andersen & Kak 1984", "10.1177/016173468400600107"),
            ),
        };
        Methods {
            text: format!(
                "Tomograms were reconstructed for display by {} iterations of {what} in thon.",
                params.iterations
            ),
            citations: vec![citation],
        }
    }
}

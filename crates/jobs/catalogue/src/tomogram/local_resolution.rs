//! Local resolution of tomograms from their halves.
//!
//! Kernel: `thon_denoise::local_resolution`. Vilas et al. 2020 (MonoTomo), J. Struct. Biol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, PictureKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_denoise::{LocalResolutionOptions, LocalResolutionReport, local_resolution};
use thon_model::{Tomogram, Weighting};

use super::rows::{VolumeRows, memory_of, stopped, volume_findings};
use super::volume::{FileSink, Storage, pictures_of};

/// Local resolution.
pub(crate) struct TomogramLocalResolution;

/// Measure the local resolution of tomograms by comparing their halves.
///
/// The volumes that come out hold a resolution in Å at every voxel; places that resolve nothing hold the coarsest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Range of resolutions and threshold.
    pub options: LocalResolutionOptions,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            options: LocalResolutionOptions::default(),
            memory: 1024,
        }
    }
}

/// Inputs of the local resolution.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tomograms with halves.
    tomograms: Each<TomogramKind>,
}

/// Outputs of the local resolution.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Volumes of resolutions, Å.
    resolution: Output<TomogramKind>,
    /// How many voxels end at each resolution.
    histogram: Output<CurvesKind>,
    /// Planes through the middles of the volumes.
    pictures: Output<PictureKind>,
}

impl Job for TomogramLocalResolution {
    const ID: &'static str = "tomogram.local-resolution";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let tomogram = match context.load(inputs.tomograms.item()) {
            Ok(tomogram) => tomogram,
            Err(e) => return vec![Finding::error("tomograms", e.to_string())],
        };
        let mut findings = volume_findings(&tomogram, true, context);
        let voxel = tomogram.grid.voxel_size.0;
        let finest = params.options.finest.map_or(2.2 * voxel, |finest| finest.0);
        let coarsest = params.options.coarsest.0;
        if !(finest >= 2.0 * voxel && coarsest > finest) {
            let message = format!(
                "expected a range from coarse to fine that voxels of {voxel} Å can hold, found {coarsest} to {finest} Å"
            );
            findings.push(Finding::error("options", message));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(tomogram) = context.load(inputs.tomograms.item()) else {
            return Cost::default();
        };
        let grid = tomogram.grid;
        let working = params
            .options
            .working_bytes(grid.dims, grid.voxel_size, params.memory);
        let voxels = grid.len() as f64;
        Cost {
            memory: memory_of(working),
            disk: 2 * grid.len() as u64 + (1 << 19),
            cpu_seconds: 0.2 + voxels * params.options.frequencies as f64 * 7e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomogram = context.load(inputs.tomograms.item())?;
        let halves = tomogram
            .halves
            .as_ref()
            .ok_or_else(|| JobError::data(format!("{} has no halves", tomogram.name)))?;
        let first = VolumeRows::open(&halves[0], context)?;
        let second = VolumeRows::open(&halves[1], context)?;
        let file = format!("{}.mrc", tomogram.name);
        let voxel_size = tomogram.grid.voxel_size;
        let mut sink = FileSink::create(&file, &tomogram.grid, Storage::Float16, context)?;
        let report = local_resolution(
            &first,
            &second,
            voxel_size,
            &params.options,
            params.memory,
            context.progress(),
            &mut sink,
        )
        .map_err(stopped)?;
        sink.finish(&file, context)?;
        context.metric("resolution of the median voxel (Å)", report.median());
        let made = Tomogram {
            path: context.published(&file),
            halves: None,
            weighting: Weighting::DisplayOnly("local resolution, Å".into()),
            ..tomogram
        };
        let picture = pictures_of(file.as_ref(), voxel_size, &made.name, context)?;
        let histogram = context.store::<CurvesKind>(&made.name, &curves(&made, &report))?;
        let mut record = context.store::<TomogramKind>(&made.name, &made)?;
        record.files.push(file.into());
        Ok(Outputs {
            resolution: Output::of(vec![record]),
            histogram: Output::of(vec![histogram]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "The local resolution of tomograms was measured by monogenic amplitudes of their halves in thon.".into(),
            citations: vec![Citation::new("Vilas et al. 2018", "10.1016/j.str.2017.12.018")],
        }
    }
}

fn curves(tomogram: &Tomogram, report: &LocalResolutionReport) -> Curves {
    let total: u64 = report.voxels.iter().sum();
    let part = |count: &u64| *count as f64 / total.max(1) as f64;
    Curves {
        title: format!("{}: local resolution", tomogram.name),
        columns: vec![
            Column::new("resolution", "Å", report.resolutions.iter().copied()),
            Column::new("part of the voxels", "", report.voxels.iter().map(part)),
        ],
        facts: [(
            "resolution of the median voxel (Å)".to_owned(),
            report.median(),
        )]
        .into(),
    }
}

//! Oriented places on membranes.
//!
//! Kernels: `thon_segment::sheets_of_labels`, `Sheets::orient`, `thon_segment::sample`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TomogramKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_model::Tomogram;
use thon_segment::{Sheets, sample, sheets_of_labels, stand_on};
use thon_units::Angstrom;

use super::{stopped, working};
use crate::picking::PickSet;
use crate::tomogram::{VolumeRows, memory_of, volume_findings};

/// Sampling of membranes.
pub(crate) struct SampleMembranes;

/// Place particles on membranes, a distance apart, their z axis along the normal.
///
/// Labels may come from `tomogram.segment-membranes` or from any other program. Normals point outwards from closed membranes and away
/// from the middle of bulging ones; the turn about the normal is random, since nothing is known of it. Each particle carries the
/// number of its membrane, the largest first, as `membrane`. Labels that touch count as one membrane unless one `label` is asked for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Least distance between particles of one membrane.
    #[schemars(range(min = 1.0))]
    pub spacing: Angstrom,
    /// How far from the middle of the membrane particles lie, along the normal; negative for inside.
    pub height: Angstrom,
    /// Thickness of the labels, as painted.
    #[schemars(range(min = 1.0))]
    pub thickness: Angstrom,
    /// The only label to be sampled; all but 0 when absent.
    pub label: Option<u16>,
    /// Membranes of a smaller area are left out, Å².
    #[schemars(range(min = 0.0))]
    pub least_area: f64,
    /// Seed of the places and of the turns about the normals.
    pub seed: u64,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            spacing: Angstrom(100.0),
            height: Angstrom(0.0),
            thickness: Angstrom(50.0),
            label: None,
            least_area: 50_000.0,
            seed: 1,
            memory: 1024,
        }
    }
}

/// Inputs of the sampling.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Volumes of labels.
    labels: Artifact<TomogramKind>,
}

/// Outputs of the sampling.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Particles on the membranes of all tomograms, with the number of their `membrane`.
    particles: Output<ParticlesKind>,
}

impl Job for SampleMembranes {
    const ID: &'static str = "particles.sample-membranes";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        for item in inputs.labels.items() {
            match context.load(item) {
                Ok(labels) => {
                    findings.extend(volume_findings(&labels, false, context));
                    let voxels = params.thickness.0 / labels.grid.voxel_size.0;
                    if !(1.0..=100.0).contains(&voxels) {
                        let message = format!(
                            "expected 1 to 100 voxels of {}, found {voxels:.2}",
                            labels.grid.voxel_size
                        );
                        findings.push(Finding::error("thickness", message));
                    }
                }
                Err(e) => findings.push(Finding::error("labels", e.to_string())),
            }
        }
        if inputs.labels.items().is_empty() {
            findings.push(Finding::error("labels", "there is no volume of labels"));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let items = inputs.labels.items().iter();
        let voxels = items
            .filter_map(|item| context.load(item).ok())
            .map(|labels| labels.grid.len());
        let voxels: Vec<usize> = voxels.collect();
        let largest = voxels.iter().copied().max().unwrap_or(0);
        Cost {
            memory: memory_of(working(largest, params.memory)),
            disk: 1 << 17,
            cpu_seconds: 0.1 + voxels.iter().sum::<usize>() as f64 * 3e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = PickSet::new(true, &["membrane"]);
        let (mut count, mut area) = (0, 0.0);
        for item in inputs.labels.items() {
            thon_compute::check(context.progress())?;
            let labels = context.load(item)?;
            let sheets = sheets(params, &labels, context)?;
            let voxel_size = labels.grid.voxel_size.0;
            let spacing = params.spacing.0 / voxel_size;
            let chosen = sample(&sheets, spacing, params.seed).map_err(stopped)?;
            let standing = stand_on(&sheets, &chosen, params.height.0 / voxel_size, params.seed);
            for (&index, (place, rotation)) in chosen.iter().zip(standing) {
                let membrane = f64::from(sheets.labels[index]);
                set.add(&labels, place, rotation, &[membrane]);
            }
            count += chosen.len();
            area += sheets.sheets.iter().map(|s| s.area).sum::<f64>() * voxel_size * voxel_size;
        }
        context.metric("particles", count as f64);
        context.metric("area, µm²", area * 1e-8);
        let record = context.store::<ParticlesKind>("particles", &set.finish())?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Particles were placed on membranes at least {} apart, along their normals, in thon.",
                params.spacing
            ),
            citations: vec![Citation::new("Hoppe et al. 1992", "10.1145/133994.134011")],
        }
    }
}

/// The oriented sheets of a volume of labels.
fn sheets(params: &Params, labels: &Tomogram, context: &Context) -> Result<Sheets, JobError> {
    let source = VolumeRows::open(&labels.path, context)?;
    let voxel_size = labels.grid.voxel_size.0;
    let mut sheets = sheets_of_labels(
        &source,
        params.label,
        params.thickness.0 / voxel_size,
        params.least_area / (voxel_size * voxel_size),
        params.memory,
        context.progress(),
    )
    .map_err(stopped)?;
    sheets.orient();
    Ok(sheets)
}

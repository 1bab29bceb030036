//! Picks without a reference: blobs of one size, gold beads among them.
//!
//! Kernel: `thon_pick::find_blobs`. Marr & Hildreth 1980; Voss et al. 2009 (DoG picker).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TomogramKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::glam::{DQuat, DVec3};
use thon_pick::{BlobOptions, find_blobs};

use super::pick_set::PickSet;
use super::search_record::{stopped, volume};
use crate::tomogram::volume_findings;

/// Blob picking.
pub(crate) struct PickBlobs;

/// Pick blobs of one size in tomograms, without a reference; gold beads too.
///
/// The answer to a difference of Gaussians is counted in robust deviations of all answers of a tomogram. Gold beads are dark blobs of their
/// diameter far above anything else: a threshold of 15 or more finds them alone. The picks have no orientation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Which blobs.
    pub blobs: BlobOptions,
}

/// Inputs of blob picking.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tomograms.
    tomograms: Artifact<TomogramKind>,
}

/// Outputs of blob picking.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The blobs of all tomograms, with their `score`.
    particles: Output<ParticlesKind>,
}

impl Job for PickBlobs {
    const ID: &'static str = "tomogram.pick-blobs";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        for item in inputs.tomograms.items() {
            match context.load(item) {
                Err(e) => findings.push(Finding::error("tomograms", e.to_string())),
                Ok(tomogram) => {
                    findings.extend(volume_findings(&tomogram, false, context));
                    let least = tomogram.grid.voxel_size.0;
                    let most = tomogram.grid.dims.iter().copied().max().unwrap_or(0) as f64 * least;
                    let diameter = params.blobs.diameter;
                    if !(diameter.0 >= least && diameter.0 <= most) {
                        let message = format!(
                            "expected {least} to {most:.0} Å in {}, found {diameter}",
                            tomogram.name
                        );
                        findings.push(Finding::error("blobs.diameter", message));
                    }
                }
            }
        }
        if inputs.tomograms.items().is_empty() {
            findings.push(Finding::error("tomograms", "there is no tomogram"));
        }
        if params
            .blobs
            .distance
            .is_some_and(|d| d.0.is_nan() || d.0 < 0.0)
        {
            findings.push(Finding::error(
                "blobs.distance",
                "expected a length of 0 Å or more",
            ));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let items = inputs.tomograms.items().iter();
        let voxels: Vec<u64> = items
            .filter_map(|item| context.load(item).ok())
            .map(|t| t.grid.len() as u64)
            .collect();
        let largest = voxels.iter().copied().max().unwrap_or(0);
        Cost {
            memory: (64 << 20) + 40 * largest,
            disk: 1 << 17,
            cpu_seconds: 0.1 + voxels.iter().sum::<u64>() as f64 * 2e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = PickSet::new(false, &["score"]);
        let mut count = 0;
        for item in inputs.tomograms.items() {
            thon_compute::check(context.progress())?;
            let tomogram = context.load(item)?;
            let voxels = volume(&tomogram.path, tomogram.grid.dims, context)?;
            let blobs =
                find_blobs(&voxels, tomogram.grid.voxel_size, &params.blobs).map_err(stopped)?;
            for blob in &blobs {
                let at = DVec3::from_array(blob.position);
                set.add(&tomogram, at, DQuat::IDENTITY, &[f64::from(blob.value)]);
            }
            count += blobs.len();
        }
        context.metric("blobs", count as f64);
        if count == 0 {
            context.warn("no blob is above the threshold");
        }
        let record = context.store::<ParticlesKind>("particles", &set.finish())?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Blobs of {} were picked in tomograms by a difference of Gaussians in thon.",
                params.blobs.diameter
            ),
            citations: vec![Citation::new(
                "Voss et al. 2009",
                "10.1016/j.jsb.2009.01.004",
            )],
        }
    }
}

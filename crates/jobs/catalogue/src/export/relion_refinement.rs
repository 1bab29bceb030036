//! A refinement or classification as RELION's files of one.
//!
//! Writer: `thon_interop::relion`. `relion_postprocess`, `relion_refine --i` and `--continue`, `ChimeraX` and the EMDB's
//! tools take them.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::FilesKind;
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_units::Angstrom;

use super::refinement_files::{Inputs, gather, write};
use super::written::record;
use crate::import::given_files;
use crate::maps::voxels;

/// Export of a refinement.
pub(crate) struct ExportRefinement;

/// Export a refinement or classification to RELION.
///
/// Writes `run_data.star`, `run_model.star`, `run_optimiser.star`, `run_sampling.star`, `run_class001.mrc` and the
/// unfiltered half maps. Images are named as the RELION project they come from names them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Number of the iteration; with it files are named `run_it007_…` and RELION can go on from there.
    pub iteration: Option<u32>,
    /// Where the files will lie in the RELION project, such as `Refine3D/job012`.
    pub folder: String,
    /// Symmetry group.
    pub symmetry: String,
    /// Diameter of the particle; nine tenths of the box when empty.
    pub diameter: Option<Angstrom>,
    /// Weight of the data against the prior, RELION's T.
    pub regularisation: f64,
    /// Deviation of particles from the middle of their boxes, per axis.
    pub offset_sigma: Angstrom,
}

impl Default for Params {
    /// A finished refinement without symmetry.
    fn default() -> Self {
        Self {
            iteration: None,
            folder: String::new(),
            symmetry: "C1".into(),
            diameter: None,
            regularisation: 1.0,
            offset_sigma: Angstrom(10.0),
        }
    }
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tables and maps.
    files: Output<FilesKind>,
}

impl Job for ExportRefinement {
    const ID: &'static str = "export.relion-refinement";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(params.regularisation) {
            let message = format!("expected more than 0, found {}", params.regularisation);
            findings.push(Finding::error("regularisation", message));
        }
        if inputs.half_map_1.is_some() != inputs.half_map_2.is_some() {
            findings.push(Finding::error(
                "half_map_1",
                "expected both half maps or none, found one",
            ));
        }
        match gather(inputs, params, context) {
            Ok(gathered) if gathered.particles.is_empty() => {
                findings.push(Finding::error("particles", "there are none"));
            }
            Ok(_) | Err(JobError::Cancelled) => {}
            Err(e) => findings.push(given_files::finding("", &e)),
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = voxels(&inputs.map, context);
        let maps = inputs.map.items().len() as u64;
        Cost {
            memory: PROCESS_MEMORY + 32 * voxels,
            disk: (1 << 17) + 20 * voxels * maps,
            cpu_seconds: 0.1 + (voxels * maps) as f64 * 1e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let gathered = gather(inputs, params, context)?;
        let folder = Path::new("relion");
        let losses = write(&gathered, folder, context)?;
        context.metric("particles", gathered.particles.len() as f64);
        Ok(Outputs {
            files: Output::of(vec![record("relion", "RELION", folder, &losses, context)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Refined particles and maps were exported to RELION.".into(),
            citations: vec![Citation::new("Scheres 2012", "10.1016/j.jsb.2012.09.006")],
        }
    }
}

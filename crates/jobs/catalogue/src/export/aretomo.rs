//! A tilt series as AreTomo's `.aln` and `_CTF.txt`.
//!
//! Writer: `thon_interop::aretomo`.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, TiltSeriesKind};
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_interop::aretomo::write_aretomo;

use super::written::record;
use crate::import::given_files::stopped;
use crate::import::item_name;
use crate::tilt_images::alignment_findings;

/// Export to AreTomo.
pub(crate) struct ExportAretomo;

/// Export alignments as `.aln` files of AreTomo.
///
/// Excluded images become dark frames; a table of defocus (`_CTF.txt`) lies beside when there is a defocus.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The aligned tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The alignments.
    files: Output<FilesKind>,
}

impl Job for ExportAretomo {
    const ID: &'static str = "export.aretomo";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match context.load(inputs.tilt_series.item()) {
            Err(e) => vec![Finding::error("tilt_series", e.to_string())],
            Ok(series) => alignment_findings(&series),
        }
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost {
            memory: PROCESS_MEMORY,
            disk: 1 << 16,
            cpu_seconds: 0.01,
        }
    }

    fn run(_: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let series = context.load(inputs.tilt_series.item())?;
        let name = item_name(&series.name);
        let folder = Path::new(&name);
        let path = context.file(folder.join(format!("{name}.aln")))?;
        let losses = write_aretomo(&series, &path).map_err(stopped)?;
        Ok(Outputs {
            files: Output::of(vec![record(&name, "AreTomo", folder, &losses, context)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Alignments were exported in the format of AreTomo.".into(),
            citations: vec![Citation::new(
                "Zheng et al. 2022",
                "10.1016/j.yjsbx.2022.100068",
            )],
        }
    }
}

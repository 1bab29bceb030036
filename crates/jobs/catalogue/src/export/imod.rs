//! A tilt series as an eTomo directory.
//!
//! Writer: `thon_interop::imod`.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, TiltSeriesKind};
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_interop::imod::{EtomoExport, write_directory};

use super::source_paths::make_absolute;
use super::written::record;
use crate::import::given_files::stopped;
use crate::import::item_name;

/// Export to IMOD.
pub(crate) struct ExportImod;

/// Export tilt series as eTomo directories of IMOD.
///
/// Each directory holds the alignment (`.xf`, `.tlt`, `.xtilt`), the defocus and the command files that make the
/// aligned stack and the tomogram from the stack where it lies.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The directories.
    files: Output<FilesKind>,
}

impl Job for ExportImod {
    const ID: &'static str = "export.imod";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match context.load(inputs.tilt_series.item()) {
            Err(e) => vec![Finding::error("tilt_series", e.to_string())],
            Ok(series) if series.images.is_empty() => {
                vec![Finding::error("tilt_series", "it has no image")]
            }
            Ok(series) if !series.is_aligned() => {
                let finding =
                    Finding::warning("tilt_series", format!("{} is not aligned", series.name));
                vec![
                    finding
                        .with_hint("only the nominal tilt angles are written for unaligned images"),
                ]
            }
            Ok(_) => Vec::new(),
        }
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost {
            memory: PROCESS_MEMORY,
            disk: 1 << 17,
            cpu_seconds: 0.02,
        }
    }

    fn run(_: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let mut series = context.load(inputs.tilt_series.item())?;
        make_absolute(&mut series, context);
        let name = item_name(&series.name);
        let folder = Path::new(&name);
        let to = EtomoExport {
            dir: context.file(folder)?,
            name: Some(name.clone()),
        };
        let losses = write_directory(&series, &to).map_err(stopped)?;
        Ok(Outputs {
            files: Output::of(vec![record(&name, "IMOD", folder, &losses, context)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Alignments were exported to IMOD.".into(),
            citations: vec![Citation::new(
                "Kremer et al. 1996",
                "10.1006/jsbi.1996.0013",
            )],
        }
    }
}

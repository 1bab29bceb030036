//! Contrast transfer that another program estimated, given to tilt series that are already in the project.
//!
//! Reader: `thon_interop::adopt_ctf`: CTFFIND and AreTomo text, Gctf and RELION tables, ctfplotter's `.defocus`, Warp's XML.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_interop::{Imported, adopt_ctf};
use thon_model::TiltSeries;

use super::given_files::{self, expand, required, stopped};

/// Import of estimates of contrast transfer.
pub(crate) struct ImportCtf;

/// Give tilt series the contrast transfer that another program estimated.
///
/// Read are results of CTFFIND, AreTomo, Gctf, RELION, ctfplotter and Warp. A file belongs to the series whose name its own
/// name begins with, or to the only series; its rows belong to images by section, tilt angle or order.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The file, or a pattern such as `ctf/*.txt` that has one file per series.
    #[schemars(extend("x-path" = true))]
    pub files: PathBuf,
}

/// Inputs of the import.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tilt series with the imported values.
    tilt_series: Output<TiltSeriesKind>,
}

impl Job for ImportCtf {
    const ID: &'static str = "import.ctf";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        if let Some(finding) = required("files", &params.files, "a file of results") {
            return vec![finding];
        }
        match read(params, inputs, context) {
            Ok(_) => Vec::new(),
            Err(e) => vec![given_files::finding("files", &e)],
        }
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let images = context
            .load(inputs.tilt_series.item())
            .map_or(0, |s| s.images.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY + 16_384 * images,
            disk: (16 << 10) + 4096 * images,
            cpu_seconds: 0.02,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let series = given_files::told(read(params, inputs, context)?, context);
        let record = context.store::<TiltSeriesKind>(&series.name, &series)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Estimates of contrast transfer were imported.".into(),
            citations: vec![Citation::new(
                "Rohou & Grigorieff 2015",
                "10.1016/j.jsb.2015.08.008",
            )],
        }
    }

    /// The files of results.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        expand(&[params.files.to_string_lossy().into_owned()], context)
    }
}

fn read(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<Imported<TiltSeries>, JobError> {
    let series = context.load(inputs.tilt_series.item())?;
    let files = expand(&[params.files.to_string_lossy().into_owned()], context)?;
    let path = file_of(&series.name, &files)?;
    adopt_ctf(&context.resolve(path), &series).map_err(stopped)
}

/// The only file, or the one whose name begins with that of the series; of several the one with the shortest name.
fn file_of<'a>(name: &str, files: &'a [PathBuf]) -> Result<&'a Path, JobError> {
    if let [only] = files {
        return Ok(only);
    }
    let stem = |path: &Path| {
        path.file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let mut own: Vec<&PathBuf> = files
        .iter()
        .filter(|path| stem(path).starts_with(name))
        .collect();
    own.sort_by_key(|path| (stem(path).len(), (*path).clone()));
    own.first()
        .map(|path| path.as_path())
        .ok_or_else(|| JobError::Data {
            message: format!("none of the {} files belongs to {name}", files.len()),
            hint: "name the files after their series".into(),
        })
}

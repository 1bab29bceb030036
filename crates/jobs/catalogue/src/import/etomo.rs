//! Tilt series aligned in IMOD's eTomo.
//!
//! Reader: `thon_interop::imod`: `.xf`, `.tlt`, `.xtilt`, `.defocus`, `tilt.com`, `newst.com`, `.edf` and the stack's
//! header.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_interop::Imported;
use thon_interop::imod::{EtomoImport, read_directory};
use thon_model::TiltSeries;
use thon_units::PixelSize;

use super::given_files::{expand, images_as_given, positive, stopped};
use super::metadata_of;
use super::microscope::Microscope;
use super::tilt_series_set::Named;

/// Import of eTomo directories.
pub(crate) struct ImportEtomo;

/// Import tilt series from eTomo directories of IMOD.
///
/// One series per directory; alignment, defocus and excluded views come in where the files have them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The directories: paths or patterns such as `imod/TS_*`.
    #[schemars(extend("x-path" = true))]
    pub directories: Vec<String>,
    /// Name of the data set (`TS_01a` of `TS_01a.tlt`), where one directory holds several.
    pub name: Option<String>,
    /// Pixel size of the raw stack, instead of that of its header or of the `.edf`.
    pub pixel_size: Option<PixelSize>,
    /// Width and height of the raw images in pixels, when the stack is not there to say it.
    pub image_size: Option<[u32; 2]>,
    /// The microscope.
    pub microscope: Microscope,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tilt series.
    tilt_series: Output<TiltSeriesKind>,
}

impl Job for ImportEtomo {
    const ID: &'static str = "import.etomo";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &NoInputs, context: &Context) -> Vec<Finding> {
        let files = named(params).check(context, |path| read(path, params, context));
        positive("pixel_size", params.pixel_size.map(|size| size.0), "Å/px")
            .into_iter()
            .chain(files)
            .collect()
    }

    fn cost(params: &Params, _: &NoInputs, context: &Context) -> Cost {
        named(params).cost(context)
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        let tilt_series = named(params).import(context, |path| read(path, params, context))?;
        Ok(Outputs { tilt_series })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt series aligned in IMOD were imported.".into(),
            citations: vec![
                Citation::new("Kremer et al. 1996", "10.1006/jsbi.1996.0013"),
                Citation::new("Mastronarde & Held 2017", "10.1016/j.jsb.2016.07.011"),
            ],
        }
    }

    /// The text files of the directories; stacks are not read beyond their headers.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let directories = expand(&params.directories, context).unwrap_or_default();
        let mut files: Vec<PathBuf> = directories
            .iter()
            .flat_map(|path| metadata_of(path, context))
            .collect();
        files.sort();
        Ok(files)
    }
}

fn named(params: &Params) -> Named<'_> {
    Named {
        parameter: "directories",
        given: &params.directories,
        example: ["directory", "imod/TS_*"],
    }
}

fn read(path: &Path, params: &Params, context: &Context) -> Result<Imported<TiltSeries>, JobError> {
    let options = EtomoImport {
        name: params.name.clone(),
        pixel_size: params.pixel_size,
        image_size: params
            .image_size
            .map(|[width, height]| [height as usize, width as usize]),
        optics: Some(params.microscope.optics()),
    };
    let mut imported = read_directory(&context.resolve(path), &options).map_err(stopped)?;
    images_as_given(&mut imported.value, path, context);
    Ok(imported)
}

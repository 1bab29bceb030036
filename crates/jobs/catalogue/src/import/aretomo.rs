//! Tilt series aligned by AreTomo 1 to 3.
//!
//! Reader: `thon_interop::aretomo`: `.aln` and `_CTF.txt`. Dark frames become excluded images.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_images::mrc::Mrc;
use thon_interop::Imported;
use thon_interop::aretomo::{AretomoImport, read_aretomo};
use thon_model::TiltSeries;
use thon_units::PixelSize;

use super::given_files::{expand, images_as_given, positive, stopped};
use super::microscope::Microscope;
use super::tilt_series_set::{Named, existing};

/// Import of AreTomo's alignments.
pub(crate) struct ImportAretomo;

/// Import tilt series aligned by AreTomo.
///
/// Each `.aln` makes one tilt series, named after the file; its stack has the same name. An `.aln` holds no
/// exposures: import the mdoc and adopt the alignment when there is one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The `.aln` files: paths or patterns such as `aretomo/*.aln`.
    #[schemars(extend("x-path" = true))]
    pub alignments: Vec<String>,
    /// Folder of the raw stacks; each is looked for beside its `.aln` when empty.
    #[schemars(extend("x-path" = true))]
    pub stacks: Option<PathBuf>,
    /// Pixel size of the raw stack, instead of that of its header.
    pub pixel_size: Option<PixelSize>,
    /// Size of the volume in pixels of the raw stack: x, y and z (AreTomo's VolZ).
    pub volume_size: Option<[u32; 3]>,
    /// The microscope.
    pub microscope: Microscope,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The aligned tilt series.
    tilt_series: Output<TiltSeriesKind>,
}

impl Job for ImportAretomo {
    const ID: &'static str = "import.aretomo";
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
            text: "Tilt series aligned by AreTomo were imported.".into(),
            citations: vec![Citation::new(
                "Zheng et al. 2022",
                "10.1016/j.yjsbx.2022.100068",
            )],
        }
    }

    /// The alignments and the tables of defocus beside them.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let alignments = expand(&params.alignments, context).unwrap_or_default();
        let tables: Vec<PathBuf> = alignments.iter().map(|path| defocus_table(path)).collect();
        Ok(existing(alignments.into_iter().chain(tables), context))
    }
}

/// `NAME_CTF.txt` beside `NAME.aln`.
fn defocus_table(alignment: &Path) -> PathBuf {
    alignment.with_file_name(format!(
        "{}_CTF.txt",
        alignment.file_stem().unwrap_or_default().display()
    ))
}

fn named(params: &Params) -> Named<'_> {
    Named {
        parameter: "alignments",
        given: &params.alignments,
        example: [".aln file", "aretomo/*.aln"],
    }
}

fn read(path: &Path, params: &Params, context: &Context) -> Result<Imported<TiltSeries>, JobError> {
    let stack = stack_of(path, params, context);
    let stated = match &stack {
        None => None,
        Some(stack) => Some(Mrc::read_header(stack).map_err(|e| JobError::file(stack, e))?),
    };
    let pixel_size = params.pixel_size.or(stated
        .as_ref()
        .and_then(thon_images::mrc::MrcHeader::pixel_size)
        .map(PixelSize));
    let pixel_size = pixel_size
        .filter(|size| size.0 > 0.0)
        .ok_or_else(|| JobError::Data {
            message: format!(
                "{}: expected a pixel size in the stack's header, found none",
                path.display()
            ),
            hint: "give `pixel_size`, or the folder `stacks`".into(),
        })?;
    let options = AretomoImport {
        pixel_size,
        stack,
        ctf: Some(context.resolve(&defocus_table(path))).filter(|table| table.is_file()),
        volume_size: params
            .volume_size
            .map(|[x, y, z]| [z, y, x].map(|length| length as usize)),
        optics: params.microscope.optics(),
    };
    let mut imported = read_aretomo(&context.resolve(path), &options).map_err(stopped)?;
    if let Some(header) = stated {
        let (series, images) = (&imported.value, imported.value.images.len());
        let size = [header.ny, header.nx];
        if images > header.nz || (series.image_size != size && series.image_size != [0, 0]) {
            let [ny, nx] = series.image_size;
            return Err(JobError::Data {
                message: format!(
                    "{}: expected a stack of {nx} × {ny} × {images}, found {} × {} × {}",
                    path.display(),
                    header.nx,
                    header.ny,
                    header.nz
                ),
                hint: "the stack must be the one that AreTomo aligned".into(),
            });
        }
        imported.value.image_size = size;
    }
    images_as_given(
        &mut imported.value,
        params.stacks.as_deref().unwrap_or(path),
        context,
    );
    Ok(imported)
}

/// The stack of the same name.
fn stack_of(path: &Path, params: &Params, context: &Context) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let folder = params
        .stacks
        .as_deref()
        .or(path.parent())
        .unwrap_or(Path::new(""));
    let names = [".mrc", ".st", ".mrcs", ""]
        .into_iter()
        .map(|end| folder.join(format!("{stem}{end}")));
    names
        .map(|file| context.resolve(&file))
        .find(|file| file.is_file())
}

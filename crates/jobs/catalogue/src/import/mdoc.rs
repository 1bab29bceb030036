//! Tilt series from SerialEM, PACEtomo and Tomography 5 metadata with their stacks or movies.
//!
//! Reader: `thon_interop::mdoc`. Images are matched to sections of the stack by number and to movies by name.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_formats::mdoc;
use thon_interop::Imported;
use thon_interop::mdoc::{MdocImport, read_mdoc};
use thon_model::TiltSeries;
use thon_units::{Degrees, Dose, PixelSize};

use super::given_files::{expand, images_as_given, movies_as_given, positive, stopped};
use super::microscope::Microscope;
use super::tilt_series_set::{Named, existing, item_name};

/// Import of mdoc files.
pub(crate) struct ImportMdoc;

/// Import tilt series from SerialEM or Tomography 5 mdoc files.
///
/// Each mdoc makes one tilt series, named after the file. Its images are sections of a stack, frames of movies, or
/// both; they stay where they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The mdoc files: paths or patterns such as `data/*.mdoc`; a folder of mdocs of single images is one series.
    #[schemars(extend("x-path" = true))]
    pub mdocs: Vec<String>,
    /// Folder of the stacks; each is looked for beside its mdoc when empty.
    #[schemars(extend("x-path" = true))]
    pub stacks: Option<PathBuf>,
    /// Folder of the movies that the mdocs name; no movies when empty.
    #[schemars(extend("x-path" = true))]
    pub movies: Option<PathBuf>,
    /// Pixel size of the images, instead of that of the mdoc.
    pub pixel_size: Option<PixelSize>,
    /// Exposure of each image, where the mdoc states none.
    pub dose_per_image: Option<Dose>,
    /// Angle of the tilt axis from image y, counter-clockwise, instead of that of the mdoc.
    #[schemars(range(min = -360.0, max = 360.0))]
    pub tilt_axis_angle: Option<Degrees>,
    /// The microscope.
    pub microscope: Microscope,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tilt series, not aligned yet.
    tilt_series: Output<TiltSeriesKind>,
}

impl Job for ImportMdoc {
    const ID: &'static str = "import.mdoc";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &NoInputs, context: &Context) -> Vec<Finding> {
        let files = named(params).check(context, |path| read(path, params, context));
        [
            positive("pixel_size", params.pixel_size.map(|size| size.0), "Å/px"),
            positive(
                "dose_per_image",
                params.dose_per_image.map(|dose| dose.0),
                "e⁻/Å²",
            ),
        ]
        .into_iter()
        .flatten()
        .chain(files)
        .collect()
    }

    fn cost(params: &Params, _: &NoInputs, context: &Context) -> Cost {
        named(params).cost(context)
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        let tilt_series = named(params).import(context, |path| {
            let imported = read(path, params, context)?;
            // The series of a session come one after the other: none depends on its neighbours.
            let sources = mdocs_of(path, context);
            context.made_from(item_name(&imported.value.name), sources);
            Ok(imported)
        })?;
        Ok(Outputs { tilt_series })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text:
                "Tilt series were imported from the metadata that the microscope's software wrote."
                    .into(),
            citations: vec![Citation::new(
                "Mastronarde 2005",
                "10.1016/j.jsb.2005.07.007",
            )],
        }
    }

    /// The mdocs; images and movies are not read by the import.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let mut files = Vec::new();
        for path in expand(&params.mdocs, context).unwrap_or_default() {
            files.extend(mdocs_of(&path, context));
        }
        Ok(existing(files, context))
    }
}

/// The files that a given path stands for: itself, or the mdocs of a directory.
fn mdocs_of(path: &Path, context: &Context) -> Vec<PathBuf> {
    if context.resolve(path).is_dir() {
        expand(&[format!("{}/*.mdoc", path.display())], context).unwrap_or_default()
    } else {
        vec![path.to_owned()]
    }
}

fn named(params: &Params) -> Named<'_> {
    Named {
        parameter: "mdocs",
        given: &params.mdocs,
        example: ["mdoc file", "data/*.mdoc"],
    }
}

fn read(mdoc: &Path, params: &Params, context: &Context) -> Result<Imported<TiltSeries>, JobError> {
    let path = context.resolve(mdoc);
    let stack = stack_of(mdoc, params, context)?;
    if stack.is_none() && params.movies.is_none() {
        let place = params
            .stacks
            .as_deref()
            .or(mdoc.parent())
            .unwrap_or(Path::new(""))
            .display();
        return Err(JobError::Data {
            message: format!(
                "{}: expected its stack in \"{place}\", found none, and no movies are named",
                mdoc.display()
            ),
            hint: "give the folder `stacks`, or `movies`".into(),
        });
    }
    let options = MdocImport {
        stack,
        movies: params.movies.as_ref().map(|folder| context.resolve(folder)),
        dose_per_image: params.dose_per_image,
        pixel_size: params.pixel_size,
        tilt_axis_angle: params.tilt_axis_angle.map(Degrees::radians),
        optics: Some(params.microscope.optics()),
    };
    let mut imported = read_mdoc(&path, &options).map_err(stopped)?;
    let series = &mut imported.value;
    images_as_given(series, params.stacks.as_deref().unwrap_or(mdoc), context);
    match &params.movies {
        Some(folder) => movies_as_given(series, folder, context),
        // A bare name of a movie somewhere is no path; it stays in the carried columns.
        None => series
            .images
            .iter_mut()
            .for_each(|image| image.movie = None),
    }
    Ok(imported)
}

/// The stack that belongs to an mdoc: of the same name, or named by `ImageFile`.
fn stack_of(mdoc: &Path, params: &Params, context: &Context) -> Result<Option<PathBuf>, JobError> {
    let path = context.resolve(mdoc);
    if path.is_dir() {
        return Ok(None);
    }
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let base = stem
        .rsplit_once('.')
        .map_or(stem.as_str(), |(base, _)| base);
    let mut names: Vec<String> = vec![stem.clone()];
    for name in [stem.as_str(), base] {
        names.extend([".mrc", ".st", ".mrcs"].map(|end| format!("{name}{end}")));
    }
    let stated = mdoc::read(&path).map_err(|e| JobError::file(&path, e))?;
    let stated = stated.get("ImageFile").map(|file| {
        file.rsplit(['/', '\\'])
            .next()
            .unwrap_or(file)
            .trim()
            .to_owned()
    });
    names.extend(stated);
    let folder = match &params.stacks {
        Some(folder) => context.resolve(folder),
        None => path.parent().unwrap_or(Path::new("")).to_owned(),
    };
    Ok(names
        .iter()
        .map(|name| folder.join(name))
        .find(|file| file.is_file()))
}

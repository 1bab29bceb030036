//! Tilt series of a RELION 4 or 5 project.
//!
//! Reader: `thon_interop::relion`; every column is carried along, so that an export writes it again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{TiltSeriesKind, TomogramKind};
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
    PROCESS_MEMORY,
};
use thon_interop::relion::{TiltSeriesImport, read_tilt_series, tomograms_of};
use thon_interop::{Imported, Losses};
use thon_model::{TiltSeries, Tomogram, Weighting};

use super::given_files::{self, images_as_given, movies_as_given, required, stopped};
use super::optimisation_set;
use super::tilt_series_set::{existing, findings, item_name, store};

/// Import of RELION's tilt series.
pub(crate) struct ImportRelionTiltSeries;

/// Import tilt series of a RELION 4 or 5 project.
///
/// Alignment, defocus, exposure and every other column of the tables come in; images and tomograms stay where they
/// are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The table of tilt series (`tilt_series.star`, `tomograms.star`), or an optimisation set that names it.
    #[schemars(extend("x-path" = true))]
    pub file: PathBuf,
    /// Directory of the RELION project, where its paths start; found from the paths themselves when empty.
    #[schemars(extend("x-path" = true))]
    pub project: Option<PathBuf>,
    /// Width and height of the tilt images in pixels, when the images are not there to say it.
    pub image_size: Option<[u32; 2]>,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tilt series, with their alignment and defocus where RELION has them.
    tilt_series: Output<TiltSeriesKind>,
    /// The tomograms that the table names and that are there.
    tomograms: Output<TomogramKind>,
}

impl Job for ImportRelionTiltSeries {
    const ID: &'static str = "import.relion-tilt-series";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &NoInputs, context: &Context) -> Vec<Finding> {
        if let Some(finding) = required("file", &params.file, "a table of tilt series") {
            return vec![finding];
        }
        match read(params, context) {
            Ok(series) => findings("file", &series.value, context),
            Err(e) => vec![given_files::finding("file", &e)],
        }
    }

    fn cost(params: &Params, _: &NoInputs, context: &Context) -> Cost {
        let images = read(params, context)
            .map_or(0, |s| s.value.iter().map(|one| one.images.len()).sum())
            as u64;
        Cost {
            memory: PROCESS_MEMORY + 8192 * images,
            disk: 4096 * images,
            cpu_seconds: 1e-4 * images as f64,
        }
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        let mut imported = read(params, context)?;
        let series = std::mem::take(&mut imported.value);
        given_files::told(imported, context);
        let mut records = Vec::new();
        for tomogram in tomograms(&series, params, context)? {
            records.push(context.store::<TomogramKind>(&item_name(&tomogram.name), &tomogram)?);
        }
        records.sort_by(|a: &thon_contract::ItemRecord, b| a.name.cmp(&b.name));
        let each = series.into_iter().map(|value| Imported {
            value,
            losses: Losses::default(),
            remarks: vec![],
        });
        Ok(Outputs {
            tilt_series: store(each.collect(), context)?,
            tomograms: Output::of(records),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text:
                "Tilt series with their alignment and contrast transfer were imported from RELION."
                    .into(),
            citations: vec![Citation::new("Burt et al. 2024", "10.1002/2211-5463.13873")],
        }
    }

    /// The tables: the named one, the optimisation set's, and that of each series.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let mut files = vec![params.file.clone()];
        if let (Ok(table), Ok(read)) = (table(params, context), read(params, context)) {
            let table = given_files::as_given(&table, &params.file, context);
            let tokens = read
                .value
                .iter()
                .filter_map(|one| one.carried_global.value("rlnTomoTiltSeriesStarFile", 0));
            let project = params.project.as_deref();
            files.extend(
                tokens.filter_map(|token| optimisation_set::named(token, &table, project, context)),
            );
            files.push(table);
        }
        Ok(existing(files, context))
    }
}

/// The table of tilt series itself, openable.
fn table(params: &Params, context: &Context) -> Result<PathBuf, JobError> {
    let set = optimisation_set::read(&params.file, context)?;
    match set {
        None => Ok(context.resolve(&params.file)),
        Some(set) => set.tomograms.ok_or_else(|| {
            JobError::data(format!(
                "{}: the optimisation set names no table of tomograms",
                params.file.display()
            ))
        }),
    }
}

pub(super) fn read(
    params: &Params,
    context: &Context,
) -> Result<Imported<Vec<TiltSeries>>, JobError> {
    let options = TiltSeriesImport {
        root: params
            .project
            .as_ref()
            .map(|folder| context.resolve(folder)),
        image_size: params
            .image_size
            .map(|[width, height]| [height as usize, width as usize]),
    };
    let mut imported = read_tilt_series(&table(params, context)?, &options).map_err(stopped)?;
    let given: &Path = params.project.as_deref().unwrap_or(&params.file);
    for series in &mut imported.value {
        images_as_given(series, given, context);
        movies_as_given(series, given, context);
    }
    Ok(imported)
}

/// The tomograms of a RELION 5 project; a denoised one beside the plain one has a name of its own.
fn tomograms(
    series: &[TiltSeries],
    params: &Params,
    context: &Context,
) -> Result<Vec<Tomogram>, JobError> {
    let given = params.project.as_deref().unwrap_or(&params.file);
    let table = given_files::as_given(&table(params, context)?, &params.file, context);
    let token = series
        .iter()
        .find_map(|one| one.carried_global.value("rlnTomoTiltSeriesStarFile", 0));
    let found = token.and_then(|token| {
        let file = optimisation_set::named(token, &table, params.project.as_deref(), context)?;
        file.ancestors()
            .nth(Path::new(token).components().count())
            .map(Path::to_owned)
    });
    let Some(root) = params.project.clone().or(found) else {
        return Ok(Vec::new());
    };
    let imported = tomograms_of(series, &context.resolve(&root)).map_err(stopped)?;
    let mut tomograms = given_files::told(imported, context);
    let mut seen = BTreeSet::new();
    for tomogram in &mut tomograms {
        let paths = std::iter::once(&mut tomogram.path).chain(tomogram.halves.iter_mut().flatten());
        paths.for_each(|path| *path = given_files::as_given(path, given, context));
        if let (false, Weighting::DisplayOnly(how)) =
            (seen.insert(tomogram.name.clone()), &tomogram.weighting)
        {
            tomogram.name = format!("{}_{how}", tomogram.name);
        }
    }
    Ok(tomograms)
}

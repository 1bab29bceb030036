//! The alignment and contrast transfer of another program for series that are already in the project.
//!
//! Readers: `thon_interop`. Images are matched by section of the stack, else by tilt angle; their angles must agree.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_interop::Imported;
use thon_interop::aretomo::{AretomoImport, read_aretomo};
use thon_interop::imod::{EtomoImport, read_directory};
use thon_interop::relion::{TiltSeriesImport, read_tilt_series};
use thon_model::TiltSeries;
use thon_units::Degrees;

use super::adopted::{Adopted, adopt};
use crate::given_files::{self, expand, images_as_given, stopped, told};

/// Adoption of an alignment.
pub(crate) struct Adopt;

/// Adopt the alignment and CTF that another program found for imported tilt series.
///
/// Geometry, defocus, exclusions, defocus hand and volume size come over; names, images, exposures stay. Images that
/// the other program left out are excluded with that reason.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The program whose files are read.
    pub format: Format,
    /// The file or directory; `{name}` stands for the name of the tilt series: `etomo/{name}`, `{name}.aln`.
    #[schemars(extend("x-path" = true))]
    pub path: String,
    /// AreTomo's defocus table, with `{name}` likewise; `_CTF.txt` beside the `.aln` when empty, if there is one.
    #[schemars(extend("x-path" = true))]
    pub ctf: Option<String>,
    /// How far the tilt angles of an image may differ between the two.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub tolerance: Degrees,
}

/// Files of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// A table of tilt series of RELION 4 or 5.
    Relion,
    /// An eTomo directory of IMOD.
    Imod,
    /// An `.aln` of AreTomo.
    Aretomo,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            format: Format::Imod,
            path: String::new(),
            ctf: None,
            tolerance: Degrees(1.0),
        }
    }
}

/// Inputs of the adoption.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series of the same images.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the adoption.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The aligned tilt series.
    tilt_series: Output<TiltSeriesKind>,
}

impl Job for Adopt {
    const ID: &'static str = "tilt_series.adopt";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        if let Some(finding) =
            given_files::required("path", Path::new(&params.path), "a file or directory")
        {
            return vec![finding];
        }
        match adopted(params, inputs, context) {
            Ok((_, _, adopted)) if adopted.geometries == 0 && adopted.ctfs == 0 => {
                vec![Finding::error(
                    "path",
                    "it holds neither an alignment nor a defocus",
                )]
            }
            Ok(_) => Vec::new(),
            Err(e) => vec![given_files::finding("path", &e)],
        }
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost {
            memory: 32 << 20,
            disk: 1 << 18,
            cpu_seconds: 0.1,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let (series, read, adopted) = adopted(params, inputs, context)?;
        told(read, context);
        let used = series.used().count();
        let aligned = series
            .used()
            .filter(|&index| series.images[index].geometry.is_some())
            .count();
        if aligned < used {
            context.warn(format!(
                "{} of {used} used images have no geometry",
                used - aligned
            ));
        }
        context.metric("adopted geometries", adopted.geometries as f64);
        context.metric("adopted CTFs", adopted.ctfs as f64);
        context.metric("newly excluded images", adopted.excluded as f64);
        context.metric(
            "largest difference of tilt angles (°)",
            adopted.largest_difference.0,
        );
        let record = context.store::<TiltSeriesKind>(inputs.tilt_series.item().name(), &series)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let (program, citation) = match params.format {
            Format::Relion => (
                "RELION",
                Citation::new("Burt et al. 2024", "10.1002/2211-5463.13873"),
            ),
            Format::Imod => (
                "IMOD",
                Citation::new("Mastronarde & Held 2017", "10.1016/j.jsb.2016.07.011"),
            ),
            Format::Aretomo => (
                "AreTomo",
                Citation::new("Zheng et al. 2022", "10.1016/j.yjsbx.2022.100068"),
            ),
        };
        Methods {
            text: format!(
                "The alignment and contrast transfer of the tilt series were taken from {program}."
            ),
            citations: vec![citation],
        }
    }

    /// The files of all series: the template with any name.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let any = |template: &str| template.replace("{name}", "*");
        let mut patterns = vec![any(&params.path)];
        patterns.extend(params.ctf.as_deref().map(any));
        if params.format == Format::Aretomo && params.ctf.is_none() {
            patterns.push(any(params.path.trim_end_matches(".aln")) + "_CTF.txt");
        }
        let mut files = Vec::new();
        for pattern in patterns.into_iter().filter(|pattern| !pattern.is_empty()) {
            for path in expand(&[pattern], context).unwrap_or_default() {
                files.extend(crate::import::metadata_of(&path, context));
            }
        }
        files.sort();
        files.dedup();
        Ok(files)
    }
}

type Read = (TiltSeries, Imported<()>, Adopted);

fn adopted(params: &Params, inputs: &Inputs, context: &Context) -> Result<Read, JobError> {
    let item = inputs.tilt_series.item();
    let mut series = context.load(item)?;
    let given = PathBuf::from(params.path.replace("{name}", &series.name));
    let mut read = read(params, &given, &series, context)?;
    // Only the evidence of the hand is kept of the source's paths.
    images_as_given(&mut read.value, &given, context);
    let offset = Degrees(number(&read.value, "AlphaOffset").unwrap_or(0.0));
    let adopted = adopt(&mut series, &read.value, offset, params.tolerance).map_err(|message| {
        JobError::Data {
            message: format!("{} and {}: {message}", series.name, given.display()),
            hint:
                "do both belong to the same stack? `tolerance` allows for angles that were rounded"
                    .into(),
        }
    })?;
    Ok((series, read.map(|_| ()), adopted))
}

/// AreTomo adds this angle to every tilt; a series of another program has none.
fn number(source: &TiltSeries, label: &str) -> Option<f64> {
    source.carried_global.value(label, 0)?.parse().ok()
}

fn read(
    params: &Params,
    given: &Path,
    series: &TiltSeries,
    context: &Context,
) -> Result<Imported<TiltSeries>, JobError> {
    let path = context.resolve(given);
    let image_size = Some(series.image_size).filter(|size| *size != [0, 0]);
    match params.format {
        Format::Relion => {
            let sets = read_tilt_series(
                &path,
                &TiltSeriesImport {
                    root: None,
                    image_size,
                },
            )
            .map_err(stopped)?;
            one_of(sets, &series.name, given)
        }
        Format::Imod => {
            let own = [".tlt", ".rawtlt"]
                .iter()
                .any(|end| path.join(format!("{}{end}", series.name)).is_file());
            let options = EtomoImport {
                name: own.then(|| series.name.clone()),
                pixel_size: Some(series.pixel_size),
                image_size,
                optics: Some(series.optics),
            };
            read_directory(&path, &options).map_err(stopped)
        }
        Format::Aretomo => {
            let options = AretomoImport {
                pixel_size: series.pixel_size,
                stack: None,
                ctf: ctf_beside(params, given, series, context),
                volume_size: None,
                optics: series.optics,
            };
            read_aretomo(&path, &options).map_err(stopped)
        }
    }
}

fn ctf_beside(
    params: &Params,
    given: &Path,
    series: &TiltSeries,
    context: &Context,
) -> Option<PathBuf> {
    if let Some(template) = &params.ctf {
        return Some(context.resolve(Path::new(&template.replace("{name}", &series.name))));
    }
    let stem = given.file_stem()?.to_string_lossy().into_owned();
    let beside = context.resolve(&given.with_file_name(format!("{stem}_CTF.txt")));
    beside.is_file().then_some(beside)
}

/// The series of this name in a table of several.
fn one_of(
    sets: Imported<Vec<TiltSeries>>,
    name: &str,
    given: &Path,
) -> Result<Imported<TiltSeries>, JobError> {
    let names: Vec<&str> = sets.value.iter().map(|one| one.name.as_str()).collect();
    let Some(index) = names.iter().position(|own| *own == name) else {
        let found = names.join(", ");
        return Err(JobError::data(format!(
            "{}: expected a tilt series {name}, found {found}",
            given.display()
        )));
    };
    Ok(sets.map(|mut all| all.swap_remove(index)))
}

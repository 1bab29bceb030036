//! Particles of any package: Dynamo, EMAN2, STOPGAP, AV3, PEET, PyTom, cryoSPARC, IMOD, the portal, copick, CETS, RELION, Warp, text.
//!
//! Readers: `thon_interop::particles`. Places become Å in the specimen frame by the tomogram they were measured in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind, TomogramKind};
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_interop::Imported;
use thon_interop::particles::{Frames, ParticleFormat, file_name, read_several};
use thon_interop::relion::tomogram_grids;
use thon_model::ParticleSet;
use thon_units::{Angstrom, PixelSize};

use super::given_files::{expand, finding, stopped, told};

/// Import of particles.
pub(crate) struct ImportParticles;

/// Import particles of any package.
///
/// The format is found from what the files hold, or named. Give the tomograms (or the tilt series) that the places were measured in;
/// without them positions are measured from the first voxel, and files that count voxels need a voxel size. Dynamo, motive lists and
/// STOPGAP number their tomograms: an index of lines `number name` beside the file, or given, names them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The files: paths or patterns. Formats with one file for each tomogram take them all.
    #[schemars(extend("x-path" = true))]
    pub files: Vec<String>,
    /// The format, when it is not to be found from the content: `relion-3`, `relion-4`, `relion-5`, `warp`, `dynamo`, `motl`, `stopgap`, `peet`, `pytom`, `eman2-boxes`,
    /// `eman2`, `cryosparc`, `imod`, `portal`, `copick`, `cets` or `text`.
    pub format: Option<String>,
    /// Voxel size of tomograms that are not given.
    pub voxel_size: Option<Angstrom>,
    /// Name of the tomogram, for files that name none.
    pub tomogram: Option<String>,
    /// Index of numbered tomograms.
    #[schemars(extend("x-path" = true))]
    pub index: Option<PathBuf>,
}

/// Inputs of the import.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tomograms that the places were measured in.
    tomograms: Option<Artifact<TomogramKind>>,
    /// Their tilt series, when places were measured in whole volumes of unbinned voxels.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles.
    particles: Output<ParticlesKind>,
}

impl Job for ImportParticles {
    const ID: &'static str = "import.particles";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        if params.files.is_empty() {
            let hint = "give `files`; relative paths start at the project directory";
            return vec![
                Finding::error("files", "expected particles, found nothing").with_hint(hint),
            ];
        }
        match read(params, inputs, context) {
            Err(e) => vec![finding("files", &e)],
            Ok(read) if read.value.is_empty() => {
                vec![Finding::error("files", "there is no particle")]
            }
            Ok(_) => Vec::new(),
        }
    }

    fn cost(params: &Params, _: &Inputs, context: &Context) -> Cost {
        let files = expand(&params.files, context).unwrap_or_default();
        let size = |path: &PathBuf| std::fs::metadata(context.resolve(path)).map_or(0, |f| f.len());
        let size: u64 = files.iter().map(size).sum();
        Cost {
            memory: PROCESS_MEMORY + 12 * size,
            disk: (1 << 17) + 6 * size,
            cpu_seconds: 0.1 + size as f64 * 3e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let imported = read(params, inputs, context)?;
        thon_compute::check(context.progress())?;
        let set = told(imported, context);
        context.metric("particles", set.len() as f64);
        context.metric("tomograms", set.tilt_series_names.len() as f64);
        let record = context.store::<ParticlesKind>("particles", &set)?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Positions and orientations of particles were imported.".into(),
            citations: Vec::new(),
        }
    }

    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let mut files = expand(&params.files, context)?;
        files.extend(params.index.clone());
        for file in files.clone() {
            // What readers look for beside a file: an index of tomograms, the model of a motive list.
            for ending in ["doc", "mod"] {
                let beside = file.with_extension(ending);
                if beside != file && context.resolve(&beside).is_file() {
                    files.push(beside);
                }
            }
        }
        files.sort();
        files.dedup();
        Ok(files)
    }
}

fn read(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<Imported<ParticleSet>, JobError> {
    let format: Option<ParticleFormat> = params
        .format
        .as_ref()
        .map(|name| name.parse())
        .transpose()
        .map_err(|e: thon_interop::particles::UnknownFormat| JobError::data(e.to_string()))?;
    let files = expand(&params.files, context)?;
    let files: Vec<PathBuf> = files.iter().map(|file| context.resolve(file)).collect();
    let frames = Frames {
        voxel_size: params.voxel_size.map(|size| PixelSize(size.0)),
        tomogram: params.tomogram.clone(),
        index: params.index.as_ref().map(|index| context.resolve(index)),
        ..frames(
            inputs.tomograms.as_ref(),
            inputs.tilt_series.as_ref(),
            context,
        )?
    };
    let mut imported = read_several(&files, format, &frames).map_err(stopped)?;
    let known: Vec<String> = known_names(inputs, context)?;
    rename(&mut imported, &known);
    Ok(imported)
}

/// The grids of tomograms, by the names of their tilt series and of their files; of tilt series where no tomogram is given.
pub(crate) fn frames(
    tomograms: Option<&Artifact<TomogramKind>>,
    tilt_series: Option<&Artifact<TiltSeriesKind>>,
    context: &Context,
) -> Result<Frames, JobError> {
    let mut frames = Frames::default();
    let mut series = Vec::new();
    for item in tilt_series.iter().flat_map(|it| it.items()) {
        series.push(context.load(item)?);
    }
    frames.grids = tomogram_grids(&series);
    let mut files = BTreeMap::new();
    for item in tomograms.iter().flat_map(|it| it.items()) {
        let tomogram = context.load(item)?;
        let stem = Path::new(&tomogram.path).file_stem();
        let stem = stem.unwrap_or_default().to_string_lossy().into_owned();
        files.insert(stem, tomogram.grid);
        frames
            .grids
            .insert(tomogram.tilt_series.clone(), tomogram.grid);
    }
    for (stem, grid) in files {
        frames.grids.entry(stem).or_insert(grid);
    }
    Ok(frames)
}

/// Names of the tilt series that were given.
fn known_names(inputs: &Inputs, context: &Context) -> Result<Vec<String>, JobError> {
    let mut names = Vec::new();
    for item in inputs.tomograms.iter().flat_map(Artifact::items) {
        names.push(context.load(item)?.tilt_series);
    }
    for item in inputs.tilt_series.iter().flat_map(Artifact::items) {
        names.push(context.load(item)?.name);
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Calls tomograms by the tilt series they are of, where one alone begins like them: `TS_01_bin4.mrc` is of `TS_01`.
fn rename(imported: &mut Imported<ParticleSet>, known: &[String]) {
    for name in &mut imported.value.tilt_series_names {
        if known.contains(name) {
            continue;
        }
        let file = file_name(name);
        let begins = |series: &&String| {
            let rest = file.strip_prefix(series.as_str());
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        let mut fitting: Vec<&String> = known.iter().filter(begins).collect();
        fitting.sort_by_key(|series| std::cmp::Reverse(series.len()));
        if let Some(series) = fitting.first() {
            imported
                .remarks
                .push(format!("{name} is taken as tilt series {series}"));
            name.clone_from(series);
        } else if !known.is_empty() {
            imported
                .remarks
                .push(format!("{name} is none of the tilt series given"));
        }
    }
}

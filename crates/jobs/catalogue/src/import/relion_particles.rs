//! Particles of RELION 3.0 to 5, and of programs that write RELION's tables.
//!
//! Reader: `thon_interop::relion`. Shifts and sub-tomogram angles are folded into one pose in the specimen frame (Å).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_geometry::Grid;
use thon_interop::Imported;
use thon_interop::relion::{
    ParticleImport, TiltSeriesImport, read_particles, read_tilt_series, tomogram_grids,
};
use thon_model::ParticleSet;

use super::given_files::{self, as_given, particles_as_given, required, stopped, told};
use super::optimisation_set;
use super::tilt_series_set::existing;

/// Import of RELION's particles.
pub(crate) struct ImportRelionParticles;

/// Import particles of RELION 3.0, 3.1, 4 or 5.
///
/// Positions are measured from the centre of each tilt series' volume, so give the tilt series when the table counts
/// pixels. An optimisation set brings its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The table of particles (`particles.star`, `run_data.star`), or an optimisation set that names it.
    #[schemars(extend("x-path" = true))]
    pub file: PathBuf,
    /// Directory of the RELION project, where its paths start; found from the paths themselves when empty.
    #[schemars(extend("x-path" = true))]
    pub project: Option<PathBuf>,
    /// Take particles of tomograms of unknown size too; their positions are measured from the first voxel.
    pub allow_unknown_tomograms: bool,
}

/// Inputs of the import.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tilt series of the particles.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles.
    particles: Output<ParticlesKind>,
}

impl Job for ImportRelionParticles {
    const ID: &'static str = "import.relion-particles";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        if let Some(finding) = required("file", &params.file, "a table of particles") {
            return vec![finding];
        }
        match read(params, inputs, context) {
            Err(e) => vec![given_files::finding("file", &e)],
            Ok((read, _)) if read.value.is_empty() => {
                vec![Finding::error("file", "the table has no particle")]
            }
            Ok((read, grids)) => strangers(&read.value, &grids, inputs).into_iter().collect(),
        }
    }

    fn cost(params: &Params, _: &Inputs, context: &Context) -> Cost {
        let size = std::fs::metadata(context.resolve(&params.file)).map_or(0, |file| file.len());
        Cost {
            memory: PROCESS_MEMORY + 8 * size,
            disk: 4 * size,
            cpu_seconds: size as f64 * 1e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let (mut imported, _) = read(params, inputs, context)?;
        thon_compute::check(context.progress())?;
        particles_as_given(
            &mut imported.value,
            params.project.as_deref().unwrap_or(&params.file),
            context,
        );
        let set = told(imported, context);
        context.metric("particles", set.len() as f64);
        context.metric("tilt series", set.tilt_series_names.len() as f64);
        let record = context.store::<ParticlesKind>("particles", &set)?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Positions and orientations of particles were imported from RELION.".into(),
            citations: vec![Citation::new("Burt et al. 2024", "10.1002/2211-5463.13873")],
        }
    }

    /// The table; with an optimisation set, its two tables and those of the tilt series.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let mut files = vec![params.file.clone()];
        if let Ok(Some(set)) = optimisation_set::read(&params.file, context) {
            for table in set.particles.iter().chain(&set.tomograms) {
                files.push(as_given(table, &params.file, context));
            }
            if let Ok(series) = tables_of(set.tomograms.as_deref(), params, context) {
                let own = series
                    .iter()
                    .filter_map(|one| one.carried_global.value("rlnTomoTiltSeriesStarFile", 0));
                let project = params.project.as_deref();
                files.extend(
                    own.filter_map(|it| {
                        optimisation_set::named(it, &params.file, project, context)
                    }),
                );
            }
        }
        Ok(existing(files, context))
    }
}

type Grids = BTreeMap<String, Grid>;

fn read(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<(Imported<ParticleSet>, Grids), JobError> {
    let set = optimisation_set::read(&params.file, context)?;
    let (file, tomograms) = match set {
        None => (Some(context.resolve(&params.file)), None),
        Some(set) => (set.particles, set.tomograms),
    };
    let file = file.ok_or_else(|| {
        JobError::data(format!(
            "{}: the optimisation set names no particles",
            params.file.display()
        ))
    })?;
    let series = match &inputs.tilt_series {
        Some(artifact) => artifact
            .items()
            .iter()
            .map(|item| context.load(item))
            .collect::<Result<_, _>>()?,
        None => tables_of(tomograms.as_deref(), params, context)?,
    };
    let grids = tomogram_grids(&series);
    let options = ParticleImport {
        grids: grids.clone(),
        root: root(params, context),
        allow_unknown_tomograms: params.allow_unknown_tomograms,
    };
    Ok((read_particles(&file, &options).map_err(stopped)?, grids))
}

/// Reads without tilt series beside the table; image paths are not yet as they were given.
pub(super) fn read_alone(
    params: &Params,
    context: &Context,
) -> Result<Imported<ParticleSet>, JobError> {
    let inputs = Inputs { tilt_series: None };
    Ok(read(params, &inputs, context)?.0)
}

fn root(params: &Params, context: &Context) -> Option<PathBuf> {
    params
        .project
        .as_ref()
        .map(|folder| context.resolve(folder))
}

/// The tilt series that an optimisation set names.
fn tables_of(
    tomograms: Option<&Path>,
    params: &Params,
    context: &Context,
) -> Result<Vec<thon_model::TiltSeries>, JobError> {
    let Some(table) = tomograms.filter(|table| table.is_file()) else {
        return Ok(Vec::new());
    };
    let options = TiltSeriesImport {
        root: root(params, context),
        image_size: None,
    };
    Ok(read_tilt_series(table, &options).map_err(stopped)?.value)
}

/// Particles of tilt series that are not among those given.
fn strangers(set: &ParticleSet, grids: &Grids, inputs: &Inputs) -> Option<Finding> {
    inputs.tilt_series.as_ref()?;
    let unknown: BTreeSet<&str> = set
        .tilt_series_names
        .iter()
        .map(String::as_str)
        .filter(|name| !grids.contains_key(*name))
        .collect();
    let first = unknown.first()?;
    let message = format!(
        "{} of {} tilt series of the particles are not among those given, the first {first}",
        unknown.len(),
        set.tilt_series_names.len()
    );
    Some(Finding::warning("tilt_series", message).with_hint("their particles cannot be cut out"))
}

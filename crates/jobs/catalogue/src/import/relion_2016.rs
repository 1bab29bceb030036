//! The directory per tomogram of the first subtomogram averaging in RELION.
//!
//! Layout: Bharat & Scheres 2016, Nature Protocols 11:2054, with the faults of its Table 1 named. Reader:
//! `thon_interop::relion`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind, TomogramKind};
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
    PROCESS_MEMORY,
};
use thon_interop::Imported;
use thon_interop::relion::{DataSet2016, Layout2016Options, read_layout_2016};
use thon_model::ParticleSet;
use thon_units::PixelSize;

use super::given_files::{self, as_given, expand, images_as_given, positive, stopped};
use super::microscope::Microscope;
use super::tilt_series_set::{existing, findings, item_name, store};

/// Import of the layout of 2016.
pub(crate) struct ImportRelion2016;

/// Import tomograms in the directory layout of RELION's 2016 protocol.
///
/// Each tomogram brings its aligned stack (`.mrcs`), tilt angles (`.tlt`), exposures (`.order`), picked centres
/// (`.coords`) and extra exposures (`.trial`), all of one name.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The tomograms: their `.mrc` files or directories, as paths or patterns such as `tomograms/*`.
    #[schemars(extend("x-path" = true))]
    pub tomograms: Vec<String>,
    /// Pixel size of the tilt series, instead of that of its header.
    pub pixel_size: Option<PixelSize>,
    /// Go on where `.order` is missing; no exposure is known then.
    pub without_order: bool,
    /// Go on where `.coords` is missing; no particles come in then.
    pub without_coordinates: bool,
    /// The microscope.
    pub microscope: Microscope,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tilt series, aligned as their stacks are.
    tilt_series: Output<TiltSeriesKind>,
    /// The tomograms.
    tomograms: Output<TomogramKind>,
    /// The picked particles of all tomograms, without orientations.
    particles: Output<ParticlesKind>,
}

impl Job for ImportRelion2016 {
    const ID: &'static str = "import.relion-2016";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &NoInputs, context: &Context) -> Vec<Finding> {
        if params.tomograms.is_empty() {
            let finding =
                Finding::error("tomograms", "expected at least one tomogram, found nothing");
            return vec![finding.with_hint("give paths or a pattern, for example `tomograms/*`")];
        }
        let mut found: Vec<Finding> =
            positive("pixel_size", params.pixel_size.map(|size| size.0), "Å/px")
                .into_iter()
                .collect();
        let paths = match expand(&params.tomograms, context) {
            Ok(paths) => paths,
            Err(e) => return vec![given_files::finding("tomograms", &e)],
        };
        let mut series = Vec::new();
        for path in &paths {
            match read(path, params, context) {
                Ok(set) => series.push(set.value.series),
                Err(e) => found.push(given_files::finding("tomograms", &e)),
            }
        }
        found.extend(findings("tomograms", &series, context));
        found
    }

    fn cost(params: &Params, _: &NoInputs, context: &Context) -> Cost {
        let sets = expand(&params.tomograms, context).map_or(0, |paths| paths.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY,
            disk: sets * (1 << 18),
            cpu_seconds: 0.05 * sets as f64,
        }
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        let (mut series, mut tomograms, mut particles) =
            (Vec::new(), Vec::new(), ParticleSet::default());
        for path in expand(&params.tomograms, context)? {
            thon_compute::check(context.progress())?;
            let read = read(&path, params, context)?;
            let DataSet2016 {
                tomogram,
                particles: picked,
                trial,
                ..
            } = &read.value;
            tomograms.push(context.store::<TomogramKind>(&item_name(&tomogram.name), tomogram)?);
            if trial.is_some() {
                context.warn(format!(
                    "{}: extra exposures (.trial) are there and not used",
                    tomogram.name
                ));
            }
            append(&mut particles, picked);
            series.push(read.map(|set| set.series));
        }
        tomograms.sort_by(|a, b| a.name.cmp(&b.name));
        context.metric("particles", particles.len() as f64);
        let particles = if particles.is_empty() {
            Output::empty()
        } else {
            Output::of(vec![
                context.store::<ParticlesKind>("particles", &particles)?,
            ])
        };
        Ok(Outputs {
            tilt_series: store(series, context)?,
            tomograms: Output::of(tomograms),
            particles,
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Aligned tilt series, tomograms and picked particles were imported.".into(),
            citations: vec![Citation::new(
                "Bharat & Scheres 2016",
                "10.1038/nprot.2016.124",
            )],
        }
    }

    /// The text files; stacks and tomograms are not read by the import.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let mut files = Vec::new();
        for path in expand(&params.tomograms, context).unwrap_or_default() {
            let Ok(set) = read(&path, params, context) else {
                continue;
            };
            files.extend(
                ["tlt", "order", "coords"].map(|end| set.value.tomogram.path.with_extension(end)),
            );
        }
        Ok(existing(files, context))
    }
}

fn read(
    path: &Path,
    params: &Params,
    context: &Context,
) -> Result<Imported<DataSet2016>, JobError> {
    let options = Layout2016Options {
        pixel_size: params.pixel_size,
        optics: params.microscope.optics(),
        without_order: params.without_order,
        without_coordinates: params.without_coordinates,
    };
    let mut read = read_layout_2016(&context.resolve(path), &options).map_err(stopped)?;
    images_as_given(&mut read.value.series, path, context);
    read.value.tomogram.path = as_given(&read.value.tomogram.path, path, context);
    Ok(read)
}

/// Adds the particles of another tomogram.
fn append(all: &mut ParticleSet, picked: &ParticleSet) {
    if picked.is_empty() {
        return;
    }
    let first = all.tilt_series_names.len() as u32;
    all.names.extend_from_slice(&picked.names);
    all.tilt_series_names
        .extend_from_slice(&picked.tilt_series_names);
    all.tilt_series
        .extend(picked.tilt_series.iter().map(|index| first + index));
    all.poses.extend_from_slice(&picked.poses);
}

//! Tilt series and particles as a RELION project.
//!
//! Writer: `thon_interop::relion`. Rows that came from RELION and were not changed are written back value by value.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, ParticlesKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_interop::relion::{
    Generation, OptimisationSet, ParticleExport, TiltSeriesExport, write_optimisation_set,
    write_particles, write_tilt_series,
};
use thon_model::{ParticleSet, TiltSeries};

use super::source_paths::{particles_relative_to_relion, relative_to_relion};
use super::written::record;
use crate::import::given_files::stopped;

/// Export to RELION.
pub(crate) struct ExportRelion;

/// Export tilt series and particles to RELION.
///
/// Writes `tilt_series.star`, with particles also `particles.star` and `optimisation_set.star`. Images of a RELION
/// project are named as that project names them, so that the files fit into it; all others by absolute paths.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The generation of RELION's tables.
    pub version: Version,
}

/// Generations of RELION's tomography tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Version {
    /// Angles and shifts, one table per tilt series.
    #[default]
    Five,
    /// Projection matrices, one table for all.
    Four,
}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tilt series.
    tilt_series: Artifact<TiltSeriesKind>,
    /// Their particles.
    particles: Option<Artifact<ParticlesKind>>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tables.
    files: Output<FilesKind>,
}

impl Job for ExportRelion {
    const ID: &'static str = "export.relion";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let (series, particles) = match load(inputs, context) {
            Ok(loaded) => loaded,
            Err(e) => return vec![Finding::error("", e.to_string())],
        };
        let mut findings = Vec::new();
        if series.is_empty() {
            findings.push(Finding::error(
                "tilt_series",
                "expected at least one tilt series, found none",
            ));
        }
        let names: BTreeSet<&str> = series.iter().map(|one| one.name.as_str()).collect();
        let strangers = particles.iter().flat_map(|set| &set.tilt_series_names);
        for name in strangers.filter(|name| !names.contains(name.as_str())) {
            let message =
                format!("there are particles of {name}, which is not among the tilt series");
            findings.push(
                Finding::error("particles", message)
                    .with_hint("give all tilt series of the particles"),
            );
        }
        let unsized_volumes = series
            .iter()
            .filter(|one| one.volume_size.is_none())
            .count();
        if unsized_volumes > 0 {
            let message = format!(
                "{unsized_volumes} of {} tilt series have no volume size",
                series.len()
            );
            findings.push(
                Finding::warning("tilt_series", message)
                    .with_hint("RELION cuts out particles only where rlnTomoSize is known"),
            );
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let items = inputs.tilt_series.items().iter().map(|item| &item.record);
        let sets = inputs
            .particles
            .iter()
            .flat_map(Artifact::items)
            .map(|item| &item.record);
        let size =
            |path: &PathBuf| std::fs::metadata(context.resolve(path)).map_or(0, |file| file.len());
        let bytes: u64 = items
            .chain(sets)
            .filter_map(|record| record.files.first())
            .map(size)
            .sum();
        Cost {
            memory: PROCESS_MEMORY + 8 * bytes,
            disk: bytes,
            cpu_seconds: bytes as f64 * 2e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (mut series, particles) = load(inputs, context)?;
        let folder = Path::new("relion");
        let table = context.file(folder.join("tilt_series.star"))?;
        let root = table.parent().unwrap_or(folder).to_owned();
        let mut projects = BTreeSet::new();
        for one in &mut series {
            projects.extend(relative_to_relion(one, context));
        }
        for project in projects
            .iter()
            .filter(|project| !project.as_os_str().is_empty())
        {
            context.warn(format!(
                "images are named as in the RELION project {}: the files belong there",
                project.display()
            ));
        }
        thon_compute::check(context.progress())?;
        let generation = if params.version == Version::Five {
            Generation::Five
        } else {
            Generation::Four
        };
        let to = TiltSeriesExport {
            root: root.clone(),
            file: "tilt_series.star".into(),
            generation,
            source_root: Some(PathBuf::new()),
        };
        let mut losses = write_tilt_series(&series, &to).map_err(stopped)?;
        if let Some(mut set) = particles {
            particles_relative_to_relion(&mut set, context);
            let to = ParticleExport {
                root: root.clone(),
                file: "particles.star".into(),
                source_root: Some(PathBuf::new()),
            };
            losses.extend(write_particles(&set, &series, &to).map_err(stopped)?);
            context.metric("particles", set.len() as f64);
            let both = OptimisationSet::new(&root, "particles.star", "tilt_series.star");
            write_optimisation_set(&both, &root.join("optimisation_set.star")).map_err(stopped)?;
        }
        context.metric("tilt series", series.len() as f64);
        Ok(Outputs {
            files: Output::of(vec![record("relion", "RELION", folder, &losses, context)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt series and particles were exported to RELION.".into(),
            citations: vec![Citation::new("Burt et al. 2024", "10.1002/2211-5463.13873")],
        }
    }
}

fn load(
    inputs: &Inputs,
    context: &Context,
) -> Result<(Vec<TiltSeries>, Option<ParticleSet>), JobError> {
    let series = inputs
        .tilt_series
        .items()
        .iter()
        .map(|item| context.load(item))
        .collect::<Result<_, _>>()?;
    let particles = inputs
        .particles
        .as_ref()
        .map(|set| context.load(set.single()?))
        .transpose()?;
    Ok((series, particles))
}

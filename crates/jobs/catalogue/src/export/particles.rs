//! Particles as files of other packages, with a list of what each cannot hold.
//!
//! Writers: `thon_interop::particles`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, ParticlesKind, TiltSeriesKind, TomogramKind};
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_interop::particles::{Frames, ParticleFormat, cannot_hold, write_any};
use thon_units::{Angstrom, PixelSize};

use super::written::record;
use crate::import::given_files::stopped;
use crate::import::particle_frames;

/// Export of particles.
pub(crate) struct ExportParticles;

/// Export particles to another package.
///
/// Places are measured in the tomograms given, or in the volumes of the tilt series. What the format cannot hold is listed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The format: `relion-3`, `relion-4`, `relion-5`, `warp`, `dynamo`, `motl`, `stopgap`, `peet`, `pytom`, `eman2-boxes`,
    /// `eman2`, `cryosparc`, `imod`, `portal`, `copick`, `cets` or `text`.
    pub format: String,
    /// Name of the files, or of the object in formats that name it.
    pub name: String,
    /// Voxel size of tomograms that are not given; their places are then counted from the origin of the specimen.
    pub voxel_size: Option<Angstrom>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            format: ParticleFormat::Relion5.key().into(),
            name: "particles".into(),
            voxel_size: None,
        }
    }
}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// The tomograms that places are to be measured in.
    tomograms: Option<Artifact<TomogramKind>>,
    /// Their tilt series.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The files.
    files: Output<FilesKind>,
}

impl Job for ExportParticles {
    const ID: &'static str = "export.particles";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let set = match inputs
            .particles
            .single()
            .and_then(|item| context.load(item))
        {
            Ok(set) => set,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        let frames = match frames(params, inputs, context) {
            Ok(frames) => frames,
            Err(e) => return vec![Finding::error("tomograms", e.to_string())],
        };
        let mut findings = Vec::new();
        if set.is_empty() {
            findings.push(Finding::error("particles", "the set is empty"));
        }
        match params.format.parse::<ParticleFormat>() {
            Err(e) => findings.push(Finding::error("format", e.to_string())),
            Ok(format) => {
                if let Some(why) = cannot_hold(&set, format) {
                    findings.push(Finding::error("format", why));
                }
            }
        }
        if params.name.is_empty() || params.name.contains(['/', '\\']) {
            let message = format!("expected a name of files, found '{}'", params.name);
            findings.push(Finding::error("name", message));
        }
        let mut names = set.tilt_series_names.iter();
        if let Some(name) = names.find(|name| frames.grid(name).is_none())
            && params.voxel_size.is_none()
        {
            let message = format!("nothing is known of the tomogram of {name}");
            findings.push(
                Finding::error("tomograms", message)
                    .with_hint("give its tomogram or tilt series, or a voxel size"),
            );
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let set = inputs
            .particles
            .single()
            .and_then(|item| context.load(item));
        let rows = set.map_or(0, |set| set.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY + 8192 * rows,
            disk: (1 << 17) + 2048 * rows,
            cpu_seconds: 0.1 + rows as f64 * 2e-5,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let set = context.load(inputs.particles.single()?)?;
        let frames = frames(params, inputs, context)?;
        let format: ParticleFormat = params
            .format
            .parse()
            .map_err(|e: thon_interop::particles::UnknownFormat| JobError::data(e.to_string()))?;
        let folder = Path::new("particles");
        let anchor: PathBuf = context.file(folder.join("anchor"))?;
        let target = anchor.parent().unwrap_or(folder);
        let written = write_any(&set, format, &frames, target, &params.name).map_err(stopped)?;
        context.metric("particles", set.len() as f64);
        let listing = record("particles", format.name(), folder, &written.losses, context)?;
        Ok(Outputs {
            files: Output::of(vec![listing]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!("Particles were exported in the format {}.", params.format),
            citations: Vec::new(),
        }
    }
}

fn frames(params: &Params, inputs: &Inputs, context: &Context) -> Result<Frames, JobError> {
    Ok(Frames {
        voxel_size: params.voxel_size.map(|size| PixelSize(size.0)),
        ..particle_frames(
            inputs.tomograms.as_ref(),
            inputs.tilt_series.as_ref(),
            context,
        )?
    })
}

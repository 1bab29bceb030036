//! Projections of subtomograms along z, as a stack for two-dimensional classification (RELION's `--project3d`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FileListing, FilesKind, ParticlesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_extract::projection_along_z;
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};
use thon_units::Angstrom;

use crate::average::read_volume;

/// Projection.
pub(crate) struct ProjectSubtomograms;

/// Project subtomograms along z into one stack of images.
///
/// Names and places of the particles stay, so that a choice among two-dimensional classes comes back to the volumes by name;
/// so do their 3D CTFs, whose section across z is that of a projection.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Diameter of the particle: the background, brought to mean 0 and deviation 1, lies outside. 0: three quarters of the box.
    pub diameter: Angstrom,
}

/// Inputs of the projection.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Subtomograms.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the projection.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles as sections of the stack.
    particles: Output<ParticlesKind>,
    /// The stack.
    files: Output<FilesKind>,
}

const STACK: &str = "projections.mrcs";

impl Job for ProjectSubtomograms {
    const ID: &'static str = "particles.project";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let set = match inputs
            .particles
            .single()
            .and_then(|item| context.load(item))
        {
            Ok(set) => set,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        match volumes(&set) {
            Err(e) => vec![Finding::error("particles", e.to_string())],
            Ok(images) => images
                .paths
                .iter()
                .map(|path| context.resolve(path))
                .find(|path| !path.is_file())
                .map(|path| {
                    Finding::error("particles", format!("{}: no such file", path.display()))
                })
                .into_iter()
                .collect(),
        }
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let set = inputs
            .particles
            .single()
            .and_then(|item| context.load(item));
        let Ok((n, count)) =
            set.and_then(|set| Ok((volumes(&set)?.box_size as u64, set.len() as u64)))
        else {
            return Cost::default();
        };
        Cost {
            memory: PROCESS_MEMORY + 12 * n.pow(3) + 4096 * count,
            disk: count * (4 * n * n + 512),
            cpu_seconds: 0.1 + (count * n.pow(3)) as f64 * 5e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = context.load(inputs.particles.single()?)?;
        let images = volumes(&set)?.clone();
        let n = images.box_size;
        let radius = if params.diameter.0 > 0.0 {
            0.5 * params.diameter.0 / images.pixel_size.0
        } else {
            0.375 * n as f64
        };
        let path = context.file(STACK)?;
        let spec = MrcSpec::stack([set.len(), n, n], Some(images.pixel_size.0));
        let mut stack =
            MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
        for (row, volume) in images.paths.iter().enumerate() {
            thon_compute::check(context.progress())?;
            context.progress().advance(row as u64, set.len() as u64);
            let place = context.resolve(volume);
            let (values, _) = read_volume(&place).map_err(|e| JobError::data(e.to_string()))?;
            let image =
                projection_along_z(&values, n, radius).map_err(|e| JobError::file(&place, e))?;
            stack
                .write_section(&image)
                .map_err(|e| JobError::file(&path, e))?;
        }
        stack.finish().map_err(|e| JobError::file(&path, e))?;
        let published = context.published(STACK);
        set.images = Some(ParticleImages {
            kind: RepresentationKind::Projection,
            paths: vec![published; set.len()],
            sections: (0..set.len() as u32).collect(),
            visible: Vec::new(),
            // The section of a 3D CTF across z is what its projection was seen through.
            ..images
        });
        let listing = FileListing {
            format: "MRC stack".into(),
            files: vec![STACK.into()],
            losses: Vec::new(),
        };
        Ok(Outputs {
            particles: Output::of(vec![context.store::<ParticlesKind>("particles", &set)?]),
            files: Output::of(vec![context.store::<FilesKind>("projections", &listing)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Subtomograms were projected along the beam direction of the untilted image."
                .into(),
            citations: vec![Citation::new(
                "Bharat & Scheres 2016",
                "10.1038/nprot.2016.124",
            )],
        }
    }
}

fn volumes(set: &ParticleSet) -> Result<&ParticleImages, JobError> {
    if set.is_empty() {
        return Err(JobError::data("the set is empty"));
    }
    let images = set
        .images
        .as_ref()
        .filter(|images| images.kind == RepresentationKind::Volume);
    images.ok_or_else(|| JobError::Data {
        message: "the particles have no subtomograms".into(),
        hint: "write them first with `particles.extract-subtomograms`".into(),
    })
}

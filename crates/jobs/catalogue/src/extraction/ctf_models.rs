//! 3D CTF models of the 2016 protocol, one file per particle.
//!
//! Kernel: `thon_extract::CtfSlices` (what `relion_reconstruct --reconstruct_ctf` computes). Frame: axes of the specimen; origin
//! at voxel ⌊n/2⌋; + sin χ, for volumes with white matter.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, ParticlesKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_model::{ParticleSet, RepresentationKind};
use thon_units::PixelSize;

use super::model_ctf::{Weights, slices};
use super::volume_paths::{Written, file};
use crate::average::series_of;
use crate::particles::{SeriesByName, image_set_findings, load_particles, voxel_size};

/// Particles whose models are made at once.
const BLOCK: usize = 16;

/// Models of the CTF.
pub(crate) struct CtfModels;

/// Write the three-dimensional CTF model of every particle, from the CTFs of all its tilt images.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge of the box, voxels; that of the subtomograms when the particles have them.
    #[schemars(range(min = 8, max = 1024))]
    pub box_size: usize,
    /// Size of a voxel; that of the subtomograms when the particles have them, or of the tilt images when empty.
    pub voxel_size: Option<PixelSize>,
    /// How tilt images are weighted.
    pub weights: Weights,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            box_size: 96,
            voxel_size: None,
            weights: Weights::default(),
        }
    }
}

/// Inputs of the models.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series, with CTF unless only the wedge is wanted.
    tilt_series: Artifact<TiltSeriesKind>,
    /// Particles.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the models.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles; subtomograms refer to their new models.
    particles: Output<ParticlesKind>,
    /// The models.
    files: Output<FilesKind>,
}

impl Job for CtfModels {
    const ID: &'static str = "particles.ctf-models";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match load_particles(Some(&inputs.tilt_series), &inputs.particles, context) {
            Ok((_, set)) if set.is_empty() => {
                vec![Finding::error("particles", "the set is empty")]
            }
            Ok((series, mut set)) => {
                // Subtomograms are not read here.
                set.images = set
                    .images
                    .filter(|images| images.kind == RepresentationKind::TiltStack);
                image_set_findings(8, params.weights.ctf, &series, &set, context)
            }
            Err(e) => vec![Finding::error("inputs", e.to_string())],
        }
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok((series, set)) =
            load_particles(Some(&inputs.tilt_series), &inputs.particles, context)
        else {
            return Cost::default();
        };
        let n = sizes(params, &series, &set).map_or(params.box_size, |(n, _)| n) as u64;
        let tilts = series.values().map(|s| s.images.len()).max().unwrap_or(0);
        let particles = set.len() as u64;
        Cost {
            memory: PROCESS_MEMORY + 20 * BLOCK as u64 * n.pow(3) + 2048 * particles,
            disk: 4 * particles * n.pow(3) + 1024 * particles,
            cpu_seconds: 0.1
                + particles as f64
                    * (tilts as f64 * (n * n) as f64 * 4e-8 + n.pow(3) as f64 * 1e-8),
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (series, mut set) =
            load_particles(Some(&inputs.tilt_series), &inputs.particles, context)?;
        let (n, size) = sizes(params, &series, &set)?;
        let (mut written, mut paths) = (Written::default(), Vec::new());
        let rows: Vec<usize> = (0..set.len()).collect();
        for (block, rows) in rows.chunks(BLOCK).enumerate() {
            thon_compute::check(context.progress())?;
            context
                .progress()
                .advance((block * BLOCK) as u64, set.len() as u64);
            let models: Vec<Vec<f32>> = rows
                .par_iter()
                .map(|&row| model(&series, &set, row, (n, size), &params.weights))
                .collect::<Result<_, _>>()?;
            for (&row, model) in rows.iter().zip(&models) {
                let file = file(&set, row, "ctf");
                paths.push(written.volume(file, model, [n; 3], size.0, context)?);
            }
        }
        if let Some(images) = set
            .images
            .as_mut()
            .filter(|it| it.kind == RepresentationKind::Volume)
        {
            images.ctf_paths = paths;
        }
        let record = context.store::<ParticlesKind>("particles", &set)?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
            files: Output::of(vec![written.listing("3D CTF models, MRC", context)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let what = if params.weights.ctf {
            "CTF and missing wedge"
        } else {
            "missing wedge"
        };
        Methods {
            text: format!(
                "Three-dimensional models of {what} were made from all tilt images, weighted by tilt and exposure."
            ),
            citations: vec![
                Citation::new("Bharat et al. 2015", "10.1016/j.str.2015.06.026"),
                Citation::new("Bharat & Scheres 2016", "10.1038/nprot.2016.124"),
            ],
        }
    }
}

fn sizes(
    params: &Params,
    series: &SeriesByName,
    set: &ParticleSet,
) -> Result<(usize, PixelSize), JobError> {
    let own = set
        .images
        .as_ref()
        .filter(|images| images.kind == RepresentationKind::Volume);
    if let Some(images) = own {
        return Ok((images.box_size, images.pixel_size));
    }
    let size = params
        .voxel_size
        .map_or_else(|| voxel_size(series, set), Ok)?;
    Ok((params.box_size, size))
}

fn model(
    series: &SeriesByName,
    set: &ParticleSet,
    row: usize,
    (n, size): (usize, PixelSize),
    weights: &Weights,
) -> Result<Vec<f32>, JobError> {
    let one = series_of(series, set, set.tilt_series[row])?;
    let cut = set.images.as_ref().and_then(|images| images.boxes.get(row));
    let place = cut.map_or(set.poses[row].position, |cut| cut.position);
    let mut slices = slices(one, place, n, size, weights)?;
    if let Some(cut) = cut {
        for slice in &mut slices.slices {
            slice.projection *= cut.rotation.matrix();
        }
    }
    slices
        .full_volume()
        .map_err(|e| JobError::data(format!("{}: {e}", set.names[row])))
}

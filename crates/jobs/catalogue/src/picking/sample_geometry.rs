//! Particles on shapes that a person drew.
//!
//! Kernel: `thon_pick::sample_shape`. Lengths in Å in the specimen frame.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TomogramKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::Point;
use thon_geometry::glam::{DQuat, DVec3};
use thon_model::Tomogram;
use thon_pick::{Place, Shape, sample_shape};
use thon_units::Angstrom;

use super::PickSet;
use super::search_record::stopped;

/// Sampling of shapes.
pub(crate) struct SampleGeometry;

/// Place particles on shapes: points, dipoles, spheres, ellipsoids, filaments, tubes and surfaces.
///
/// Shapes are drawn in the browser or written into a JSON file, a list of models: `{"tilt_series": "TS_01", "shape": {"shape": "sphere",
/// "centre": [0, 0, 0], "radius": 400}}`, lengths in Å from the specimen's origin. z of a particle is the normal of its surface or the
/// direction of its filament. Each particle carries the number of its `model`, from 1. Places outside the tomogram are listed as rejected.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Models, as the browser gives them.
    pub models: Vec<Model>,
    /// A file with more models.
    #[schemars(extend("x-path" = true))]
    pub file: Option<PathBuf>,
    /// Distance of particles, where a model states none.
    #[schemars(range(min = 1.0))]
    pub spacing: Angstrom,
    /// How far from the surface particles lie, along z; negative for inside.
    pub height: Angstrom,
    /// Seed of the places and of turns that nothing fixes.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            file: None,
            spacing: Angstrom(100.0),
            height: Angstrom(0.0),
            seed: 1,
        }
    }
}

/// A shape in a tilt series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// Name of the tilt series.
    pub tilt_series: String,
    /// Distance of particles, Å; that of the job when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing: Option<f64>,
    /// The shape.
    pub shape: Shape,
}

/// Inputs of the sampling.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tomograms that the shapes were drawn in.
    tomograms: Artifact<TomogramKind>,
}

/// Outputs of the sampling.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Particles on all shapes, with the number of their `model`.
    particles: Output<ParticlesKind>,
}

impl Job for SampleGeometry {
    const ID: &'static str = "particles.sample-geometry";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let models = match models(params, context) {
            Ok(models) => models,
            Err(e) => return vec![Finding::error("file", e.to_string())],
        };
        let tomograms = match tomograms(inputs, context) {
            Ok(tomograms) => tomograms,
            Err(e) => return vec![Finding::error("tomograms", e.to_string())],
        };
        let mut findings = Vec::new();
        if models.is_empty() {
            let hint = "draw shapes, or name a file of models";
            findings.push(Finding::error("models", "there is no shape").with_hint(hint));
        }
        for (number, model) in (1..).zip(&models) {
            if !tomograms.iter().any(|t| t.tilt_series == model.tilt_series) {
                let message = format!("model {number}: no tomogram of {}", model.tilt_series);
                findings.push(Finding::error("tomograms", message));
            }
            let spacing = model.spacing.unwrap_or(params.spacing.0);
            if let Err(e) = sample_shape(&model.shape, spacing, params.seed) {
                findings.push(Finding::error("models", format!("model {number}: {e}")));
            }
        }
        findings
    }

    fn cost(params: &Params, _: &Inputs, context: &Context) -> Cost {
        let count = models(params, context).map_or(0, |models| models.len()) as u64;
        Cost {
            memory: (64 << 20) + (count << 16),
            disk: (1 << 17) + (count << 14),
            cpu_seconds: 0.1 + count as f64 * 0.05,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomograms = tomograms(inputs, context)?;
        let models = models(params, context)?;
        let oriented = models
            .iter()
            .all(|m| !matches!(m.shape, Shape::Points { .. }));
        let mut set = PickSet::new(oriented, &["model"]);
        let (mut inside, mut outside) = (0, 0);
        for (number, model) in (1u32..).zip(&models) {
            thon_compute::check(context.progress())?;
            let wrong = || JobError::data(format!("no tomogram of {}", model.tilt_series));
            let of = tomograms
                .iter()
                .find(|t| t.tilt_series == model.tilt_series);
            let tomogram = of.ok_or_else(wrong)?;
            let spacing = model.spacing.unwrap_or(params.spacing.0);
            let seed = params.seed.wrapping_add(u64::from(number));
            let places = sample_shape(&model.shape, spacing, seed).map_err(stopped)?;
            for (at, place) in places.iter().enumerate() {
                let (voxel, rotation) = raised(place, params.height.0, tomogram);
                let [nz, ny, nx] = tomogram.grid.dims.map(|n| n as f64 - 0.5);
                let limit = DVec3::new(nx, ny, nz);
                if voxel.cmplt(DVec3::splat(-0.5)).any() || voxel.cmpge(limit).any() {
                    context.reject(
                        format!("model {number}, place {}", at + 1),
                        "outside the tomogram",
                    );
                    outside += 1;
                    continue;
                }
                set.add(tomogram, voxel, rotation, &[f64::from(number)]);
                inside += 1;
            }
        }
        if inside == 0 {
            return Err(JobError::data("no place of any shape lies in its tomogram"));
        }
        context.metric("particles", f64::from(inside));
        context.metric("places outside", f64::from(outside));
        let record = context.store::<ParticlesKind>("particles", &set.finish())?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Particles were placed on geometric models {} apart, oriented by them, in thon.",
                params.spacing
            ),
            citations: vec![Citation::new(
                "Castaño-Díez et al. 2017",
                "10.1016/j.jsb.2016.06.005",
            )],
        }
    }

    fn external_files(params: &Params, _: &Context) -> Result<Vec<PathBuf>, JobError> {
        Ok(params.file.iter().cloned().collect())
    }
}

/// The voxel of a place moved along its z axis, and its rotation.
fn raised(place: &Place, height: f64, tomogram: &Tomogram) -> (DVec3, DQuat) {
    let rotation = place.rotation.unwrap_or(DQuat::IDENTITY);
    let along = place
        .rotation
        .map_or(DVec3::ZERO, |rotation| rotation * DVec3::Z);
    let position = Point::from_vector(place.position + height * along);
    (tomogram.grid.index_of(position), rotation)
}

fn tomograms(inputs: &Inputs, context: &Context) -> Result<Vec<Tomogram>, JobError> {
    inputs
        .tomograms
        .items()
        .iter()
        .map(|item| context.load(item))
        .collect()
}

fn models(params: &Params, context: &Context) -> Result<Vec<Model>, JobError> {
    let mut models = params.models.clone();
    if let Some(file) = &params.file {
        let path = context.resolve(file);
        let text = std::fs::read_to_string(&path).map_err(|e| JobError::file(&path, e))?;
        let more: Vec<Model> = serde_json::from_str(&text).map_err(|e| JobError::file(&path, e))?;
        models.extend(more);
    }
    Ok(models)
}

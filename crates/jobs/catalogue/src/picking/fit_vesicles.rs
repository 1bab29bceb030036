//! Vesicles that oriented particles lie on.
//!
//! Kernel: `thon_pick::fit_vesicles`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thon_contract::kinds::{FileListing, FilesKind, ParticlesKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::Rotation;
use thon_geometry::glam::{DQuat, DVec3};
use thon_model::{CarriedColumn, ParticleSet};
use thon_pick::{Shape, Vesicle, VesicleOptions, fit_vesicles};
use thon_units::{Angstrom, Degrees};

use super::places::{places, set_findings, sets_cost};

/// Fit of vesicles.
pub(crate) struct FitVesicles;

/// Fit vesicles (spheres and ellipsoids) to particles on their walls.
///
/// Particles whose z axes come from one middle make a vesicle; those that lie on none are listed with the reason. Those that are kept carry
/// the number of their `vesicle`, their `distance` from its wall (Å, positive outside) and their `tilt` against its normal (degrees), and
/// may be turned so that z points outwards. The vesicles themselves are written as models for `particles.sample-geometry`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Smallest radius.
    pub least_radius: Angstrom,
    /// Largest radius.
    pub most_radius: Angstrom,
    /// Largest distance of a particle from the wall.
    pub tolerance: Angstrom,
    /// Largest angle between a particle's z axis and the normal.
    pub angle: Degrees,
    /// Fewest particles of a vesicle.
    #[schemars(range(min = 4))]
    pub least_particles: usize,
    /// Turn particles whose z axis points inwards by half a turn about x.
    pub outwards: bool,
    /// Pairs of particles that are tried for each vesicle.
    #[schemars(range(min = 10, max = 1_000_000), extend("x-level" = "expert"))]
    pub trials: usize,
    /// Seed of the pairs.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            least_radius: Angstrom(150.0),
            most_radius: Angstrom(3000.0),
            tolerance: Angstrom(40.0),
            angle: Degrees(30.0),
            least_particles: 12,
            outwards: true,
            trials: 2000,
            seed: 1,
        }
    }
}

/// Inputs of the fit.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Oriented particles.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the fit.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Particles on vesicles.
    particles: Output<ParticlesKind>,
    /// The vesicles, as models.
    models: Output<FilesKind>,
}

impl Job for FitVesicles {
    const ID: &'static str = "particles.fit-vesicles";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = set_findings("particles", &inputs.particles, context);
        let set = inputs
            .particles
            .single()
            .and_then(|item| context.load(item));
        if set.is_ok_and(|set| !set.oriented) {
            let message = "the particles have no orientations, which say where middles are";
            findings.push(Finding::error("particles", message));
        }
        let (least, most) = (params.least_radius.0, params.most_radius.0);
        if !(least > 0.0 && most > least && most.is_finite()) {
            let message = format!("expected a range above 0 Å, found {least} to {most}");
            findings.push(Finding::error("most_radius", message));
        }
        if !(params.tolerance.0 > 0.0 && params.tolerance.0 < least) {
            let message = "expected more than 0 Å and less than the smallest radius";
            findings.push(Finding::error("tolerance", message));
        }
        if !(params.angle.0 > 0.0 && params.angle.0 <= 90.0) {
            findings.push(Finding::error(
                "angle",
                "expected more than 0 and at most 90°",
            ));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let mut cost = sets_cost(&[&inputs.particles], context);
        cost.disk += 1 << 16;
        cost.cpu_seconds += params.trials as f64 * 1e-3;
        cost
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = context.load(inputs.particles.single()?)?;
        let options = VesicleOptions {
            radii: [params.least_radius.0, params.most_radius.0],
            tolerance: params.tolerance.0,
            angle: params.angle.radians().0,
            least: params.least_particles,
            trials: params.trials,
            seed: params.seed,
        };
        let mut of = vec![[0.0; 3]; set.len()];
        let mut models = Vec::new();
        for name in set.tilt_series_names.clone() {
            thon_compute::check(context.progress())?;
            let rows = set.rows_of(&name);
            for vesicle in fit_vesicles(&places(&set, &rows), &options) {
                models.push(json!({"tilt_series": name, "shape": shape(&vesicle)}));
                let number = models.len() as f64;
                for &member in &vesicle.members {
                    let row = rows[member];
                    let tilt = stand(&mut set, row, &vesicle, params.outwards);
                    let (distance, _) = vesicle.at(set.poses[row].position.xyz);
                    of[row] = [number, distance, tilt];
                }
            }
        }
        for (row, [number, ..]) in of.iter().enumerate() {
            if *number == 0.0 {
                context.reject(&set.names[row], "on the wall of no vesicle");
            }
        }
        let kept: Vec<usize> = (0..set.len()).filter(|&row| of[row][0] > 0.0).collect();
        if kept.is_empty() {
            return Err(JobError::Data {
                message: "no vesicle has enough particles on its wall".into(),
                hint: "allow smaller numbers, a larger distance from the wall or other radii"
                    .into(),
            });
        }
        for (at, label) in ["vesicle", "distance", "tilt"].into_iter().enumerate() {
            set.carried.columns.retain(|column| column.label != label);
            let values = of.iter().map(|row| format!("{:.4}", row[at])).collect();
            set.carried.columns.push(CarriedColumn {
                label: label.into(),
                values,
            });
        }
        context.metric("vesicles", models.len() as f64);
        context.metric("particles on vesicles", kept.len() as f64);
        let path = context.file("vesicles.json")?;
        let text = serde_json::to_vec_pretty(&models).map_err(|e| JobError::data(e.to_string()))?;
        std::fs::write(&path, text).map_err(|e| JobError::file(&path, e))?;
        let listing = FileListing {
            format: "models of particles.sample-geometry".into(),
            files: vec!["vesicles.json".into()],
            losses: Vec::new(),
        };
        let record = context.store::<ParticlesKind>("particles", &set.select(&kept))?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
            models: Output::of(vec![context.store::<FilesKind>("models", &listing)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text:
                "Vesicles were fitted to oriented particles by sequential sample consensus in thon."
                    .into(),
            citations: vec![Citation::new(
                "Fischler & Bolles 1981",
                "10.1145/358669.358692",
            )],
        }
    }
}

/// Angle of a particle to the normal, degrees; turned outwards first when asked for.
fn stand(set: &mut ParticleSet, row: usize, vesicle: &Vesicle, outwards: bool) -> f64 {
    let pose = &mut set.poses[row];
    let (_, normal) = vesicle.at(pose.position.xyz);
    let turn = pose.rotation.quaternion();
    let mut cosine = (turn * DVec3::Z).dot(normal);
    if outwards && cosine < 0.0 {
        let over = turn * DQuat::from_rotation_x(std::f64::consts::PI);
        pose.rotation = Rotation::from_quaternion(over);
        cosine = -cosine;
    }
    cosine.clamp(-1.0, 1.0).acos().to_degrees()
}

fn shape(vesicle: &Vesicle) -> Shape {
    let centre = vesicle.centre.to_array();
    let [a, b, c] = vesicle.semi_axes.to_array();
    if a == b && b == c {
        return Shape::Sphere { centre, radius: a };
    }
    Shape::Ellipsoid {
        centre,
        semi_axes: [a, b, c],
        rotation: Some(vesicle.rotation.to_array()),
    }
}

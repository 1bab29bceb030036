//! From particles to a part of them: re-centring on a point of the reference, and sub-boxing of its symmetry copies.
//!
//! A point x of the reference lies at R·g·x + p in the specimen, for every rotation g of the point group; there a particle of
//! orientation R·g begins. With C1 this is re-centring. Copies of one particle that fall together (x on an axis) are one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::ParticlesKind;
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::glam::{DQuat, DVec3};
use thon_geometry::{Point, Pose, Symmetry};
use thon_units::Angstrom;

use super::expand::{copies, oriented_findings, rows_cost, turned};

/// Parts of particles.
pub(crate) struct ParticleParts;

/// Centre particles on a point of their reference, once per symmetry copy of it.
///
/// With C1 the set is re-centred; with the point group of the particle its subunits become particles of their own, named
/// NAME_pK. Copies that fall on a neighbour, also one of another particle, are listed as rejected.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The point, Å from the centre of the reference, along x.
    pub x_offset: Angstrom,
    /// The same along y.
    pub y_offset: Angstrom,
    /// The same along z.
    pub z_offset: Angstrom,
    /// Point group whose copies of the point are wanted.
    pub symmetry: String,
    /// Turn every new particle so that the line from the old centre to the point becomes its z axis.
    pub point_along_z: bool,
    /// Parts closer to an earlier one than this are left out.
    pub minimum_distance: Angstrom,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            x_offset: Angstrom(0.0),
            y_offset: Angstrom(0.0),
            z_offset: Angstrom(0.0),
            symmetry: "C1".into(),
            point_along_z: false,
            minimum_distance: Angstrom(1.0),
        }
    }
}

/// Inputs of the change.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Refined particles.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The parts, those of one particle together.
    particles: Output<ParticlesKind>,
}

impl Job for ParticleParts {
    const ID: &'static str = "symmetry.parts";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = oriented_findings(&inputs.particles, context);
        if let Err(e) = params.symmetry.parse::<Symmetry>() {
            findings.push(Finding::error("symmetry", e.to_string()));
        }
        let point = point(params);
        if !point.is_finite() {
            findings.push(Finding::error("x_offset", "the point is not a number"));
        } else if params.point_along_z && point.length() < 1e-6 {
            let message = "the centre itself points nowhere";
            findings.push(Finding::error("point_along_z", message));
        }
        if params.minimum_distance.0.is_nan() || params.minimum_distance.0 < 0.0 {
            findings.push(Finding::error("minimum_distance", "expected 0 Å or more"));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let copies = (params.symmetry.parse()).map_or(1, |group: Symmetry| group.order());
        rows_cost(&inputs.particles, copies, context)
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let set = context.load(inputs.particles.single()?)?;
        thon_compute::check(context.progress())?;
        let group: Symmetry = (params.symmetry.parse())
            .map_err(|e: thon_geometry::SymmetryError| JobError::data(e.to_string()))?;
        let point = point(params);
        let towards = if params.point_along_z {
            DQuat::from_rotation_arc(DVec3::Z, point.normalize())
        } else {
            DQuat::IDENTITY
        };
        let parts = copies(&set, &group.rotations(), "p", |pose, &element| {
            let place = pose.place(Point::from_vector(element * point));
            Pose::new(turned(pose, element * towards), place)
        });
        let kept = apart(&parts, params.minimum_distance.0);
        for row in (0..parts.len()).filter(|row| kept.binary_search(row).is_err()) {
            context.reject(&parts.names[row], "it falls on an earlier part");
        }
        let parts = parts.select(&kept);
        context.metric("particles", parts.len() as f64);
        let stored = context.store::<ParticlesKind>("particles", &parts)?;
        Ok(Outputs {
            particles: Output::of(vec![stored]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Particles were centred on the point ({}, {}, {}) Å of their reference and its {} copies.",
                params.x_offset.0, params.y_offset.0, params.z_offset.0, params.symmetry
            ),
            citations: vec![Citation::new("Ilca et al. 2015", "10.1038/ncomms9843")],
        }
    }
}

fn point(params: &Params) -> DVec3 {
    DVec3::new(params.x_offset.0, params.y_offset.0, params.z_offset.0)
}

/// Rows that are at least a distance away from every earlier kept row of their tilt series.
fn apart(set: &thon_model::ParticleSet, distance: f64) -> Vec<usize> {
    let mut cells: std::collections::BTreeMap<(u32, [i64; 3]), Vec<usize>> =
        std::collections::BTreeMap::new();
    let edge = distance.max(1e-3);
    let mut kept = Vec::new();
    for row in 0..set.len() {
        let place = set.poses[row].position;
        let cell = (place.xyz / edge).floor().to_array().map(|c| c as i64);
        let near =
            (-1..=1).flat_map(|z| (-1..=1).flat_map(move |y| (-1..=1).map(move |x| [x, y, z])));
        let crowded = near.into_iter().any(|step: [i64; 3]| {
            let beside = std::array::from_fn(|i| cell[i].saturating_add(step[i]));
            let others = cells.get(&(set.tilt_series[row], beside));
            others.is_some_and(|rows| {
                (rows.iter()).any(|&other| set.poses[other].position.distance(place) < distance)
            })
        });
        if !crowded {
            cells
                .entry((set.tilt_series[row], cell))
                .or_default()
                .push(row);
            kept.push(row);
        }
    }
    kept
}

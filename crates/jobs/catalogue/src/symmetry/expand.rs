//! Symmetry expansion: every particle once per rotation of its point group.
//!
//! With a reference of symmetry G, the orientations R·g for all g in G show the same reference. Listing them all lets what
//! breaks the symmetry be classified or refined locally. (Scheres 2016, Methods Enzymol. 579:125; `relion_particle_symmetry_expand`.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::ParticlesKind;
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_geometry::glam::DQuat;
use thon_geometry::{Pose, Rotation, Symmetry};
use thon_model::ParticleSet;

/// Symmetry expansion.
pub(crate) struct ExpandSymmetry;

/// List every particle once per rotation of its point group.
///
/// Copy k of a particle is named NAME_sK. Half sets stay, so that copies of a particle never meet their original in the
/// other half. What is refined afterwards must be searched locally and without symmetry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Point group of the reference, RELION's names.
    pub symmetry: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            symmetry: "C2".into(),
        }
    }
}

/// Inputs of the expansion.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Refined particles.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the expansion.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The copies, those of one particle together.
    particles: Output<ParticlesKind>,
}

impl Job for ExpandSymmetry {
    const ID: &'static str = "symmetry.expand";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = oriented_findings(&inputs.particles, context);
        match params.symmetry.parse::<Symmetry>() {
            Err(e) => findings.push(Finding::error("symmetry", e.to_string())),
            Ok(group) if group.order() == 1 => {
                findings.push(Finding::warning("symmetry", "C1 leaves the set as it is"));
            }
            Ok(_) => {}
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
        let expanded = copies(&set, &group.rotations(), "s", |pose, &element| {
            Pose::new(turned(pose, element), pose.position)
        });
        context.metric("particles", expanded.len() as f64);
        let stored = context.store::<ParticlesKind>("particles", &expanded)?;
        Ok(Outputs {
            particles: Output::of(vec![stored]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!("Particles were expanded by {} symmetry.", params.symmetry),
            citations: vec![Citation::new("Scheres 2016", "10.1016/bs.mie.2016.04.012")],
        }
    }
}

/// The orientation of a particle whose reference was turned by an element of its group.
pub(super) fn turned(
    pose: &Pose,
    element: DQuat,
) -> Rotation<thon_geometry::Particle, thon_geometry::Specimen> {
    Rotation::from_quaternion(pose.rotation.quaternion() * element)
}

/// A set with one copy of every particle per entry of a list, named after the particle, a letter and the entry from 1.
pub(super) fn copies<T>(
    set: &ParticleSet,
    list: &[T],
    letter: &str,
    place: impl Fn(&Pose, &T) -> Pose,
) -> ParticleSet {
    let rows: Vec<usize> = (0..set.len())
        .flat_map(|row| std::iter::repeat_n(row, list.len()))
        .collect();
    let mut made = set.select(&rows);
    for (i, pose) in made.poses.iter_mut().enumerate() {
        *pose = place(pose, &list[i % list.len()]);
    }
    if list.len() > 1 {
        for (i, name) in made.names.iter_mut().enumerate() {
            *name = format!("{name}_{letter}{}", i % list.len() + 1);
        }
    }
    made
}

/// What is wrong with particles whose orientations are needed.
pub(super) fn oriented_findings(
    particles: &Artifact<ParticlesKind>,
    context: &Context,
) -> Vec<Finding> {
    let loaded = particles.single().and_then(|item| context.load(item));
    match loaded {
        Err(e) => vec![Finding::error("particles", e.to_string())],
        Ok(set) if set.is_empty() => vec![Finding::error("particles", "the set is empty")],
        Ok(set) if !set.oriented => {
            let finding = Finding::error("particles", "the particles have no orientations");
            vec![finding.with_hint("refine them first")]
        }
        Ok(_) => Vec::new(),
    }
}

/// Needs of a job that writes `copies` rows for every row it reads.
pub(super) fn rows_cost(
    particles: &Artifact<ParticlesKind>,
    copies: usize,
    context: &Context,
) -> Cost {
    let rows = (particles.single().and_then(|item| context.load(item))).map_or(0, |set| set.len());
    let rows = (rows * copies) as u64;
    Cost {
        memory: PROCESS_MEMORY + 2048 * rows,
        disk: (1 << 14) + 512 * rows,
        cpu_seconds: 0.02 + rows as f64 * 5e-6,
    }
}

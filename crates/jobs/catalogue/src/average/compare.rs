//! How far the poses of two particle sets are apart: with the truth, or between two refinements.
//!
//! Kernel: `thon_average::compare_poses`. Particles are matched by name; references may differ by a rotation and a shift, which
//! are found and taken off.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_average::{PlacedAt, PoseAgreement, compare_poses};
use thon_contract::kinds::{Column, Curves, CurvesKind, ParticlesKind};
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_geometry::Symmetry;
use thon_model::ParticleSet;

/// Comparison.
pub(crate) struct CompareParticles;

/// Compare the poses of two particle sets, whatever the frames of their references.
///
/// Angles and distances that are left for each particle once both references are brought together; particles that only one
/// set has are listed as rejected.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Point group of the reference, RELION's names: angles are counted to the nearest symmetry copy.
    pub symmetry: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            symmetry: "C1".into(),
        }
    }
}

/// Inputs of a comparison.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// What they are compared with.
    reference: Artifact<ParticlesKind>,
}

/// Outputs of a comparison.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The differences, smallest first, and their medians.
    differences: Output<CurvesKind>,
}

impl Job for CompareParticles {
    const ID: &'static str = "particles.compare";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Err(e) = params.symmetry.parse::<Symmetry>() {
            findings.push(Finding::error("symmetry", e.to_string()));
        }
        for (slot, particles) in [
            ("particles", &inputs.particles),
            ("reference", &inputs.reference),
        ] {
            match particles.single().and_then(|item| context.load(item)) {
                Err(e) => findings.push(Finding::error(slot, e.to_string())),
                Ok(set) if set.is_empty() => {
                    findings.push(Finding::error(slot, "the set is empty"));
                }
                Ok(set) if !set.oriented => {
                    findings.push(Finding::error(slot, "the particles have no orientations"));
                }
                Ok(_) => {}
            }
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let loaded = inputs
            .particles
            .single()
            .and_then(|item| context.load(item));
        let rows = loaded.map_or(0, |set| set.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY + 4096 * rows,
            disk: (1 << 13) + 64 * rows,
            cpu_seconds: 0.02 + rows as f64 * 1e-5,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let set = context.load(inputs.particles.single()?)?;
        let reference = context.load(inputs.reference.single()?)?;
        thon_compute::check(context.progress())?;
        let group: Symmetry = (params.symmetry.parse())
            .map_err(|e: thon_geometry::SymmetryError| JobError::data(e.to_string()))?;
        let pairs = matched(&set, &reference, context);
        let of = |set: &ParticleSet, row: usize| PlacedAt {
            rotation: set.poses[row].rotation.quaternion(),
            position: set.poses[row].position.xyz,
        };
        let ours: Vec<PlacedAt> = pairs.iter().map(|&(row, _)| of(&set, row)).collect();
        let theirs: Vec<PlacedAt> = pairs.iter().map(|&(_, row)| of(&reference, row)).collect();
        let found = compare_poses(&ours, &theirs, &group.rotations());
        let found = found.ok_or_else(|| JobError::Data {
            message: "no particle is in both sets".into(),
            hint: "particles are matched by name".into(),
        })?;
        let table = table(&found);
        for (name, value) in &table.facts {
            context.metric(name, *value);
        }
        let stored = context.store::<CurvesKind>("differences", &table)?;
        Ok(Outputs {
            differences: Output::of(vec![stored]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text:
                "Poses of two particle sets were compared after their frames were brought together."
                    .into(),
            citations: Vec::new(),
        }
    }
}

/// Rows of the particles that both sets have, matched by name.
fn matched(set: &ParticleSet, reference: &ParticleSet, context: &Context) -> Vec<(usize, usize)> {
    let rows: BTreeMap<&str, usize> = (reference.names.iter().enumerate())
        .map(|(row, name)| (name.as_str(), row))
        .collect();
    let mut pairs = Vec::new();
    for (row, name) in set.names.iter().enumerate() {
        match rows.get(name.as_str()) {
            Some(&other) => pairs.push((row, other)),
            None => context.reject(name, "it is not in the set that is compared with"),
        }
    }
    pairs
}

fn table(found: &PoseAgreement) -> Curves {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let angles: Vec<f64> = sorted(&found.angles)
        .iter()
        .map(|a| a.to_degrees())
        .collect();
    let distances = sorted(&found.distances);
    let at =
        |values: &[f64], share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    let frame = 2.0 * found.frame.w.abs().min(1.0).acos();
    let far = angles.iter().filter(|a| **a > 10.0).count() as f64 / angles.len() as f64;
    let facts = [
        ("particles", angles.len() as f64),
        ("angle, median (°)", at(&angles, 0.5)),
        ("angle, 90 % (°)", at(&angles, 0.9)),
        ("angle above 10° (%)", 100.0 * far),
        ("distance, median (Å)", at(&distances, 0.5)),
        ("distance, 90 % (Å)", at(&distances, 0.9)),
        ("frames: angle (°)", frame.to_degrees()),
        ("frames: shift (Å)", found.frame_shift.length()),
    ];
    let share = (0..angles.len()).map(|i| (i + 1) as f64 / angles.len() as f64);
    Curves {
        title: "Differences of poses".into(),
        columns: vec![
            Column::new("share of the particles", "", share),
            Column::new("angle", "°", angles.iter().copied()),
            Column::new("distance", "Å", distances.iter().copied()),
        ],
        facts: facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

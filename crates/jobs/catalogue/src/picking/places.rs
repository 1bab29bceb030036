//! Particles of one tilt series as places for the pruning kernels; what is wrong with lengths and angles asked for.

use thon_contract::kinds::ParticlesKind;
use thon_contract::{Artifact, Context, Cost, Finding, JobError};
use thon_geometry::Symmetry;
use thon_geometry::glam::DQuat;
use thon_model::ParticleSet;
use thon_pick::Place;
use thon_units::{Angstrom, Degrees};

/// The places of some rows.
pub(super) fn places(set: &ParticleSet, rows: &[usize]) -> Vec<Place> {
    let place = |&row: &usize| Place {
        position: set.poses[row].position.xyz,
        rotation: set.oriented.then(|| set.poses[row].rotation.quaternion()),
    };
    rows.iter().map(place).collect()
}

/// The rotations that change nothing about a particle.
pub(super) fn rotations(symmetry: &str) -> Result<Vec<DQuat>, JobError> {
    let group: Symmetry = symmetry
        .parse()
        .map_err(|e: thon_geometry::SymmetryError| JobError::data(e.to_string()))?;
    Ok(group.rotations())
}

/// What is wrong with a radius, an angle and a point group.
pub(super) fn agreement_findings(
    radius: Angstrom,
    angle: Option<Degrees>,
    symmetry: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !(radius.0 > 0.0 && radius.0.is_finite()) {
        findings.push(Finding::error(
            "radius",
            format!("expected a length above 0 Å, found {radius}"),
        ));
    }
    if let Some(angle) = angle
        && !(angle.0 > 0.0 && angle.0 <= 180.0)
    {
        findings.push(Finding::error(
            "angle",
            format!("expected 0 to 180°, found {angle}"),
        ));
    }
    if let Err(e) = symmetry.parse::<Symmetry>() {
        findings.push(Finding::error("symmetry", e.to_string()));
    }
    findings
}

/// What is wrong with a set that must hold something.
pub(super) fn set_findings(
    slot: &str,
    particles: &Artifact<ParticlesKind>,
    context: &Context,
) -> Vec<Finding> {
    match particles.single().and_then(|item| context.load(item)) {
        Err(e) => vec![Finding::error(slot, e.to_string())],
        Ok(set) if set.is_empty() => vec![Finding::error(slot, "the set is empty")],
        Ok(_) => Vec::new(),
    }
}

/// Needs of a job that reads sets and writes one of them.
pub(super) fn sets_cost(sets: &[&Artifact<ParticlesKind>], context: &Context) -> Cost {
    let length = |set: &&Artifact<ParticlesKind>| {
        set.items()
            .iter()
            .filter_map(|item| context.load(item).ok())
            .map(|s| s.len())
            .sum::<usize>()
    };
    let rows = sets.iter().map(length).sum::<usize>() as u64;
    Cost {
        memory: (16 << 20) + 8192 * rows,
        disk: (1 << 17) + 512 * rows,
        cpu_seconds: 0.1 + rows as f64 * 2e-5,
    }
}

//! Particles of tilt series that were aligned again: carried into the specimen frame of the new alignment.
//!
//! The images are the same, so a particle must appear in each of them where it did. See `thon_geometry::transfer`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_geometry::{TiltGeometry, Transferred};
use thon_model::{ParticleSet, TiltSeries};
use thon_units::{Angstrom, Radians};

use super::{SeriesByName, load_particles};
use crate::tilt_images::alignment_findings;

/// Change of alignment.
pub(crate) struct CarryOver;

/// Carry particles from one alignment of their tilt series to another.
///
/// Every particle goes where the images show it, in the specimen frame of the new alignment, and its orientation with it.
/// Particles on whose place the alignments disagree by more than the limit are left out, and listed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Largest root mean square distance between old and new projections (Å).
    pub largest_residual: Angstrom,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            largest_residual: Angstrom(200.0),
        }
    }
}

/// Inputs of the change.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles, in the frame of the old alignment.
    particles: Artifact<ParticlesKind>,
    /// The tilt series as the particles know them.
    old_tilt_series: Artifact<TiltSeriesKind>,
    /// The same tilt series in the new alignment.
    tilt_series: Artifact<TiltSeriesKind>,
}

/// Outputs of the change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles in the frame of the new alignment.
    particles: Output<ParticlesKind>,
}

impl Job for CarryOver {
    const ID: &'static str = "particles.carry-over";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !(params.largest_residual.0 > 0.0 && params.largest_residual.0.is_finite()) {
            findings.push(Finding::error(
                "largest_residual",
                "expected a length above 0 Å",
            ));
        }
        match load(inputs, context) {
            Err(e) => findings.push(Finding::error("particles", e.to_string())),
            Ok((_, _, set)) if set.is_empty() => {
                findings.push(Finding::error("particles", "the set is empty"));
            }
            Ok((old, new, set)) => {
                let names = set.tilt_series_names.iter();
                findings.extend(names.flat_map(|name| series_findings(name, &old, &new)));
            }
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let particles = load(inputs, context).map_or(0, |(_, _, set)| set.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY + 8192 * particles,
            disk: 512 * particles,
            cpu_seconds: 0.1 + particles as f64 * 1e-4,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (old, new, set) = load(inputs, context)?;
        let (mut kept, mut moved) = (Vec::new(), Vec::new());
        for row in 0..set.len() {
            thon_compute::check(context.progress())?;
            let name = &set.tilt_series_names[set.tilt_series[row] as usize];
            let views = pairs(&old[name], &new[name]);
            match thon_geometry::transfer(set.poses[row], &views) {
                None => context.reject(&set.names[row], "the views do not determine its place"),
                Some(found) if found.residual > params.largest_residual.0 => {
                    let reason = format!("the alignments differ by {:.1} Å there", found.residual);
                    context.reject(&set.names[row], reason);
                }
                Some(found) => {
                    kept.push(row);
                    moved.push(found);
                }
            }
        }
        let carried = carried(&set, &kept, &moved);
        if carried.is_empty() {
            return Err(JobError::Data {
                message: "no particle could be carried over".into(),
                hint: "are these two alignments of the same images?".into(),
            });
        }
        let rms = |of: fn(&Transferred) -> f64| {
            (moved.iter().map(|found| of(found).powi(2)).sum::<f64>() / moved.len() as f64).sqrt()
        };
        context.metric(
            "distance of projections, rms (Å)",
            rms(|found| found.residual),
        );
        context.metric(
            "spread of orientations over views, rms (°)",
            Radians(rms(|found| found.spread)).degrees().0,
        );
        let record = context.store::<ParticlesKind>("particles", &carried)?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Particles were carried into the frame of the new alignment by their places in the images."
                .into(),
            citations: Vec::new(),
        }
    }
}

fn load(
    inputs: &Inputs,
    context: &Context,
) -> Result<(SeriesByName, SeriesByName, ParticleSet), JobError> {
    let (new, set) = load_particles(Some(&inputs.tilt_series), &inputs.particles, context)?;
    let (old, _) = load_particles(Some(&inputs.old_tilt_series), &inputs.particles, context)?;
    Ok((old, new, set))
}

fn series_findings(name: &str, old: &SeriesByName, new: &SeriesByName) -> Vec<Finding> {
    let absent = |slot: &str| {
        vec![Finding::error(
            slot,
            format!("particles of {name}, but no tilt series of this name"),
        )]
    };
    let Some(before) = old.get(name) else {
        return absent("old_tilt_series");
    };
    let Some(after) = new.get(name) else {
        return absent("tilt_series");
    };
    if before.images.len() != after.images.len() {
        let message = format!(
            "{name}: expected the {} images of the old alignment, found {}",
            before.images.len(),
            after.images.len()
        );
        return vec![Finding::error("tilt_series", message)];
    }
    alignment_findings(before)
        .into_iter()
        .chain(alignment_findings(after))
        .collect()
}

/// Geometry before and after of the images that both use.
fn pairs(old: &TiltSeries, new: &TiltSeries) -> Vec<(TiltGeometry, TiltGeometry)> {
    let images = old.images.iter().zip(&new.images);
    let used = images.filter(|(before, after)| before.is_used() && after.is_used());
    used.filter_map(|(before, after)| before.geometry.zip(after.geometry))
        .collect()
}

/// The kept rows at their new poses; stored boxes turn with their particles.
fn carried(set: &ParticleSet, kept: &[usize], moved: &[Transferred]) -> ParticleSet {
    let mut out = set.select(kept);
    let in_box: Vec<_> = (0..out.len()).map(|row| out.pose_in_box(row)).collect();
    for (row, found) in moved.iter().enumerate() {
        let turn =
            found.pose.rotation.quaternion() * out.poses[row].rotation.quaternion().conjugate();
        out.poses[row] = found.pose;
        let Some((cut, placed)) = out
            .images
            .as_mut()
            .and_then(|images| images.boxes.get_mut(row))
            .zip(in_box[row])
        else {
            continue;
        };
        cut.rotation = thon_geometry::Rotation::from_quaternion(turn * cut.rotation.quaternion());
        let offset = cut.rotation.quaternion() * placed.position.xyz;
        cut.position = found.pose.position.translated(-offset);
    }
    out
}

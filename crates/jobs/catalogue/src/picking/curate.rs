//! Picks as a person left them: added, moved, accepted, rejected.
//!
//! The edits are made in the browser or by `thon curate`; what they come to says `thon_model::Edits`. Positions are Å in the
//! specimen frame of their tilt series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{EditsKind, ParticlesKind};
use thon_contract::{Artifact, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::{Point, Pose, Rotation};
use thon_model::{AddedPoint, Curated, Decision, Edits, Half, ParticleSet};

use super::places::sets_cost;

/// Curation.
pub(crate) struct CurateParticles;

/// Make a particle set of what was picked and decided by hand.
///
/// Edits are made on the page, over a tomogram, or by `thon curate`. Rejected particles are listed as such. Points that were added
/// come after the particles of the set; they have no orientation yet, and are shared out among halves in turn where the set has
/// halves.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Keep only what was accepted; otherwise also what nothing was decided about.
    pub accepted_only: bool,
}

/// Inputs of the curation.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles that were looked at; nothing when all points were added by hand.
    particles: Option<Artifact<ParticlesKind>>,
    /// What was decided.
    edits: Artifact<EditsKind>,
}

/// Outputs of the curation.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles that are left, and those that were added.
    particles: Output<ParticlesKind>,
}

impl Job for CurateParticles {
    const ID: &'static str = "particles.curate";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let refused = |e: &dyn std::fmt::Display| vec![Finding::error("edits", e.to_string())];
        let (set, edits) = match loaded(inputs, context) {
            Ok(found) => found,
            Err(e) => return refused(&e),
        };
        let found = match edits.curated() {
            Ok(found) => found,
            Err(e) => return refused(&e),
        };
        let kept = kept(&set, &found, params.accepted_only).len();
        let mut findings = Vec::new();
        if kept + found.added.len() == 0 {
            findings.push(Finding::error("edits", "no particle is left"));
        }
        if set.images.is_some() && !found.added.is_empty() {
            let message = "points were added to a set with stored images, and have none";
            let hint = "curate the set that the images were cut out for";
            findings.push(Finding::error("edits", message).with_hint(hint));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let sets: Vec<&Artifact<ParticlesKind>> = inputs.particles.iter().collect();
        let mut cost = sets_cost(&sets, context);
        let edits = inputs.edits.single().and_then(|item| context.load(item));
        let added = edits.map_or(0, |edits| edits.edits.len()) as u64;
        cost.memory += 8192 * added;
        cost.disk += 512 * added;
        cost
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (set, edits) = loaded(inputs, context)?;
        let curated = edits.curated().map_err(|e| JobError::data(e.to_string()))?;
        let kept = kept(&set, &curated, params.accepted_only);
        for row in 0..set.len() {
            if kept.binary_search(&row).is_err() {
                let rejected = curated.decisions.get(&(row as u32)) == Some(&Decision::Rejected);
                let reason = if rejected {
                    "rejected by hand"
                } else {
                    "not accepted by hand"
                };
                context.reject(&set.names[row], reason);
            }
        }
        let mut out = set.select(&kept);
        for (row, &from) in kept.iter().enumerate() {
            if let Some(place) = curated.moved.get(&(from as u32)) {
                move_to(&mut out, row, *place);
            }
        }
        thon_compute::check(context.progress())?;
        add(&mut out, &curated.added, context);
        context.metric("particles kept", kept.len() as f64);
        context.metric("particles rejected", (set.len() - kept.len()) as f64);
        context.metric("particles moved", curated.moved.len() as f64);
        context.metric("particles added", curated.added.len() as f64);
        let record = context.store::<ParticlesKind>("particles", &out)?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Particles were picked and curated by hand.".into(),
            citations: Vec::new(),
        }
    }
}

/// The set, empty when there is none, and the edits, which must be about it.
fn loaded(inputs: &Inputs, context: &Context) -> Result<(ParticleSet, Edits), JobError> {
    let edits = context.load(inputs.edits.single()?)?;
    let item = inputs
        .particles
        .as_ref()
        .map(Artifact::single)
        .transpose()?;
    let wrong = |message: &str, hint: &str| JobError::Data {
        message: message.into(),
        hint: hint.into(),
    };
    let set = match (item, &edits.particles) {
        (None, None) => ParticleSet::default(),
        (None, Some(_)) => {
            let hint = "give as `particles` the set that was curated";
            return Err(wrong("the edits are about a set, and none is given", hint));
        }
        (Some(_), None) => {
            let hint = "leave `particles` empty, and join the sets afterwards";
            return Err(wrong("the edits are about no set, and one is given", hint));
        }
        (Some(item), Some(about)) => {
            let set = context.load(item)?;
            if item.record.digest != about.digest || set.len() != about.count as usize {
                let hint = "give as `particles` the set that was curated";
                return Err(wrong("the edits are about another set", hint));
            }
            set
        }
    };
    Ok((set, edits))
}

/// Rows of the set that stay.
fn kept(set: &ParticleSet, curated: &Curated, accepted_only: bool) -> Vec<usize> {
    let stays = |row: &usize| match curated.decisions.get(&(*row as u32)) {
        Some(Decision::Accepted) => true,
        Some(Decision::Rejected) => false,
        None => !accepted_only,
    };
    (0..set.len()).filter(stays).collect()
}

/// Moves a particle; a box that was cut for it stays where it is.
fn move_to(set: &mut ParticleSet, row: usize, place: [f64; 3]) {
    let place = Point::new(place[0], place[1], place[2]);
    if set.images.is_some() {
        // Boxes that lay on their particles get a place of their own.
        if let Some(pose) = set.pose_in_box(row) {
            set.set_pose_in_box(row, pose);
        }
        let cut = set
            .images
            .as_ref()
            .and_then(|images| images.boxes.get(row).copied());
        if let Some(cut) = cut {
            let back = cut.rotation.quaternion().conjugate();
            let turn = set.poses[row].rotation.quaternion();
            let offset = back * (place.xyz - cut.position.xyz);
            let rotation = Rotation::from_quaternion(back * turn);
            set.set_pose_in_box(row, Pose::new(rotation, Point::from_vector(offset)));
        }
        return;
    }
    set.poses[row].position = place;
}

/// Adds points after the particles of a set, with something in every column that the set has.
fn add(set: &mut ParticleSet, points: &[AddedPoint], context: &Context) {
    if points.is_empty() {
        return;
    }
    let before = set.len();
    if set.oriented {
        context.warn(format!(
            "{} added points have no orientation: they got that of the reference",
            points.len()
        ));
    }
    let grouped = points.iter().any(|point| point.class.is_some());
    if grouped && set.classes.is_empty() {
        set.classes = vec![1; before];
    }
    let halved = !set.halves.is_empty();
    let of_their_own = set.classes.iter().max().map_or(1, |most| most + 1);
    let mut known: std::collections::BTreeSet<String> = set.names.iter().cloned().collect();
    for (index, point) in points.iter().enumerate() {
        let series = set
            .tilt_series_names
            .iter()
            .position(|name| *name == point.tilt_series);
        let series = series.unwrap_or_else(|| {
            set.tilt_series_names.push(point.tilt_series.clone());
            set.tilt_series_names.len() - 1
        });
        let mut name = format!("{}-by-hand-{}", point.tilt_series, point.particle + 1);
        while !known.insert(name.clone()) {
            name.push('a');
        }
        set.names.push(name);
        set.tilt_series.push(series as u32);
        let [x, y, z] = point.position;
        set.poses
            .push(Pose::new(Rotation::identity(), Point::new(x, y, z)));
        if halved {
            set.halves
                .push(if index % 2 == 0 { Half::One } else { Half::Two });
        }
        if grouped || !set.classes.is_empty() {
            set.classes.push(point.class.unwrap_or(of_their_own));
        }
    }
    for column in &mut set.carried.columns {
        let numbers = column
            .values
            .iter()
            .all(|value| value.parse::<f64>().is_ok());
        let nothing = if numbers { "nan" } else { "" };
        column.values.resize(before + points.len(), nothing.into());
    }
}

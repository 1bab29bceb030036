//! Classes of projections with in-plane search.
//!
//! Kernel: `thon_classify::two_dimensional` (Scheres 2012, J. Struct. Biol. 180:519; steps 15 and 16 of Bharat & Scheres
//! 2016). Every round is kept, so that an interrupted classification goes on where it was. In-plane rotations and shifts
//! are those of a projection along the z axis of its box; those of subtomograms stay as they came.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_classify::two_dimensional::{ClassOptions, Classification, State};
use thon_contract::kinds::{
    Curves, CurvesKind, FileListing, FilesKind, ParticlesKind, PictureKind,
};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_geometry::glam::DQuat;
use thon_geometry::{Point, Pose, Rotation};
use thon_images::mrc::write_stack;
use thon_model::{ParticleSet, RepresentationKind};

use super::class_curves::{assignment_curves, class_curves, noise_curves, round_curves};
use super::montage::montage;
use super::particle_boxes::{boxes, findings, load};
use super::projections::Projections;
use super::rounds::RoundProgress;
use super::stopped;

/// Classification of projections.
pub(crate) struct Class2d;

/// Sort particles by the classes of their projections, without a reference.
///
/// Takes stacks of projections, or subtomograms, whose projections along z it makes as it reads them. Good particles,
/// gold beads and empty boxes end in classes of their own; take the particles of the good ones on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Classes, mask, resolution.
    pub options: ClassOptions,
}

/// Inputs of the classification.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Particles with projections, or with subtomograms.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the classification.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles with their classes, the largest class first, and in-plane poses.
    particles: Output<ParticlesKind>,
    /// The class averages as a stack, section k for class k.
    class_averages: Output<FilesKind>,
    /// Signal-to-noise ratio of every class average; sizes and resolutions.
    classes: Output<CurvesKind>,
    /// What every particle was found to be.
    assignments: Output<CurvesKind>,
    /// Power of the noise of each tilt series, per pixel of the images as they were compared.
    noise: Output<CurvesKind>,
    /// What every round changed.
    rounds: Output<CurvesKind>,
    /// The class averages drawn.
    pictures: Output<PictureKind>,
}

/// Name of the kept step, and of its file.
const STEP: &str = "round";
const STATE: &str = "state.json";

impl Job for Class2d {
    const ID: &'static str = "classification.class-2d";
    const VERSION: u32 = 2;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let particles = match load(&inputs.particles, context) {
            Ok(particles) => particles,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        if particles.is_empty() {
            return vec![Finding::error("particles", "the set is empty")];
        }
        let images = match boxes(&particles) {
            Ok(images) => images,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        if images.kind == RepresentationKind::TiltStack {
            let message = "they are stacks of tilt images; this job sorts projections";
            let hint = "write subtomograms or projections of them first";
            return vec![Finding::error("particles", message).with_hint(hint)];
        }
        let mut found = findings(images, context);
        if let Err(e) = params.options.check(images.box_size, images.pixel_size.0) {
            found.push(Finding::error("options", e.to_string()));
        }
        if particles.len() < 2 * params.options.classes {
            let message = format!(
                "{} particles: expected at least {} for {} classes",
                particles.len(),
                2 * params.options.classes,
                params.options.classes
            );
            found.push(
                Finding::error("options.classes", message).with_hint("ask for fewer classes"),
            );
        }
        found
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let particles = load(&inputs.particles, context).ok();
        let images = particles.as_ref().and_then(|set| set.images.as_ref());
        let Some((images, count)) = images.zip(particles.as_ref().map(ParticleSet::len)) else {
            return Cost::default();
        };
        let n = images.box_size as u64;
        let needs = params
            .options
            .needs(count, images.box_size, images.pixel_size.0)
            .ok();
        let (memory, seconds) = needs.map_or((0, 0.0), |needs| (needs.memory, needs.cpu_seconds));
        let volume = if images.kind == RepresentationKind::Volume {
            n.pow(3)
        } else {
            0
        };
        Cost {
            // Images and their transfers; a volume and its own.
            memory: PROCESS_MEMORY + memory + 6 * n * n * count as u64 + 12 * volume,
            disk: (1 << 18) + 4 * n * n * params.options.classes as u64 + 400 * count as u64,
            cpu_seconds: 0.2 + seconds + (volume * count as u64) as f64 * 2e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut particles = load(&inputs.particles, context)?;
        let source = Projections::read(&particles, params.options.ctf, context)?;
        let mut classification = begun(&source, &params.options, context)?;
        while !classification.is_done() {
            let progress = RoundProgress {
                whole: context.progress(),
                done: params.options.iterations - classification.rounds_left(),
                rounds: params.options.iterations,
            };
            classification.advance(&progress).map_err(stopped)?;
            keep(classification.state(), context)?;
        }
        let state = classification.by_size();
        let size = boxes(&particles)?.pixel_size.0;
        let resolutions: Vec<Option<f64>> = state
            .averages
            .iter()
            .map(|a| classification.resolution(a))
            .collect();
        let n = boxes(&particles)?.box_size;
        place(&mut particles, &state);
        let labelled: Vec<(&[f32], String)> = (state.averages.iter().zip(&resolutions).enumerate())
            .map(|(k, (average, resolution))| {
                let period = resolution.map_or_else(|| "no signal".into(), |r| format!("{r:.0} Å"));
                (
                    average.image.as_slice(),
                    format!("{}: {:.0}, {period}", k + 1, average.images),
                )
            })
            .collect();
        let picture = montage(&labelled, n).to_png();
        let store = |name: &str, curves: &Curves| context.store::<CurvesKind>(name, curves);
        Ok(Outputs {
            class_averages: Output::of(vec![averages(&state, n, size, context)?]),
            classes: Output::of(vec![store(
                "classes",
                &class_curves(&state, &resolutions, n as f64 * size),
            )?]),
            assignments: Output::of(vec![store(
                "assignments",
                &assignment_curves(&state, size),
            )?]),
            noise: Output::of(vec![store(
                "noise",
                &noise_curves(&state, &particles.tilt_series_names, n, size),
            )?]),
            rounds: Output::of(vec![store("rounds", &round_curves(&state, size))?]),
            particles: Output::of(vec![
                context.store::<ParticlesKind>("particles", &particles)?,
            ]),
            pictures: Output::of(vec![
                context.store::<PictureKind>("class_averages", &picture)?,
            ]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Projections of subtomograms were sorted into {} classes by regularised likelihood in {} rounds, with \
                 T = {} and periods down to {} Å.",
                params.options.classes,
                params.options.iterations,
                params.options.regularisation,
                params.options.resolution.0
            ),
            citations: vec![
                Citation::new("Scheres 2012", "10.1016/j.jsb.2012.09.006"),
                Citation::new("Bharat & Scheres 2016", "10.1038/nprot.2016.124"),
            ],
        }
    }
}

/// A classification from the start, or from where an interrupted attempt was.
fn begun<'a>(
    source: &'a Projections,
    options: &ClassOptions,
    context: &Context,
) -> Result<Classification<'a>, JobError> {
    let Some(directory) = context.kept(STEP)? else {
        return Classification::start(source, options.clone(), context.progress()).map_err(stopped);
    };
    let path = directory.join(STATE);
    let text = std::fs::read(&path).map_err(|e| JobError::file(&path, e))?;
    let state: State = serde_json::from_slice(&text).map_err(|e| JobError::file(&path, e))?;
    Classification::resume(source, options.clone(), state).map_err(stopped)
}

fn keep(state: &State, context: &Context) -> Result<(), JobError> {
    context.keep(STEP, |directory| {
        let path = directory.join(STATE);
        let text = serde_json::to_vec(state).map_err(|e| JobError::file(&path, e))?;
        std::fs::write(&path, text).map_err(|e| JobError::file(&path, e))
    })?;
    Ok(())
}

/// Classes from 1; for projections the pose in the box as well.
fn place(particles: &mut ParticleSet, state: &State) {
    particles.classes = state.assignments.iter().map(|a| a.class + 1).collect();
    let Some((kind, pixel)) = particles.images.as_ref().map(|i| (i.kind, i.pixel_size.0)) else {
        return;
    };
    if kind != RepresentationKind::Projection {
        return;
    }
    for (row, assignment) in state.assignments.iter().enumerate() {
        let [x, y] = assignment.shift.map(|s| s * pixel);
        let turn = Rotation::from_quaternion(DQuat::from_rotation_z(assignment.angle));
        particles.set_pose_in_box(row, Pose::new(turn, Point::new(x, y, 0.0)));
    }
    particles.oriented = true;
}

/// Writes the averages as a stack.
fn averages(
    state: &State,
    n: usize,
    pixel_size: f64,
    context: &Context,
) -> Result<thon_contract::ItemRecord, JobError> {
    let file = "class_averages.mrcs";
    let path = context.file(file)?;
    let values: Vec<f32> = state
        .averages
        .iter()
        .flat_map(|a| a.image.iter().copied())
        .collect();
    write_stack(
        &path,
        &values,
        [state.averages.len(), n, n],
        Some(pixel_size),
    )
    .map_err(|e| JobError::file(&path, e))?;
    let listing = FileListing {
        format: "MRC stack".into(),
        files: vec![file.into()],
        losses: Vec::new(),
    };
    context.store::<FilesKind>("class_averages", &listing)
}

//! Tilt series, and their particles, whose volume hand was measured to be wrong: the specimen is mirrored, z → −z.
//!
//! Stored angles of the wrong sign make every volume the mirror image of the specimen, consistently in tomograms,
//! poses and averages. Mirroring changes the sign of all tilts, heights and depths, and the orientations with them;
//! images are not touched, and each particle appears where it did. Which hand is right is measured (`maps.compare`,
//! a fit to an atomic model) and not decided here; the reason is recorded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_model::{DefocusHand, TiltSeries};

/// Change of the volume hand.
pub(crate) struct Mirror;

/// Mirror tilt series and their particles whose volume hand was found to be wrong.
///
/// Tilts, heights and depths change sign, and orientations with them. Averages made afterwards are the mirror images of
/// those made before; images stay as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// What speaks for it: the measurement that found the hand wrong. Required; it is recorded.
    pub evidence: String,
    /// What becomes of the sign of the defocus gradient.
    pub defocus_hand: HandChange,
}

/// What becomes of the defocus hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HandChange {
    /// It changes with the depths: right when it was measured, or stated, for the geometry as it stands.
    #[default]
    Flip,
    /// It stays: right when it was stated for the true specimen, so that it contradicts the geometry as it stands.
    Keep,
}

/// Inputs of the change.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tilt series.
    tilt_series: Artifact<TiltSeriesKind>,
    /// Particles of these series.
    particles: Option<Artifact<ParticlesKind>>,
}

/// Outputs of the change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The mirrored tilt series.
    tilt_series: Output<TiltSeriesKind>,
    /// The mirrored particles, when some were given.
    particles: Output<ParticlesKind>,
}

impl Job for Mirror {
    const ID: &'static str = "tilt_series.mirror";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &Inputs, _: &Context) -> Vec<Finding> {
        if params.evidence.trim().is_empty() {
            let finding = Finding::error(
                "evidence",
                "no reason is given; a hand is measured, never guessed",
            );
            return vec![finding.with_hint(
                "name the measurement, such as the correlation with a model in both hands",
            )];
        }
        Vec::new()
    }

    fn cost(_: &Params, inputs: &Inputs, _: &Context) -> Cost {
        let series = inputs.tilt_series.items().len() as u64;
        Cost {
            memory: PROCESS_MEMORY,
            disk: (64 << 10) * series,
            cpu_seconds: 0.01 * series as f64,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (mut series_out, mut particles_out) = (Vec::new(), Vec::new());
        for item in inputs.tilt_series.items() {
            thon_compute::check(context.progress())?;
            let series = mirrored(context.load(item)?, params);
            series_out.push(context.store::<TiltSeriesKind>(item.name(), &series)?);
        }
        for item in inputs.particles.iter().flat_map(Artifact::items) {
            let mut set = context.load(item)?;
            let boxes = set.images.iter_mut().flat_map(|images| &mut images.boxes);
            for pose in set.poses.iter_mut().chain(boxes) {
                *pose = pose.mirrored();
            }
            particles_out.push(context.store::<ParticlesKind>(item.name(), &set)?);
        }
        Ok(Outputs {
            tilt_series: Output::of(series_out),
            particles: Output::of(particles_out),
        })
    }

    fn methods(params: &Params) -> Methods {
        let reason = if params.evidence.is_empty() {
            "a measurement"
        } else {
            &params.evidence
        };
        Methods {
            text: format!("The volume hand of the tilt series was changed: {reason}."),
            citations: Vec::new(),
        }
    }
}

fn mirrored(mut series: TiltSeries, params: &Params) -> TiltSeries {
    for image in &mut series.images {
        image.nominal_tilt_angle = -image.nominal_tilt_angle;
        image.geometry = image.geometry.map(thon_geometry::TiltGeometry::mirrored);
    }
    if let (Some(hand), HandChange::Flip) = (&mut series.defocus_hand, params.defocus_hand) {
        *hand = DefocusHand {
            sign: hand.sign.opposite(),
            evidence: format!(
                "{}; changed with the volume hand: {}",
                hand.evidence, params.evidence
            ),
        };
    }
    series
}

//! The specimen of an aligned series laid flat by its beads: pre-tilt, pitch, thickness, middle.
//!
//! Kernel: `thon_align::level`. Frames: specimen → specimen; images and shifts of points in them do not change.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Levelling, level};
use thon_contract::kinds::{Curves, CurvesKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_geometry::Point;
use thon_geometry::glam::DVec3;
use thon_model::TiltSeries;
use thon_units::Angstrom;

/// Levelling of the specimen.
pub(crate) struct Level;

/// Lay the specimen of aligned tilt series flat and centre it in height, by its tracked points.
///
/// Planes are fitted to the points, one or two as they lie; the specimen is turned and moved, the images are not touched.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Distance from which two surfaces are told apart.
    pub least_thickness: Angstrom,
    /// Added to the distance of the surfaces for the thickness of the volume.
    pub margin: Angstrom,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            least_thickness: Angstrom(200.0),
            margin: Angstrom(400.0),
        }
    }
}

/// Inputs of the levelling.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The aligned series.
    tilt_series: Each<TiltSeriesKind>,
    /// The points from its alignment, found by name.
    points: Artifact<CurvesKind>,
}

/// Outputs of the levelling.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The levelled series.
    tilt_series: Output<TiltSeriesKind>,
    /// Angles and thickness.
    surfaces: Output<CurvesKind>,
}

impl Job for Level {
    const ID: &'static str = "tilt_series.level";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        let lengths = [
            ("least_thickness", params.least_thickness),
            ("margin", params.margin),
        ];
        for (name, value) in lengths {
            if !(value.0 >= 0.0 && value.0 < 1e5) {
                findings.push(Finding::error(
                    name,
                    format!("expected 0 to 10 µm, found {value}"),
                ));
            }
        }
        match context.load(inputs.tilt_series.item()) {
            Ok(series) => findings.extend(crate::tilt_images::alignment_findings(&series)),
            Err(e) => findings.push(Finding::error("tilt_series", e.to_string())),
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let images = context
            .load(inputs.tilt_series.item())
            .map_or(0, |series| series.images.len());
        Cost {
            memory: PROCESS_MEMORY,
            disk: (1 << 10) + 1_100 * images as u64,
            cpu_seconds: 0.05,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let points = points(&series, inputs, context)?;
        let Some(found) = level(&points, params.least_thickness.0) else {
            return Err(JobError::data(format!(
                "{}: {} points do not span a plane",
                series.name,
                points.len()
            )));
        };
        apply(&mut series, &found, params.margin, context);
        let facts = [
            ("pre-tilt (°)", found.tilt_offset().degrees().0),
            ("pitch (°)", found.pitch().degrees().0),
            ("distance of the surfaces (Å)", found.thickness()),
            (
                "height of the middle before (Å)",
                0.5 * (found.heights[0] + found.heights[1]),
            ),
            ("distance of points from their surface (Å)", found.residual),
            (
                "points on the upper surface",
                found.upper.iter().filter(|u| **u).count() as f64,
            ),
            ("points", points.len() as f64),
        ];
        let curves = Curves {
            title: format!("{}: surfaces", series.name),
            columns: Vec::new(),
            facts: facts
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        };
        Ok(Outputs {
            surfaces: Output::of(vec![context.store::<CurvesKind>(item.name(), &curves)?]),
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(item.name(), &series)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "The specimen was levelled by planes through the tracked fiducials in thon."
                .into(),
            citations: Vec::new(),
        }
    }
}

/// Turns and moves the specimen of a series; the volume becomes as thick as the surfaces are apart, and `margin`.
pub(super) fn apply(
    series: &mut TiltSeries,
    found: &Levelling,
    margin: Angstrom,
    context: &Context,
) {
    let (turn, by) = found.motion();
    // The new origin lies in the old specimen here; defocus belongs to the origin and moves with it.
    let origin = Point::from_vector(turn.inverse().apply(-by));
    let hand = series.defocus_hand.as_ref().map(|h| h.sign.value());
    for image in &mut series.images {
        let Some(before) = image.geometry else {
            continue;
        };
        image.geometry = Some(found.apply(before));
        let Some(ctf) = &mut image.ctf else { continue };
        match hand {
            Some(hand) => {
                let change = Angstrom(hand * before.project(origin).depth);
                ctf.defocus_u = Angstrom(ctf.defocus_u.0 + change.0);
                ctf.defocus_v = Angstrom(ctf.defocus_v.0 + change.0);
            }
            None => image.ctf = None,
        }
    }
    if hand.is_none() && series.images.iter().any(|i| i.ctf.is_none()) {
        context.warn("the defocus hand is not known, so defocus could not be moved with the origin; estimate it after levelling");
    }
    if found.thickness() > 0.0 {
        let depth = ((found.thickness() + margin.0) / series.pixel_size.0).ceil() as usize;
        let [ny, nx] = series.image_size;
        let [_, y, x] = series.volume_size.unwrap_or([0, ny, nx]);
        series.volume_size = Some([depth, y, x]);
    }
}

/// Places of the tracked points in the specimen, from the table of the alignment.
fn points(series: &TiltSeries, inputs: &Inputs, context: &Context) -> Result<Vec<DVec3>, JobError> {
    for item in inputs.points.items() {
        if item.name() != inputs.tilt_series.item().name() {
            continue;
        }
        let table = context.load(item)?;
        let [x, y, z] =
            ["x", "y", "z"].map(|label| table.columns.iter().find(|c| c.label == label));
        let (Some(x), Some(y), Some(z)) = (x, y, z) else {
            return Err(JobError::data(format!(
                "{}: the points have no columns x, y and z",
                series.name
            )));
        };
        let rows = x.values.iter().zip(&y.values).zip(&z.values);
        return Ok(rows
            .filter_map(|((x, y), z)| Some(DVec3::new((*x)?, (*y)?, (*z)?)))
            .collect());
    }
    Err(JobError::data(format!(
        "no points of a series named {}",
        series.name
    )))
}

//! Two alignments of the same series, compared view by view.
//!
//! Kernel: `thon_align::compare`; the one rigid motion of the specimen that no image shows is removed first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Comparison, compare};
use thon_contract::kinds::{Column, Curves, CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_geometry::TiltGeometry;
use thon_geometry::glam::DVec3;
use thon_model::{Exclusion, TiltSeries};
use thon_units::Angstrom;

use crate::pictures;

/// Comparison of two alignments.
pub(crate) struct CompareAlignments;

/// Compare two alignments of the same tilt series view by view.
///
/// Two methods that agree are hard to fool both: views on which they disagree are named, and excluded when a limit is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Thickness of the specimen over which the projections are compared.
    pub thickness: Angstrom,
    /// Views on which the alignments differ by more than this are excluded; none when empty.
    pub exclude_beyond: Option<Angstrom>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            thickness: Angstrom(1500.0),
            exclude_beyond: None,
        }
    }
}

/// Inputs of the comparison.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The series in one alignment; it is the one that is passed on.
    tilt_series: Each<TiltSeriesKind>,
    /// The same series in another alignment, found by name.
    second: Artifact<TiltSeriesKind>,
}

/// Outputs of the comparison.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The first alignment, with exclusions.
    tilt_series: Output<TiltSeriesKind>,
    /// Differences of every view.
    differences: Output<CurvesKind>,
    /// The same, drawn.
    pictures: Output<PictureKind>,
}

impl Job for CompareAlignments {
    const ID: &'static str = "tilt_series.compare-alignments";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !(params.thickness.0 > 0.0 && params.thickness.0 < 1e5) {
            findings.push(Finding::error(
                "thickness",
                format!(
                    "expected more than 0 and less than 10 µm, found {}",
                    params.thickness
                ),
            ));
        }
        if let Err(error) = pair(inputs, context) {
            findings.push(Finding::error("second", error.to_string()));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let images = context
            .load(inputs.tilt_series.item())
            .map_or(0, |series| series.images.len());
        Cost {
            memory: PROCESS_MEMORY,
            // The series, a row of the table for every image, and a drawing.
            disk: (16 << 10) + 1_400 * images as u64,
            cpu_seconds: 0.02 + images as f64 * 2e-4,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let (mut series, second) = pair(inputs, context)?;
        let [ny, nx] = series.image_size;
        let field = |n: usize| n as f64 * series.pixel_size.0;
        let extent = DVec3::new(field(nx), field(ny), params.thickness.0);
        let Some(found) = compare(&geometry(&series), &geometry(&second), extent) else {
            return Err(JobError::data(format!(
                "{}: fewer than three views are aligned in both",
                series.name
            )));
        };
        if let Some(limit) = params.exclude_beyond {
            for (index, view) in found.views.iter().enumerate() {
                let Some(far) = view.map(|v| v.distance).filter(|far| *far > limit.0) else {
                    continue;
                };
                let reason = format!("two alignments differ by {far:.1} Å, more than {limit}");
                context.warn(format!("{}, image {}: {reason}", series.name, index + 1));
                series.images[index].exclusion = Some(Exclusion { reason });
            }
        }
        context.metric("difference of the alignments (Å)", found.distance);
        let curves = curves(&series, &found);
        let name = inputs.tilt_series.item().name();
        Ok(Outputs {
            differences: Output::of(vec![context.store::<CurvesKind>(name, &curves)?]),
            pictures: Output::of(vec![context.store::<PictureKind>(name, &draw(&curves))?]),
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(name, &series)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Alignments by two methods were compared view by view in thon, after removal of the rigid motion between them.".into(),
            citations: Vec::new(),
        }
    }
}

/// The series and its twin of the same name.
fn pair(inputs: &Inputs, context: &Context) -> Result<(TiltSeries, TiltSeries), JobError> {
    let series = context.load(inputs.tilt_series.item())?;
    for item in inputs.second.items() {
        let second = context.load(item)?;
        if second.name != series.name {
            continue;
        }
        if second.images.len() != series.images.len() {
            return Err(JobError::data(format!(
                "{}: expected {} images in the second alignment, found {}",
                series.name,
                series.images.len(),
                second.images.len()
            )));
        }
        return Ok((series, second));
    }
    Err(JobError::data(format!(
        "no second alignment of a series named {}",
        series.name
    )))
}

fn geometry(series: &TiltSeries) -> Vec<Option<TiltGeometry>> {
    let used = |image: &thon_model::TiltImage| image.geometry.filter(|_| image.is_used());
    series.images.iter().map(used).collect()
}

fn curves(series: &TiltSeries, found: &Comparison) -> Curves {
    let mut order: Vec<usize> = (0..found.views.len())
        .filter(|&v| found.views[v].is_some())
        .collect();
    let tilt = |v: usize| series.images[v].tilt_angle().degrees().0;
    order.sort_by(|&a, &b| tilt(a).total_cmp(&tilt(b)).then(a.cmp(&b)));
    let value = |v: usize| found.views[v].unwrap_or_default();
    let column = |label: &str, unit: &str, value: &dyn Fn(usize) -> f64| {
        Column::new(label, unit, order.iter().map(|&v| value(v)))
    };
    let facts = [
        ("difference (Å)", found.distance),
        ("turn about x (°)", found.turn.x.to_degrees()),
        ("turn about y (°)", found.turn.y.to_degrees()),
        ("turn about z (°)", found.turn.z.to_degrees()),
        ("shift in height (Å)", found.shift.z),
    ];
    Curves {
        title: format!("{}: two alignments", series.name),
        columns: vec![
            column("tilt", "°", &tilt),
            column("difference", "Å", &|v| value(v).distance),
            column("of it shift x", "Å", &|v| value(v).shift.x),
            column("of it shift y", "Å", &|v| value(v).shift.y),
            column("tilt difference", "°", &|v| value(v).tilt.to_degrees()),
            column("axis difference", "°", &|v| value(v).axis.to_degrees()),
            column("magnification ratio", "", &|v| value(v).magnification),
        ],
        facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn draw(curves: &Curves) -> Vec<u8> {
    pictures::against_tilt(curves, &[1, 2, 3], "Å", &[0.0]).to_png()
}

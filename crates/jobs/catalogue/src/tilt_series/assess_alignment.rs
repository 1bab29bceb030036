//! Quality of an alignment by the images alone, whatever made it.
//!
//! Kernel: `thon_markerless::assess`; every view is predicted from all others by the geometry as it stands. Nothing is changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_markerless::{Quality, ViewQuality, assess};
use thon_units::{Angstrom, Radians};

use super::markerless::{self, Measured, Shape};
use crate::tilt_images::{alignment_findings, straight_findings};

/// Measurement of alignments.
pub(crate) struct AssessAlignment;

/// Measure how good the alignment of tilt series is, without truth or markers.
///
/// Every view is compared with its prediction from all others: correlation, the displacement the images ask for, and the
/// difference between two halves of the field. Alignments of the same series by different methods can be ranked by them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Whether the specimen is a layer that fills the field or a needle along the tilt axis.
    pub specimen: Shape,
    /// Thickness of the layer or diameter of the needle; that of the series' volume, or 1500 Å, when empty.
    pub thickness: Option<Angstrom>,
    /// Shortest period compared.
    pub shortest_period: Angstrom,
    /// Whether gold is left out of the comparison.
    pub ignore_gold: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            specimen: Shape::Slab,
            thickness: None,
            shortest_period: Angstrom(40.0),
            ignore_gold: true,
        }
    }
}

/// Inputs of the measurement.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the measurement.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Correlation and displacement of every view; their means.
    quality: Output<CurvesKind>,
    /// The same drawn.
    pictures: Output<PictureKind>,
}

impl Job for AssessAlignment {
    const ID: &'static str = "tilt_series.assess-alignment";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = markerless::findings(&series, context);
        findings.extend(alignment_findings(&series));
        findings.extend(straight_findings(&series));
        let lengths = [
            ("thickness", params.thickness.unwrap_or(Angstrom(1.0))),
            ("shortest_period", params.shortest_period),
        ];
        for (name, length) in lengths {
            if !(length.0 > 0.0 && length.0.is_finite()) {
                let message = format!("expected a positive length, found {length}");
                findings.push(Finding::error(name, message));
            }
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        context
            .load(inputs.tilt_series.item())
            .map(|series| Cost {
                // A table and two plots.
                disk: (64 << 10) + 200 * series.images.len() as u64,
                ..markerless::cost(
                    &series,
                    markerless::allowed_period(params.shortest_period, &series),
                    6.0,
                )
            })
            .unwrap_or_default()
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let axis = markerless::known_axis(&series, None).unwrap_or(Radians(0.0));
        let period = markerless::allowed_period(params.shortest_period, &series);
        let loaded = markerless::load(&mut series, axis, period, params.ignore_gold, context)?;
        let depth = series
            .volume_size
            .map_or(1500.0, |[z, ..]| z as f64 * series.pixel_size.0);
        let specimen = params
            .specimen
            .of_extent(params.thickness.unwrap_or(Angstrom(depth)));
        let found = assess(&loaded.views, &loaded.start, specimen, period.0)
            .map_err(markerless::stopped)?;
        context.metric("correlation", found.score);
        context.metric("displacement asked for (Å)", found.displacement);
        context.metric("difference of the halves (Å)", found.halves);
        let curves = curves(&series.name, &loaded, &found);
        let name = item.name();
        let scores = markerless::plot(&curves, &["correlation"], "correlation");
        let lengths = markerless::plot(&curves, &["displacement", "halves"], "Å");
        Ok(Outputs {
            quality: Output::of(vec![context.store::<CurvesKind>(name, &curves)?]),
            pictures: Output::of(vec![
                context.store::<PictureKind>(&format!("{name}_correlation"), &scores)?,
                context.store::<PictureKind>(&format!("{name}_displacement"), &lengths)?,
            ]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text:
                "Alignments were assessed by predicting every tilt image from all others in thon."
                    .into(),
            citations: Vec::new(),
        }
    }
}

fn curves(
    name: &str,
    loaded: &markerless::Loaded,
    found: &Quality,
) -> thon_contract::kinds::Curves {
    let column = |label, unit, value: fn(&ViewQuality) -> f64| Measured {
        label,
        unit,
        values: found.views.iter().map(value).collect(),
    };
    let mut curves = markerless::curves(
        format!("{name}: quality of the alignment"),
        &loaded.start,
        &[
            column("correlation", "", |v| v.score),
            column("displacement", "Å", |v| v.displacement),
            column("deviation", "Å", |v| v.deviation),
            column("halves", "Å", |v| v.halves),
        ],
    );
    let facts = [
        ("correlation", found.score),
        ("displacement asked for (Å)", found.displacement),
        ("difference of the halves (Å)", found.halves),
    ];
    curves
        .facts
        .extend(facts.map(|(name, value)| (name.to_owned(), value)));
    curves
}

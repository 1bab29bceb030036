//! Marker-free alignment of a tilt series by projection matching.
//!
//! Kernel: `thon_markerless::match_projections`; every view is compared with its reprojection from all others, in closed form.
//! The job that AreTomo does: Zheng et al. 2022, J. Struct. Biol. X 6:100068. Frames: specimen → raw tilt image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_markerless::{
    Alignment, AxisSearch, Level, MatchOptions, check_order, diagnose, match_projections,
};
use thon_model::TiltSeries;
use thon_units::{Angstrom, Degrees, Radians};

use super::markerless::{self, Loaded, Measured, Shape};

/// Alignment by projection matching.
pub(crate) struct AlignProjections;

/// Align tilt series without markers by matching every view with its reprojection from all others.
///
/// Shifts, the tilt axis, the thickness of the specimen and its inclination are found. Every view gets a score, the
/// standard deviation of its shift, and a residual from two halves of the field.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Angle of the tilt axis from image y, counter-clockwise; that of the series when empty. Searched everywhere when nobody says it.
    pub tilt_axis: Option<Degrees>,
    /// How far from there the tilt axis is searched; 0 keeps it.
    pub axis_range: Degrees,
    /// Whether the specimen is a layer that fills the field or a needle along the tilt axis.
    pub specimen: Shape,
    /// Thickness of the layer or diameter of the needle; found from the images when empty.
    pub thickness: Option<Angstrom>,
    /// Whether tilts are changed so that the specimen lies level.
    pub level: Level,
    /// Shortest period compared.
    pub shortest_period: Angstrom,
    /// Whether shifts that the series already has are the start; otherwise they are found anew.
    pub keep_shifts: bool,
    /// Whether gold is left out of the comparison.
    pub ignore_gold: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            tilt_axis: None,
            axis_range: Degrees(6.0),
            specimen: Shape::Slab,
            thickness: None,
            level: Level::Automatic,
            shortest_period: Angstrom(30.0),
            keep_shifts: false,
            ignore_gold: true,
        }
    }
}

/// Inputs of the alignment.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the alignment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The aligned series.
    tilt_series: Output<TiltSeriesKind>,
    /// Shift, score, deviation and residual of every view.
    views: Output<CurvesKind>,
    /// Aligned views, and the curves drawn.
    pictures: Output<PictureKind>,
}

impl Job for AlignProjections {
    const ID: &'static str = "tilt_series.align-projections";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = markerless::findings(&series, context);
        if let Some(thickness) = params.thickness
            && !(thickness > Angstrom(0.0) && thickness.0.is_finite())
        {
            let message = format!("expected a positive length, found {thickness}");
            findings.push(Finding::error("thickness", message));
        }
        if !(params.axis_range.0 >= 0.0 && params.axis_range.0 <= 90.0) {
            let message = format!("expected 0 to 90°, found {}", params.axis_range.0);
            findings.push(Finding::error("axis_range", message));
        }
        if params.shortest_period.0.is_nan() || params.shortest_period.0 <= 0.0 {
            let message = format!(
                "expected a positive length, found {}",
                params.shortest_period
            );
            findings.push(Finding::error("shortest_period", message));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        context
            .load(inputs.tilt_series.item())
            .map(|series| {
                markerless::cost(
                    &series,
                    markerless::allowed_period(params.shortest_period, &series),
                    70.0,
                )
            })
            .unwrap_or_default()
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let known = markerless::known_axis(&series, params.tilt_axis);
        let axis = known.unwrap_or(Radians(0.0));
        let period = markerless::allowed_period(params.shortest_period, &series);
        let mut loaded = markerless::load(&mut series, axis, period, params.ignore_gold, context)?;
        if params.tilt_axis.is_some() {
            loaded
                .start
                .iter_mut()
                .for_each(|g| g.tilt_axis_angle = axis);
        }
        let aligned = align(params, &loaded, known.is_some(), period, context)?;
        report(&series, &loaded, &aligned, known, context)?;
        markerless::assign(&mut series, &loaded.indices, &aligned.geometries);
        let curves = view_curves(&series.name, &aligned);
        let scores = markerless::plot(&curves, &["score"], "score");
        let shifts = markerless::plot(&curves, &["shift x", "shift y"], "shift (A)");
        let montage = markerless::montage(&loaded, &aligned.geometries);
        let name = item.name();
        Ok(Outputs {
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(name, &series)?]),
            views: Output::of(vec![context.store::<CurvesKind>(name, &curves)?]),
            pictures: Output::of(vec![
                context.store::<PictureKind>(name, &montage)?,
                context.store::<PictureKind>(&format!("{name}_scores"), &scores)?,
                context.store::<PictureKind>(&format!("{name}_shifts"), &shifts)?,
            ]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt series were aligned without markers by projection matching in thon.".into(),
            citations: vec![Citation::new(
                "Zheng et al. 2022",
                "10.1016/j.yjsbx.2022.100068",
            )],
        }
    }
}

fn align(
    params: &Params,
    loaded: &Loaded,
    axis_known: bool,
    period: Angstrom,
    context: &Context,
) -> Result<Alignment, JobError> {
    let keep = params.keep_shifts && loaded.start.iter().any(|g| g.shift.length() > 0.0);
    let options = MatchOptions {
        specimen: params
            .specimen
            .of_extent(params.thickness.unwrap_or(Angstrom(1500.0))),
        fit_extent: params.thickness.is_none(),
        axis: match axis_known {
            false => AxisSearch::Everywhere,
            true if params.axis_range.0 > 0.0 => AxisSearch::Range(params.axis_range.0),
            true => AxisSearch::Fixed,
        },
        level: params.level,
        shortest_period: period.0,
        coarse: (!keep).then_some(0.4),
    };
    let run = |options: &MatchOptions| {
        match_projections(&loaded.views, &loaded.start, options, context.progress())
            .map_err(markerless::stopped)
    };
    let aligned = run(&options)?;
    let lost = aligned.axis.as_ref().is_some_and(|p| !p.inside);
    if !(lost && axis_known) {
        return Ok(aligned);
    }
    // The axis lies outside of the range: look everywhere, and say so later.
    run(&MatchOptions {
        axis: AxisSearch::Everywhere,
        coarse: Some(0.4),
        ..options
    })
}

/// Warnings and numbers of the whole series.
fn report(
    series: &TiltSeries,
    loaded: &Loaded,
    aligned: &Alignment,
    known: Option<Radians>,
    context: &Context,
) -> Result<(), JobError> {
    let order = check_order(&loaded.views, &loaded.start).map_err(markerless::stopped)?;
    let field = series.image_size[0].min(series.image_size[1]) as f64 * series.pixel_size.0;
    for fault in diagnose(aligned, &order, known.map(|a| a.degrees().0), field) {
        let fault = markerless::in_series(&fault, &loaded.indices);
        context.warn(format!("{}: {fault}", series.name));
    }
    if known.is_none() {
        context.warn(format!(
            "{}: nobody said where the tilt axis lies; which of its two directions is right, images cannot tell",
            series.name
        ));
    }
    let mean = |value: &dyn Fn(&thon_markerless::ViewReport) -> f64| {
        aligned.reports.iter().map(value).sum::<f64>() / aligned.reports.len().max(1) as f64
    };
    context.metric("mean score", mean(&|r| r.score));
    context.metric("mean residual (Å)", mean(&|r| r.residual));
    context.metric("extent of the specimen (Å)", aligned.specimen.extent());
    if let Some(axis) = aligned.geometries.first() {
        context.metric("tilt axis (°)", axis.tilt_axis_angle.degrees().0);
    }
    for (profile, name) in [
        (&aligned.tilt_offset, "tilt offset (°)"),
        (&aligned.pitch, "pitch (°)"),
    ] {
        if let Some(profile) = profile {
            context.metric(name, profile.best);
        }
    }
    Ok(())
}

fn view_curves(name: &str, aligned: &Alignment) -> thon_contract::kinds::Curves {
    let column = |label, unit, value: &dyn Fn(&thon_markerless::ViewReport) -> f64| Measured {
        label,
        unit,
        values: aligned.reports.iter().map(value).collect(),
    };
    markerless::curves(
        format!("{name}: projection matching"),
        &aligned.geometries,
        &[
            column("score", "", &|r| r.score),
            column("deviation", "Å", &|r| r.deviation),
            column("residual", "Å", &|r| r.residual),
            column("amplitude", "", &|r| r.amplitude),
            column("peak ratio", "", &|r| r.peak_ratio),
        ],
    )
}

//! Coarse alignment of a tilt series by correlation outwards from the lowest tilt.
//!
//! Kernel: `thon_markerless::align_coarse`. References are cumulative, stretched by the cosine of the tilt; Guckenberger
//! 1982, Ultramicroscopy 9:167. Frames: specimen → raw tilt image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_markerless::{CoarseOptions, align_coarse, check_order};
use thon_units::{Angstrom, Degrees, Radians};

use super::markerless::{self, Measured, Shape};

/// Coarse alignment.
pub(crate) struct AlignCoarse;

/// Align tilt series coarsely by correlating neighbouring views: the shifts only.
///
/// Precise enough to start bead tracking or projection matching from; tilts and axis stay as they are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Angle of the tilt axis from image y, counter-clockwise; that of the series when empty.
    pub tilt_axis: Option<Degrees>,
    /// Whether the specimen is a layer that fills the field or a needle along the tilt axis.
    pub specimen: Shape,
    /// Thickness of the layer or diameter of the needle.
    pub thickness: Angstrom,
    /// Shortest period compared; 1/24 of the field when empty.
    #[schemars(extend("x-level" = "expert"))]
    pub shortest_period: Option<Angstrom>,
    /// Largest shift between neighbouring views, part of the field.
    #[schemars(range(min = 0.01, max = 0.5), extend("x-level" = "expert"))]
    pub largest_shift: f64,
    /// Whether gold is left out of the comparison.
    pub ignore_gold: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            tilt_axis: None,
            specimen: Shape::Slab,
            thickness: Angstrom(1500.0),
            shortest_period: None,
            largest_shift: 0.4,
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
    /// The series with shifts.
    tilt_series: Output<TiltSeriesKind>,
    /// Shift and confidence of every view.
    views: Output<CurvesKind>,
    /// Aligned views, and the curves drawn.
    pictures: Output<PictureKind>,
}

fn period(params: &Params, series: &thon_model::TiltSeries) -> Angstrom {
    let field = series.image_size[0].min(series.image_size[1]) as f64 * series.pixel_size.0;
    params.shortest_period.unwrap_or(Angstrom(field / 24.0))
}

impl Job for AlignCoarse {
    const ID: &'static str = "tilt_series.align-coarse";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = markerless::findings(&series, context);
        if markerless::known_axis(&series, params.tilt_axis).is_none() {
            findings.push(
                Finding::error(
                    "tilt_axis",
                    "neither the series nor a parameter says where the tilt axis lies",
                )
                .with_hint("give its angle, or let tilt_series.align-projections find it"),
            );
        }
        if !(params.thickness > Angstrom(0.0) && params.thickness.0.is_finite()) {
            let message = format!("expected a positive length, found {}", params.thickness);
            findings.push(Finding::error("thickness", message));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        context
            .load(inputs.tilt_series.item())
            .map(|series| markerless::cost(&series, period(params, &series), 4.0))
            .unwrap_or_default()
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let axis = markerless::known_axis(&series, params.tilt_axis).unwrap_or(Radians(0.0));
        let period = period(params, &series);
        let mut loaded = markerless::load(&mut series, axis, period, params.ignore_gold, context)?;
        if params.tilt_axis.is_some() {
            loaded
                .start
                .iter_mut()
                .for_each(|g| g.tilt_axis_angle = axis);
        }
        let options = CoarseOptions {
            specimen: params.specimen.of_extent(params.thickness),
            shortest_period: period.0,
            largest_shift: params.largest_shift,
            ..CoarseOptions::default()
        };
        let found =
            align_coarse(&loaded.views, &loaded.start, &options).map_err(markerless::stopped)?;
        let order = check_order(&loaded.views, &loaded.start).map_err(markerless::stopped)?;
        if order.is_wrong() {
            context.warn(format!(
                "{}: only {:.0} % of the images are most like a neighbour in tilt; the order of images or angles is wrong",
                series.name,
                100.0 * order.in_order
            ));
        }
        for (view, &index) in found.iter().zip(&loaded.indices) {
            if view.peak_ratio < 1.2 {
                context.warn(format!(
                    "{}, image {}: the shift is uncertain (two peaks of ratio {:.2})",
                    series.name,
                    index + 1,
                    view.peak_ratio
                ));
            }
        }
        let geometries: Vec<_> = found.iter().map(|f| f.geometry).collect();
        markerless::assign(&mut series, &loaded.indices, &geometries);
        let ratios = found.iter().map(|f| f.peak_ratio);
        let lowest = ratios.clone().fold(f64::INFINITY, f64::min);
        context.metric("lowest peak ratio", lowest);
        let curves = markerless::curves(
            format!("{}: coarse alignment", series.name),
            &geometries,
            &[
                Measured {
                    label: "peak ratio",
                    unit: "",
                    values: ratios.collect(),
                },
                Measured {
                    label: "peak height",
                    unit: "standard deviations",
                    values: found.iter().map(|f| f.peak_height).collect(),
                },
            ],
        );
        let shifts = markerless::plot(&curves, &["shift x", "shift y"], "shift (A)");
        let montage = markerless::montage(&loaded, &geometries);
        let name = item.name();
        Ok(Outputs {
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(name, &series)?]),
            views: Output::of(vec![context.store::<CurvesKind>(name, &curves)?]),
            pictures: Output::of(vec![
                context.store::<PictureKind>(name, &montage)?,
                context.store::<PictureKind>(&format!("{name}_shifts"), &shifts)?,
            ]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt series were coarsely aligned by cross-correlation with cosine stretching in thon.".into(),
            citations: vec![Citation::new("Guckenberger 1982", "10.1016/0304-3991(82)90297-1")],
        }
    }
}

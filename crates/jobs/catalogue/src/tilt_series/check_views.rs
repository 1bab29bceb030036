//! Views that cannot be used are found and excluded with the reason; the order of exposure is compared with what else tells it.
//!
//! Kernel: `thon_prepare::{ViewSurvey, check_order}`.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY};
use thon_formats::mdoc::DateTime;
use thon_model::{Exclusion, TiltSeries};
use thon_prepare::{SurveyOptions, TimedView, ViewSurvey, ViewVerdict, check_order};
use thon_units::Radians;

use crate::pictures;
use crate::tilt_images::{TiltImages, image_findings};

/// Check of the views.
pub(crate) struct CheckViews;

/// Find tilt images that cannot be used and exclude them with the reason; check the order of exposure.
///
/// Dark, blank, blocked and shifted images and copies of others are excluded. Contradictions between exposure, time,
/// tilts and intensities become warnings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Whether images that cannot be used are excluded; otherwise they are named only.
    pub exclude: bool,
    /// When an image is called unusable.
    pub limits: SurveyOptions,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            exclude: true,
            limits: SurveyOptions::default(),
        }
    }
}

/// Inputs of the check.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the check.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with exclusions.
    tilt_series: Output<TiltSeriesKind>,
    /// Intensity and displacement of every view.
    views: Output<CurvesKind>,
    /// The same, drawn.
    pictures: Output<PictureKind>,
}

impl Job for CheckViews {
    const ID: &'static str = "tilt_series.check-views";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match context.load(inputs.tilt_series.item()) {
            Ok(series) if series.used().next().is_none() => {
                vec![Finding::error(&series.name, "every tilt image is excluded")]
            }
            Ok(series) => image_findings(&series, context),
            Err(e) => vec![Finding::error("tilt_series", e.to_string())],
        }
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let image = (series.image_size[0] * series.image_size[1]) as u64;
        let images = series.used().count() as u64;
        Cost {
            // The image, the same without its mean, and its spectrum; then what views leave behind.
            memory: PROCESS_MEMORY + 12 * image + images * (300 << 10),
            disk: 1 << 18,
            cpu_seconds: 0.1 + (image * images) as f64 * 6e-8 + images as f64 * 0.03,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let used: Vec<usize> = series.used().collect();
        let verdicts = survey(params, &series, &used, context)?;
        let mut excluded = 0_usize;
        for (&index, verdict) in used.iter().zip(&verdicts) {
            let Some(fault) = &verdict.fault else {
                continue;
            };
            excluded += 1;
            context.warn(format!("{}, image {}: {fault}", series.name, index + 1));
            if params.exclude {
                series.images[index].exclusion = Some(Exclusion {
                    reason: fault.to_string(),
                });
            }
        }
        if params.exclude && excluded == used.len() {
            return Err(JobError::data(format!(
                "{}: no image can be used; {}",
                series.name,
                series.images[used[0]]
                    .exclusion
                    .as_ref()
                    .map_or("", |exclusion| exclusion.reason.as_str())
            )));
        }
        for fault in order_faults(&series, &used, &verdicts) {
            context.warn(format!("{}: {fault}", series.name));
        }
        context.metric("images that cannot be used", excluded as f64);
        let curves = curves(&series, &used, &verdicts);
        let record = context.store::<TiltSeriesKind>(item.name(), &series)?;
        let views = context.store::<CurvesKind>(item.name(), &curves)?;
        let picture = context.store::<PictureKind>(item.name(), &draw(&curves))?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
            views: Output::of(vec![views]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Dark, blank, blocked, shifted and duplicate tilt images were excluded in thon."
                .into(),
            citations: Vec::new(),
        }
    }
}

fn survey(
    params: &Params,
    series: &TiltSeries,
    used: &[usize],
    context: &Context,
) -> Result<Vec<ViewVerdict>, JobError> {
    let images = TiltImages::open(series, context)?;
    let axis = series
        .used()
        .find_map(|index| Some(series.images[index].geometry?.tilt_axis_angle))
        .or(series.nominal_tilt_axis_angle)
        .unwrap_or(Radians(0.0));
    let mut survey = ViewSurvey::new(params.limits, axis);
    let [ny, nx] = series.image_size;
    for (done, &index) in used.iter().enumerate() {
        thon_compute::check(context.progress())?;
        let pixels = images.read_as_it_is(index)?;
        let image =
            Array2::from_shape_vec((ny, nx), pixels).map_err(|e| JobError::data(e.to_string()))?;
        survey.add(&image, series.images[index].nominal_tilt_angle);
        context
            .progress()
            .advance(done as u64 + 1, used.len() as u64);
    }
    Ok(survey.judge())
}

/// Contradictions in the order of exposure among the views that can be used; numbers of views are those of the series.
fn order_faults(series: &TiltSeries, used: &[usize], verdicts: &[ViewVerdict]) -> Vec<String> {
    let kept: Vec<usize> = (0..used.len())
        .filter(|&i| verdicts[i].fault.is_none())
        .collect();
    let positive = kept.iter().all(|&i| verdicts[i].mean > 0.0);
    let views: Vec<TimedView> = kept
        .iter()
        .map(|&i| {
            let image = &series.images[used[i]];
            TimedView {
                tilt_angle: image.nominal_tilt_angle,
                dose_before: image.dose_before,
                exposure: image.exposure,
                rank: image.acquisition_index,
                time: series
                    .carried
                    .value("DateTime", used[i])
                    .and_then(DateTime::parse)
                    .map(|time| time.seconds() as f64),
                intensity: if positive { verdicts[i].mean } else { 0.0 },
            }
        })
        .collect();
    let numbers: Vec<usize> = kept.iter().map(|&i| used[i] + 1).collect();
    check_order(&views)
        .into_iter()
        .map(|fault| fault.with_numbers(&numbers).to_string())
        .collect()
}

fn curves(series: &TiltSeries, used: &[usize], verdicts: &[ViewVerdict]) -> Curves {
    let mut order: Vec<usize> = (0..used.len()).collect();
    let tilt = |i: usize| series.images[used[i]].nominal_tilt_angle.degrees().0;
    order.sort_by(|&a, &b| tilt(a).total_cmp(&tilt(b)).then(a.cmp(&b)));
    let column = |label: &str, unit: &str, value: &dyn Fn(usize) -> f64| {
        Column::new(label, unit, order.iter().map(|&i| value(i)))
    };
    Curves {
        title: format!("{}: intensity and displacement", series.name),
        columns: vec![
            column("tilt", "°", &tilt),
            column("intensity / expected", "", &|i| {
                verdicts[i].relative_intensity
            }),
            column("displacement / field", "", &|i| {
                verdicts[i].displacement.unwrap_or(f64::NAN)
            }),
            column("mean", "", &|i| verdicts[i].mean),
            column("deviation", "", &|i| verdicts[i].deviation),
            column("cannot be used", "", &|i| {
                f64::from(u8::from(verdicts[i].fault.is_some()))
            }),
        ],
        facts: std::collections::BTreeMap::new(),
    }
}

fn draw(curves: &Curves) -> Vec<u8> {
    pictures::against_tilt(curves, &[1, 2, 5], "relative", &[1.0]).to_png()
}

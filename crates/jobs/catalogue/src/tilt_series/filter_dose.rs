//! The exposure filter on tilt images: every frequency weighted with the amplitude that the exposure has left of it.
//!
//! Kernel: `thon_prepare::filter_exposure`. Grant & Grigorieff 2015, eLife 4:e06980.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{PictureKind, TiltSeriesKind};
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_ctf::ExposureModel;
use thon_model::Treatment;
use thon_prepare::filter_exposure;

use super::clean::lowest_tilt;
use super::treated::{NewImages, findings, mark, pixels, stack_bytes, treat_images};
use crate::pictures;

/// The exposure filter.
pub(crate) struct FilterDose;

/// Weight the frequencies of tilt images by exposure, for tomograms to look at and pick in.
///
/// Not for series that particles will be refined in: averaging weights particles by exposure itself. A series that was
/// weighted, by this job or when its movies were summed, is refused.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// How signal is lost with exposure.
    pub model: ExposureModel,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            model: ExposureModel::GrantGrigorieff,
        }
    }
}

/// Inputs of the filter.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the filter.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with weighted images.
    tilt_series: Output<TiltSeriesKind>,
    /// The image at the lowest tilt.
    pictures: Output<PictureKind>,
}

impl Job for FilterDose {
    const ID: &'static str = "tilt_series.filter-dose";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut found = findings(&series, &[Treatment::ExposureWeighted], context);
        if params.model == ExposureModel::None {
            found.push(Finding::error(
                "model",
                "no loss of signal, nothing to weight",
            ));
        }
        let doses: Vec<f64> = series
            .used()
            .map(|index| series.images[index].dose_before.0)
            .collect();
        if let Some(bad) = doses
            .iter()
            .find(|dose| !(dose.is_finite() && **dose >= 0.0))
        {
            let message = format!("exposure before an image is {bad}, expected 0 or more e⁻/Å²");
            found.push(Finding::error(&series.name, message));
        } else if doses.len() > 1 && doses.iter().all(|dose| *dose == doses[0]) {
            found.push(
                Finding::error(&series.name, "every image has the same exposure before it")
                    .with_hint("state the exposure of an image when the series is imported"),
            );
        }
        let without = series
            .used()
            .filter(|&index| series.images[index].exposure.is_none())
            .count();
        if without > 0 {
            found.push(Finding::warning(
                &series.name,
                format!("the own exposure of {without} images is not known and counts as 0"),
            ));
        }
        found
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let image = (series.image_size[0] * series.image_size[1]) as u64;
        Cost {
            // The image and its spectrum, later what the picture is sorted by.
            memory: PROCESS_MEMORY + (4 << 20) + 8 * image,
            disk: stack_bytes(&series, series.image_size) + (1 << 19),
            cpu_seconds: 0.1 + pixels(&series) * 1.2e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let series = context.load(item)?;
        let size = series.image_size;
        let lowest = lowest_tilt(&series);
        let mut picture = Vec::new();
        let new = NewImages {
            size,
            pixel_size: series.pixel_size,
        };
        let (mut filtered, files) = treat_images(&series, new, context, |which, mut image| {
            let view = &series.images[which.image];
            let dose = view.dose_before + view.exposure.unwrap_or_default();
            let voltage = series.optics.voltage;
            filter_exposure(
                &mut image,
                size,
                series.pixel_size,
                params.model,
                dose,
                voltage,
            );
            if which.image == lowest && which.sum == 0 {
                picture = pictures::image_png(&image, size)?;
            }
            Ok(image)
        })?;
        mark(&mut filtered, Treatment::ExposureWeighted);
        let mut record = context.store::<TiltSeriesKind>(item.name(), &filtered)?;
        record.files.extend(files);
        let picture = context.store::<PictureKind>(item.name(), &picture)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt images were weighted by exposure in thon.".into(),
            citations: vec![Citation::new(
                "Grant & Grigorieff 2015",
                "10.7554/eLife.06980",
            )],
        }
    }
}

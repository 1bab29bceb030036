//! Tilt images with their contrast transfer corrected, the gradient of defocus across the tilt axis included.
//!
//! Kernel: `thon_reconstruct::correct_image`. Xiong et al. 2009, J. Struct. Biol. 168:378.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{PictureKind, TiltSeriesKind};
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_model::Treatment;
use thon_reconstruct::{CtfCorrection, correct_image, used_views};
use thon_units::Angstrom;

use super::transfer::{contrast, transfer_findings};
use crate::kernel_errors::stopped;
use crate::pictures;
use crate::tilt_images::alignment_findings;
use crate::tilt_series::treated::{NewImages, findings, mark, pixels, stack_bytes, treat_images};

/// Correction of tilt images.
pub(crate) struct CorrectCtf;

/// Correct the contrast transfer of tilt images, with the defocus gradient of a flat, tilted specimen.
///
/// For tomograms to look at and pick in. Series that particles are refined in stay as they are: averaging corrects every
/// particle at its own depth. Matter stays dark.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// What is done about the transfer.
    pub correction: CtfCorrection,
    /// Distance of the depths at which images are corrected; fine enough for details of two pixels when empty.
    #[schemars(range(min = 1.0))]
    pub step: Option<Angstrom>,
}

/// Inputs of the correction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series with contrast transfer and defocus hand.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the correction.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with corrected images.
    tilt_series: Output<TiltSeriesKind>,
    /// The image at the lowest tilt.
    pictures: Output<PictureKind>,
}

impl Job for CorrectCtf {
    const ID: &'static str = "tomogram.correct-ctf";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut found = alignment_findings(&series);
        found.extend(findings(&series, &[], context));
        found.extend(transfer_findings(&series, params.correction, params.step));
        found
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let image = (series.image_size[0] * series.image_size[1]) as u64;
        let pixel = series.pixel_size.0;
        let wavelength = series.optics.voltage.electron_wavelength().0;
        let step = params
            .step
            .map_or((pixel * pixel / wavelength).min(2000.0), |step| step.0);
        let width = series.image_size[1].max(series.image_size[0]) as f64 * pixel;
        let depths: f64 = series
            .used()
            .map(|index| 2.0 + width * series.images[index].tilt_angle().0.tan().abs() / step)
            .sum();
        let mean = depths / series.used().count().max(1) as f64;
        Cost {
            memory: PROCESS_MEMORY + 26 * image,
            disk: stack_bytes(&series, series.image_size) + (1 << 19),
            cpu_seconds: 0.1 + pixels(&series) * (6e-8 + mean * 3e-8),
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let series = context.load(item)?;
        let size = series.image_size;
        let views = used_views(&series).map_err(stopped)?;
        let contrast = contrast(&series, params.correction, params.step)
            .ok_or_else(|| JobError::data("an image has no defocus, or the series no hand"))?;
        let tilt = |image: usize| series.images[image].tilt_angle().0.abs();
        let lowest = views
            .iter()
            .map(|view| view.image)
            .min_by(|a, b| tilt(*a).total_cmp(&tilt(*b)));
        let mut picture = Vec::new();
        let new = NewImages {
            size,
            pixel_size: series.pixel_size,
        };
        let (mut corrected, files) = treat_images(&series, new, context, |which, mut image| {
            let index = views
                .iter()
                .position(|view| view.image == which.image)
                .ok_or_else(|| JobError::data("an excluded image was asked for"))?;
            let view = &views[index];
            correct_image(&mut image, size, series.pixel_size, view, index, &contrast)
                .map_err(stopped)?;
            if lowest == Some(which.image) && which.sum == 0 {
                picture = pictures::image_png(&image, size)?;
            }
            Ok(image)
        })?;
        mark(&mut corrected, Treatment::CtfCorrected);
        let mut record = context.store::<TiltSeriesKind>(item.name(), &corrected)?;
        record.files.extend(files);
        let picture = context.store::<PictureKind>(item.name(), &picture)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let how = match params.correction {
            CtfCorrection::PhaseFlip => "by flipping phases",
            CtfCorrection::Multiply => "by multiplication",
            CtfCorrection::Wiener { .. } => "by a Wiener filter",
        };
        Methods {
            text: format!(
                "The contrast transfer of the tilt images was corrected {how}, with the gradient of defocus, in thon."
            ),
            citations: vec![Citation::new(
                "Xiong et al. 2009",
                "10.1016/j.jsb.2009.08.016",
            )],
        }
    }
}

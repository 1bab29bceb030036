//! Tilt images with larger pixels, by Fourier cropping; everything in Å stays as it is.
//!
//! Kernel: `thon_prepare::bin_image`.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{PictureKind, TiltSeriesKind};
use thon_contract::{Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY};
use thon_prepare::{bin_image, binned_size};
use thon_units::PixelSize;

use super::clean::lowest_tilt;
use super::treated::{NewImages, findings, pixels, stack_bytes, treat_images};
use crate::pictures;

/// Binning.
pub(crate) struct Bin;

/// Bin tilt images by Fourier cropping.
///
/// Geometry, shifts and defocus are lengths in Å and stay; pixels become larger. Reconstruction does not need it: it takes
/// raw images and any voxel size.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Pixels along the edge of a new one.
    #[schemars(range(min = 2, max = 32))]
    pub factor: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self { factor: 2 }
    }
}

/// Inputs of the binning.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the binning.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with binned images.
    tilt_series: Output<TiltSeriesKind>,
    /// The image at the lowest tilt.
    pictures: Output<PictureKind>,
}

impl Job for Bin {
    const ID: &'static str = "tilt_series.bin";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut found = findings(&series, &[], context);
        let [ny, nx] = series.image_size;
        if ny.min(nx) / params.factor.max(1) < 16 {
            let message =
                format!("images of {nx} × {ny} pixels would have fewer than 16 along an edge");
            found.push(Finding::error("factor", message));
        }
        found
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let image = (series.image_size[0] * series.image_size[1]) as u64;
        let size = binned_size(series.image_size, params.factor);
        let binned = (size[0] * size[1]) as u64;
        Cost {
            // The image and its spectrum; what is cut out, a copy to transform, the binned image.
            memory: PROCESS_MEMORY + (4 << 20) + 8 * image + 12 * binned,
            disk: stack_bytes(&series, size) + (1 << 19),
            cpu_seconds: 0.1 + pixels(&series) * 5e-8,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let series = context.load(item)?;
        let size = binned_size(series.image_size, params.factor);
        let [ny, nx] = series.image_size;
        let lowest = lowest_tilt(&series);
        let mut picture = Vec::new();
        let new = NewImages {
            size,
            pixel_size: PixelSize(series.pixel_size.0 * params.factor as f64),
        };
        let (mut binned, files) = treat_images(&series, new, context, |which, pixels| {
            let image = Array2::from_shape_vec((ny, nx), pixels)
                .map_err(|e| JobError::data(e.to_string()))?;
            let pixels = bin_image(&image, params.factor).into_raw_vec_and_offset().0;
            if which.image == lowest && which.sum == 0 {
                picture = pictures::image_png(&pixels, size)?;
            }
            Ok(pixels)
        })?;
        binned.volume_size = series
            .volume_size
            .map(|size| size.map(|length| (length / params.factor).max(1)));
        let mut record = context.store::<TiltSeriesKind>(item.name(), &binned)?;
        record.files.extend(files);
        let picture = context.store::<PictureKind>(item.name(), &picture)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Tilt images were binned by {} in Fourier space.",
                params.factor
            ),
            citations: Vec::new(),
        }
    }
}

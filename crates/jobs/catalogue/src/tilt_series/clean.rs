//! X-rays, hot pixels and gold taken out of tilt images.
//!
//! Kernel: `thon_prepare::{remove_peaks, find_beads, erase_beads, normalise_image}`, one image at a time.

use ndarray::ArrayView2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves};
use thon_contract::kinds::{CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_model::{TiltSeries, Treatment};
use thon_picture::row_of;
use thon_prepare::{
    BeadOptions, PeakOptions, erase_beads, find_beads, normalise_image, remove_peaks,
};
use thon_units::Angstrom;

use super::treated::{NewImages, Which, findings, mark, pixels, stack_bytes, treat_images};
use crate::pictures;

/// Cleaning.
pub(crate) struct Clean;

/// Remove X-rays, hot pixels and, if wanted, gold beads from tilt images.
///
/// Holes are filled with the smooth surface through what lies around them. Halves of images are cleaned likewise, each by
/// itself; gold is found in the whole images.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Whether peaks are removed.
    pub remove_peaks: bool,
    /// How peaks are told.
    #[schemars(extend("x-level" = "expert"))]
    pub peaks: PeakOptions,
    /// Diameter of gold beads that are erased; none are when empty.
    #[schemars(range(min = 10.0, max = 2000.0))]
    pub bead_diameter: Option<Angstrom>,
    /// How beads are told.
    #[schemars(extend("x-level" = "expert"))]
    pub beads: BeadOptions,
    /// Whether every image is set to mean 0 and deviation 1. Intensities, and what can be told from them, are lost.
    pub normalise: bool,
    /// Seed of the noise in the place of gold.
    #[schemars(extend("x-level" = "expert"))]
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            remove_peaks: true,
            peaks: PeakOptions::default(),
            bead_diameter: None,
            beads: BeadOptions::default(),
            normalise: false,
            seed: 1,
        }
    }
}

/// Inputs of the cleaning.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the cleaning.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with clean images.
    tilt_series: Output<TiltSeriesKind>,
    /// What was removed from each image.
    removed: Output<CurvesKind>,
    /// The image at the lowest tilt, before and after.
    pictures: Output<PictureKind>,
}

impl Job for Clean {
    const ID: &'static str = "tilt_series.clean";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut once = Vec::new();
        if params.normalise {
            once.push(Treatment::Normalised);
        }
        let mut found = findings(&series, &once, context);
        if !params.remove_peaks && params.bead_diameter.is_none() && !params.normalise {
            found.push(Finding::error("remove_peaks", "there is nothing to do"));
        }
        if let Some(diameter) = params.bead_diameter
            && (diameter / series.pixel_size).0 < 3.0
        {
            let message = format!(
                "{diameter} is less than three pixels of {}; beads cannot be told",
                series.pixel_size
            );
            found.push(Finding::error("bead_diameter", message));
        }
        found
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let image = (series.image_size[0] * series.image_size[1]) as u64;
        let per_pixel = if params.bead_diameter.is_some() {
            44
        } else {
            32
        };
        let beads = if params.bead_diameter.is_some() {
            1e-7
        } else {
            0.0
        };
        Cost {
            memory: PROCESS_MEMORY + per_pixel * image,
            disk: stack_bytes(&series, series.image_size) + (1 << 19),
            cpu_seconds: 0.1 + pixels(&series) * (1.2e-7 + beads),
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let series = context.load(item)?;
        let size = series.image_size;
        let lowest = lowest_tilt(&series);
        let mut counts = vec![Counts::default(); series.images.len()];
        let mut beads = vec![Vec::new(); series.images.len()];
        let mut panels = Vec::new();
        let new = NewImages {
            size,
            pixel_size: series.pixel_size,
        };
        let (mut cleaned, files) = treat_images(&series, new, context, |which, mut image| {
            let shown = which
                == Which {
                    image: lowest,
                    sum: 0,
                };
            if shown {
                panels.push(panel(&image, size)?);
            }
            let count = &mut counts[which.image];
            if params.remove_peaks {
                let report = remove_peaks(&mut image, size, &params.peaks);
                if which.sum == 0 {
                    *count = Counts {
                        bright: report.bright,
                        dark: report.dark,
                        pixels: report.pixels.len(),
                        beads: 0,
                    };
                }
            }
            if let Some(diameter) = params.bead_diameter {
                let diameter = (diameter / series.pixel_size).0;
                if which.sum == 0 {
                    beads[which.image] = find_beads(&image, size, diameter, &params.beads);
                }
                let seed = params
                    .seed
                    .wrapping_add((3 * which.image + which.sum) as u64);
                let centres = &beads[which.image];
                let erased = erase_beads(&mut image, size, centres, diameter, &params.beads, seed);
                if which.sum == 0 {
                    count.beads = erased;
                }
            }
            if params.normalise && !normalise_image(&mut image) {
                let place = format!("{}, image {}", series.name, which.image + 1);
                return Err(JobError::data(format!(
                    "{place}: the image has no contrast"
                )));
            }
            if shown {
                panels.push(panel(&image, size)?);
            }
            Ok(image)
        })?;
        mark_all(&mut cleaned, params, &counts, context);
        let curves = curves(&series, &counts);
        for (name, value) in &curves.facts {
            context.metric(name, *value);
        }
        let mut record = context.store::<TiltSeriesKind>(item.name(), &cleaned)?;
        record.files.extend(files);
        let removed = context.store::<CurvesKind>(item.name(), &curves)?;
        let picture = row_of(&panels, 8, [255, 255, 255]).to_png();
        let picture = context.store::<PictureKind>(item.name(), &picture)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
            removed: Output::of(vec![removed]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let mut removed = Vec::new();
        if params.remove_peaks {
            removed.push("X-rays and hot pixels");
        }
        if params.bead_diameter.is_some() {
            removed.push("gold beads");
        }
        let removed = if removed.is_empty() {
            "Tilt images were normalised in thon.".to_owned()
        } else {
            format!(
                "{} were removed from the tilt images in thon.",
                removed.join(" and ")
            )
        };
        Methods {
            text: removed,
            citations: vec![Citation::new(
                "Mastronarde & Held 2017",
                "10.1016/j.jsb.2016.07.011",
            )],
        }
    }
}

/// What was removed from one image.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    bright: usize,
    dark: usize,
    pixels: usize,
    beads: usize,
}

fn panel(image: &[f32], size: [usize; 2]) -> Result<thon_picture::Picture, JobError> {
    let view = ArrayView2::from_shape(size, image).map_err(|e| JobError::data(e.to_string()))?;
    Ok(pictures::image(&view))
}

/// The used image at the lowest tilt.
pub(super) fn lowest_tilt(series: &TiltSeries) -> usize {
    let tilt = |index: &usize| series.images[*index].tilt_angle().0.abs();
    series
        .used()
        .min_by(|a, b| tilt(a).total_cmp(&tilt(b)))
        .unwrap_or(0)
}

fn curves(series: &TiltSeries, counts: &[Counts]) -> Curves {
    let used: Vec<usize> = series.used().collect();
    let column = |label: &str, value: fn(&Counts) -> usize| {
        Column::new(label, "", used.iter().map(|&i| value(&counts[i]) as f64))
    };
    let total = |value: fn(&Counts) -> usize| used.iter().map(|&i| value(&counts[i]) as f64).sum();
    let tilts = used
        .iter()
        .map(|&i| series.images[i].tilt_angle().degrees().0);
    Curves {
        title: format!("{}: removed from the images", series.name),
        columns: vec![
            Column::new("tilt", "°", tilts),
            column("bright peaks", |c| c.bright),
            column("dark spots", |c| c.dark),
            column("pixels of peaks", |c| c.pixels),
            column("beads", |c| c.beads),
        ],
        facts: [
            ("bright peaks".to_owned(), total(|c| c.bright)),
            ("dark spots".to_owned(), total(|c| c.dark)),
            ("beads erased".to_owned(), total(|c| c.beads)),
        ]
        .into(),
    }
}

/// Records what was done to the images, and says when no bead was found.
fn mark_all(cleaned: &mut TiltSeries, params: &Params, counts: &[Counts], context: &Context) {
    if params.remove_peaks {
        mark(cleaned, Treatment::PeaksRemoved);
    }
    if params.bead_diameter.is_some() {
        mark(cleaned, Treatment::BeadsErased);
        if counts.iter().all(|count| count.beads == 0) {
            context.warn(format!("{}: no bead was found in any image", cleaned.name));
        }
    }
    if params.normalise {
        mark(cleaned, Treatment::Normalised);
    }
}

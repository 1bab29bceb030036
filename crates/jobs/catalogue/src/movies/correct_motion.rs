//! Movies to tilt images: gain, defects, motion, sums.
//!
//! Kernel: `thon_motion`. All frames of a movie are aligned with one another by the likelihood of a common signal; motion that
//! differs over the field is undone only where parts of the image left out of its fit ask for it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_images::eer::SuperResolution;
use thon_model::TiltSeries;
use thon_motion::{DefectMap, FrameSource, GainKind, GainOrientation, LocalChoice};
use thon_units::Angstrom;

use super::detector_files::{doubled, read_defects, read_gain};
use super::drift_report::{drift_curves, drift_picture, quality_curves};
use super::gain_choice::{MOVIES, gain_factors, named};
use super::series_movies::{lowest, movie_findings, open, options, rescale, with_movies};
use super::summing::{Done, Work};
/// Correction of movies.
pub(crate) struct CorrectMotion;

/// Correct the motion of movies and sum them into tilt images.
///
/// The orientation of the gain reference is found among the eight and proven on the movies. Even and odd frames are summed
/// apart as well, for everything that compares halves later. A movie that cannot be used leaves its image
/// excluded, with the reason.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Gain reference (MRC, TIFF or .gain); none for movies that are corrected already.
    #[schemars(extend("x-path" = true))]
    pub gain: Option<PathBuf>,
    /// How its values are meant.
    pub gain_values: GainKind,
    /// How it is turned onto the movies; found when empty.
    pub gain_orientation: Option<GainOrientation>,
    /// Defects of the camera: lines of x, y, width, height, or a map whose bad pixels are not zero.
    #[schemars(extend("x-path" = true))]
    pub defects: Option<PathBuf>,
    /// Look for further defective pixels in each movie.
    #[schemars(extend("x-level" = "expert"))]
    pub find_defects: bool,
    /// Whether motion may differ over the field of view.
    pub local_motion: LocalChoice,
    /// Sum even and odd frames apart as well.
    pub halves: bool,
    /// Weight frames by exposure: for series to look at and pick in, not for averaging, which weights by itself.
    pub exposure_weighting: bool,
    /// Keep plain sums beside weighted ones, as series of their own.
    pub keep_unweighted: bool,
    /// Finest detail that frames are aligned by.
    #[schemars(extend("x-level" = "expert"))]
    pub resolution: Angstrom,
    /// Fractions that the electron events of an EER movie are divided into; 0 for fractions of 0.4 e⁻/Å².
    #[schemars(range(min = 0, max = 1000))]
    pub eer_fractions: usize,
    /// Count the events of an EER movie on pixels half as large as the camera's; a gain reference of the camera's size fits, too.
    pub eer_super_resolution: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            gain: None,
            gain_values: GainKind::Factors,
            gain_orientation: None,
            defects: None,
            find_defects: true,
            local_motion: LocalChoice::WhenHeldOutGains,
            halves: true,
            exposure_weighting: false,
            keep_unweighted: true,
            resolution: Angstrom(4.0),
            eer_fractions: 0,
            eer_super_resolution: false,
        }
    }
}

impl Params {
    /// How fine the pixels are that events are counted on.
    pub(super) fn eer_resolution(&self) -> SuperResolution {
        if self.eer_super_resolution {
            SuperResolution::X2
        } else {
            SuperResolution::X1
        }
    }

    /// Whether there are plain sums beside weighted ones.
    pub(super) fn unweighted(&self) -> bool {
        self.exposure_weighting && self.keep_unweighted
    }
}

/// Inputs of the correction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series whose images have movies.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the correction.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The series with summed images.
    tilt_series: Output<TiltSeriesKind>,
    /// The same series with plain sums, where the others are weighted by exposure; otherwise nothing.
    unweighted: Output<TiltSeriesKind>,
    /// Where the specimen was in each frame of each movie.
    drift: Output<CurvesKind>,
    /// Drift, errors and defects of each movie.
    quality: Output<CurvesKind>,
    /// The image at the lowest tilt, and drift against tilt.
    pictures: Output<PictureKind>,
}

impl Job for CorrectMotion {
    const ID: &'static str = "movies.correct-motion";
    const VERSION: u32 = 2;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = movie_findings(&series, params, context);
        if findings.iter().all(|f| !f.is_error())
            && let Err(e) = prepare(&series, params, context)
        {
            findings.push(Finding::error(&series.name, e.to_string()));
        }
        if !(1.0..=100.0).contains(&params.resolution.0) {
            let message = format!("expected 1 to 100 Å, found {}", params.resolution);
            findings.push(Finding::error("resolution", message));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let movies = with_movies(&series);
        let Some(movie) = movies
            .iter()
            .find_map(|i| open(&series, *i, params, context).ok())
        else {
            return Cost::default();
        };
        let size = movie.size();
        let pixels = (size[0] * size[1]) as f64;
        let images = movies.len() as f64;
        let halves = if params.halves { 3 } else { 1 };
        let kinds = 1 + u64::from(params.unweighted());
        let sums = halves * kinds;
        let memory = thon_motion::memory(
            size,
            movie.frames(),
            movie.counted(),
            &options(&series, 0, params, movie.frames(), size),
        );
        // The search of the gain's orientation; then the factors, defects, and the kernel or a picture beside the sums.
        let gain = u64::from(params.gain.is_some());
        let (search, held) = (24 * gain * pixels as u64, (4 * gain + 1) * pixels as u64);
        let drawn = (4 * sums + 4) * pixels as u64;
        Cost {
            memory: PROCESS_MEMORY + (8 << 20) + search.max(held + memory.max(drawn)),
            disk: (images * pixels * 4.0) as u64 * sums + (1 << 20),
            cpu_seconds: 0.2 + images * movie.frames() as f64 * pixels * 4e-8,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut series = context.load(inputs.tilt_series.item())?;
        let Prepared {
            size,
            gain,
            defects,
        } = prepare(&series, params, context)?;
        // The reference goes when its factors are there.
        let gain = match gain {
            None => None,
            Some(gain) => {
                let movies = lowest(&series, MOVIES)
                    .into_iter()
                    .filter_map(|i| open(&series, i, params, context).ok())
                    .filter(|movie| movie.size() == size)
                    .collect::<Vec<_>>();
                let stated = params.gain_orientation;
                Some(gain_factors(&gain, stated, &movies, size, context)?)
            }
        };
        rescale(&mut series, size);
        let work = Work {
            params,
            defects: &defects,
            gain: gain.as_deref(),
            context,
        };
        let done = work.correct(&mut series)?;
        store(&series, done, context)
    }

    fn methods(params: &Params) -> Methods {
        let local = match params.local_motion {
            LocalChoice::Never => "",
            LocalChoice::WhenHeldOutGains => {
                ", and by a smooth local model where tiles left out of its fit were explained better"
            }
        };
        let (weighted, citations) = if params.exposure_weighting {
            let citation = Citation::new("Grant & Grigorieff 2015", "10.7554/eLife.06980");
            (" with weights by exposure", vec![citation])
        } else {
            ("", Vec::new())
        };
        Methods {
            text: format!(
                "Movie frames were aligned in thon by maximising the likelihood of a signal common to all frames{local}, and summed{weighted}."
            ),
            citations,
        }
    }

    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let given = [&params.gain, &params.defects].into_iter().flatten();
        Ok(given
            .filter(|path| context.resolve(path).is_file())
            .cloned()
            .collect())
    }
}

/// What is read before the first movie.
struct Prepared {
    size: [usize; 2],
    gain: Option<thon_motion::GainReference>,
    defects: DefectMap,
}

fn prepare(series: &TiltSeries, params: &Params, context: &Context) -> Result<Prepared, JobError> {
    let first = with_movies(series)
        .into_iter()
        .find_map(|i| open(series, i, params, context).ok());
    let first =
        first.ok_or_else(|| JobError::data(format!("{}: no movie can be opened", series.name)))?;
    let size = first.size();
    let gain = match &params.gain {
        None => None,
        Some(path) => {
            let mut gain = read_gain(&context.resolve(path), params.gain_values)?;
            if params.eer_super_resolution && gain.fitting(size).is_empty() {
                gain = doubled(&gain);
            }
            // Says what does not fit, in the orientation that was stated or in any.
            let fitting = gain.fitting(size);
            let orientation = params.gain_orientation.or(fitting.first().copied());
            gain.factors(orientation.unwrap_or_default(), size)
                .map_err(named)?;
            Some(gain)
        }
    };
    let defects = match &params.defects {
        None => DefectMap::none(size),
        Some(path) => read_defects(&context.resolve(path), size)?,
    };
    Ok(Prepared {
        size,
        gain,
        defects,
    })
}

/// Stores what was made.
fn store(series: &TiltSeries, done: Done, context: &Context) -> Result<Outputs, JobError> {
    let Done {
        results,
        files,
        unweighted,
        picture,
    } = done;
    let (drift, quality) = (
        drift_curves(series, &results),
        quality_curves(series, &results),
    );
    for (name, value) in &quality.facts {
        context.metric(name, *value);
    }
    let plot = drift_picture(&quality).to_png();
    let name = &series.name;
    let mut record = context.store::<TiltSeriesKind>(name, series)?;
    record.files.extend(files);
    let mut plain = Vec::new();
    if let Some((series, files)) = unweighted {
        let mut record = context.store::<TiltSeriesKind>(&series.name, &series)?;
        record.files.extend(files);
        plain.push(record);
    }
    let mut pictures = vec![context.store::<PictureKind>(&format!("{name}_drift"), &plot)?];
    if !picture.is_empty() {
        pictures.insert(0, context.store::<PictureKind>(name, &picture)?);
    }
    let curves =
        |suffix: &str, value| context.store::<CurvesKind>(&format!("{name}_{suffix}"), value);
    Ok(Outputs {
        tilt_series: Output::of(vec![record]),
        unweighted: Output::of(plain),
        drift: Output::of(vec![curves("drift", &drift)?]),
        quality: Output::of(vec![curves("quality", &quality)?]),
        pictures: Output::of(pictures),
    })
}

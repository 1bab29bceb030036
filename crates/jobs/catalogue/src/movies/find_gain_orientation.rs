//! How a gain reference is turned onto the movies of a series, among the eight orientations, with the evidence.
//!
//! Kernel: `thon_motion::search_gain_orientation`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::ArrayView2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY};
use thon_motion::{
    Flip, FrameSource, GainKind, GainOrientation, GainReference, GainSearch, GainVerdict,
    search_gain_orientation,
};
use thon_picture::row_of;

use super::correct_motion;
use super::detector_files::read_gain;
use super::gain_choice::{named, summed};
use super::movie_files::MovieFile;
use super::series_movies::{lowest, open, with_movies};
use crate::pictures;

/// The search.
pub(crate) struct FindGainOrientation;

/// Find how a gain reference is turned onto the movies, and prove it.
///
/// All eight orientations are tried on uncorrected movies of low tilts. Counts carry the inverse pattern of the right reference: its
/// slope is 1 and its z is large, those of the others are 0 within their errors. `movies.correct-motion` does the same by
/// itself; this job shows the evidence before.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Gain reference (MRC, TIFF or .gain).
    #[schemars(extend("x-path" = true))]
    pub gain: Option<PathBuf>,
    /// How its values are meant.
    pub gain_values: GainKind,
    /// Movies that are added up, those of the lowest tilts.
    #[schemars(range(min = 1, max = 100))]
    pub movies: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            gain: None,
            gain_values: GainKind::Factors,
            movies: 3,
        }
    }
}

/// Inputs of the search.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series whose images have movies.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the search.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Slope and z of every orientation, best first.
    orientations: Output<CurvesKind>,
    /// The sum of the movies before and after the reference in the best orientation.
    pictures: Output<PictureKind>,
}

impl Job for FindGainOrientation {
    const ID: &'static str = "movies.find-gain-orientation";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let failed = |e: JobError| vec![Finding::error("gain", e.to_string())];
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        if with_movies(&series).is_empty() {
            let finding = Finding::error(&series.name, "none of its used images has a movie");
            return vec![finding.with_hint("import the mdoc with the folder of its movies")];
        }
        let movies = match movies(params, &series, context) {
            Ok(movies) => movies,
            Err(e) => return vec![Finding::error(&series.name, e.to_string())],
        };
        match reference(params, context) {
            Err(e) => failed(e),
            Ok(gain) if gain.fitting(movies[0].size()).is_empty() => {
                let ([a, b], [c, d]) = (gain.size, movies[0].size());
                let message = format!("has {a} × {b} pixels, the movies {c} × {d}");
                vec![Finding::error("gain", message)]
            }
            Ok(_) => Vec::new(),
        }
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let Ok(movies) = movies(params, &series, context) else {
            return Cost::default();
        };
        let pixels = movies[0].size().iter().product::<usize>() as u64;
        let frames: usize = movies.iter().map(FrameSource::frames).sum();
        Cost {
            // The reference, its pattern and its inverse in one orientation, the sum and its pattern.
            memory: PROCESS_MEMORY + (8 << 20) + 24 * pixels,
            disk: 1 << 20,
            cpu_seconds: 0.1 + (frames as u64 * pixels) as f64 * 2e-9 + pixels as f64 * 2e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let series = context.load(item)?;
        let gain = reference(params, context)?;
        let movies = movies(params, &series, context)?;
        let size = movies[0].size();
        let mut counts = summed(&movies, size)?;
        let search = search_gain_orientation(&counts, size, &gain).map_err(named)?;
        tell(&search, &series.name, context);
        let drawn = |pixels: &[f32]| -> Result<_, JobError> {
            let view = ArrayView2::from_shape(size, pixels);
            Ok(pictures::image(
                &view.map_err(|e| JobError::data(e.to_string()))?,
            ))
        };
        let before = drawn(&counts)?;
        let factors = gain
            .factors(search.trials[0].orientation, size)
            .map_err(named)?;
        counts.iter_mut().zip(&factors).for_each(|(c, f)| *c *= f);
        let picture = row_of(&[before, drawn(&counts)?], 8, [255, 255, 255]);
        Ok(Outputs {
            orientations: Output::of(vec![
                context.store::<CurvesKind>(item.name(), &curves(&search, &series.name))?,
            ]),
            pictures: Output::of(vec![
                context.store::<PictureKind>(item.name(), &picture.to_png())?,
            ]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "The orientation of the gain reference was found in thon by regression of the counts on its inverse.".into(),
            citations: Vec::new(),
        }
    }

    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let given = params.gain.iter();
        Ok(given
            .filter(|path| context.resolve(path).is_file())
            .cloned()
            .collect())
    }
}

fn reference(params: &Params, context: &Context) -> Result<GainReference, JobError> {
    let path = params
        .gain
        .as_ref()
        .ok_or_else(|| JobError::data("expected a gain reference, found none"))?;
    read_gain(&context.resolve(path), params.gain_values)
}

/// The movies of the lowest tilts that can be opened and are as large as the first; at least one.
fn movies(
    params: &Params,
    series: &thon_model::TiltSeries,
    context: &Context,
) -> Result<Vec<MovieFile>, JobError> {
    let options = correct_motion::Params::default();
    let mut movies: Vec<MovieFile> = lowest(series, params.movies.max(1))
        .into_iter()
        .filter_map(|i| open(series, i, &options, context).ok())
        .collect();
    let Some(size) = movies.first().map(FrameSource::size) else {
        return Err(JobError::data("no movie can be opened"));
    };
    movies.retain(|movie| movie.size() == size);
    Ok(movies)
}

fn tell(search: &GainSearch, name: &str, context: &Context) {
    let best = &search.trials[0];
    context.metric("gain slope", best.slope);
    context.metric("gain z", best.z);
    context.metric("gain p", search.p_value());
    let said = match &search.verdict {
        GainVerdict::Proven(_) => return,
        GainVerdict::Inverted(found, kind) => format!(
            "the reference ({found}) explains the movies the wrong way round: its values are {kind:?}"
        ),
        GainVerdict::Undecided => {
            "more than one orientation of the reference explains the movies".into()
        }
        GainVerdict::Unrelated => {
            "no orientation of the reference explains the movies: they are corrected already, or it is of another camera"
                .into()
        }
    };
    context.warn(format!("{name}: {said}"));
}

fn curves(search: &GainSearch, name: &str) -> Curves {
    let column = |label: &str, unit: &str, of: &dyn Fn(&GainOrientation) -> f64| {
        Column::new(
            label,
            unit,
            search.trials.iter().map(|t| of(&t.orientation)),
        )
    };
    let flip = |orientation: &GainOrientation| match orientation.flip {
        Flip::None => 0.0,
        Flip::UpsideDown => 1.0,
        Flip::LeftRight => 2.0,
    };
    let proven = matches!(search.verdict, GainVerdict::Proven(_));
    let facts = [
        ("proven", f64::from(u8::from(proven))),
        ("p", search.p_value()),
    ];
    Curves {
        title: format!("Orientations of the gain reference on {name}"),
        columns: vec![
            column("quarter turns", "", &|o| f64::from(o.quarter_turns)),
            column("flip: 1 upside down, 2 left and right", "", &flip),
            Column::new("slope", "", search.trials.iter().map(|t| t.slope)),
            Column::new("z", "σ", search.trials.iter().map(|t| t.z)),
        ],
        facts: facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
    }
}

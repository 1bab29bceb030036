//! Alignment of a tilt series from a fiducial model that another program or a person tracked.
//!
//! Kernel: `thon_align::adjust`; the model (`.fid`, `.mod` of IMOD) is read by `import::fiducial_model`. Frames: tilt image →
//! specimen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Track, adjust};
use thon_contract::kinds::{CurvesKind, FilesKind, PictureKind, TiltSeriesKind};
use thon_contract::{Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY};
use thon_model::TiltSeries;

use super::fiducials::{self, Freedoms};
use super::local_motion::{Local, Rigid};
use crate::import::fiducial_model::{GivenModel, given_tracks};

/// Alignment from a given fiducial model.
pub(crate) struct AlignTracks;

/// Align a tilt series from a fiducial model tracked elsewhere.
///
/// The positions of an IMOD model are taken as they are; geometry and places of the points are solved here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The model, `.fid` or `.mod`; `{name}` stands for the name of the series.
    pub model: String,
    /// Transforms of the images the model was drawn on (`.prexg`), when they were pre-aligned; `{name}` as above.
    pub prealignment: String,
    /// Raw pixels per pixel of the images the model was drawn on.
    pub binning: f64,
    /// What the adjustment solves for.
    pub solve: Freedoms,
    /// Motion of the specimen and local displacements.
    pub local: Local,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            model: String::new(),
            prealignment: String::new(),
            binning: 1.0,
            solve: Freedoms::default(),
            local: Local::default(),
        }
    }
}

/// Inputs of the alignment.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tilt series the model belongs to.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the alignment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The aligned series.
    tilt_series: Output<TiltSeriesKind>,
    /// Residual and certainty of every view.
    residuals: Output<CurvesKind>,
    /// Places of the points in the specimen.
    points: Output<CurvesKind>,
    /// The tracks on the raw images, with residuals.
    fiducials: Output<FilesKind>,
    /// Residuals, drawn.
    pictures: Output<PictureKind>,
}

impl Job for AlignTracks {
    const ID: &'static str = "tilt_series.align-tracks";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = Vec::new();
        if !(params.binning > 0.0 && params.binning <= 64.0) {
            let message = format!(
                "expected more than 0 and at most 64, found {}",
                params.binning
            );
            findings.push(Finding::error("binning", message));
        }
        if series.image_size == [0, 0] {
            findings.push(Finding::error(
                &series.name,
                "the size of the images is not known yet",
            ));
        }
        if findings.is_empty()
            && let Err(error) = tracks(params, &series, context)
        {
            findings.push(Finding::error("model", error.to_string()));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let points = tracks(params, &series, context).map_or(0, |tracks| tracks.len());
        Cost {
            memory: PROCESS_MEMORY,
            disk: fiducials::disk(&series, points),
            cpu_seconds: fiducials::adjusting(&series, points),
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let tracks = tracks(params, &series, context)?;
        thon_compute::check(context.progress())?;
        let (start, options) = (fiducials::start(&series), params.solve.adjustment());
        let solution = adjust(&tracks, &start, &options).map_err(fiducials::stopped)?;
        let rigid = Rigid {
            series: &series,
            views: &(0..series.images.len()).collect::<Vec<_>>(),
            tracks: &tracks,
            start: &start,
            options: &options,
            solution: &solution,
        };
        let (solution, facts) = params.local.follow(&rigid, context)?;
        let aligned = fiducials::adopt(&mut series, &solution, context);
        if aligned < 3 {
            return Err(JobError::data(format!(
                "{}: only {aligned} views could be aligned",
                series.name
            )));
        }
        let report = fiducials::Report {
            series: &series,
            tracks: &tracks,
            solution: &solution,
            facts: &facts,
        };
        let (name, curves) = (item.name(), report.curves());
        let picture = context.store::<PictureKind>(name, &fiducials::residual_plot(&curves))?;
        Ok(Outputs {
            residuals: Output::of(vec![
                context.store::<CurvesKind>(&format!("{name}_residuals"), &curves)?,
            ]),
            points: Output::of(vec![context.store::<CurvesKind>(name, &report.points())?]),
            fiducials: Output::of(vec![
                context.store::<FilesKind>(name, &report.files(name, context)?)?,
            ]),
            pictures: Output::of(vec![picture]),
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(name, &series)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Tilt series were aligned from tracked fiducials by robust bundle adjustment of {} in thon.{}",
                params.solve.words(),
                params.local.sentence()
            ),
            citations: Vec::new(),
        }
    }
}

/// Tracks of the model on used views.
fn tracks(params: &Params, series: &TiltSeries, context: &Context) -> Result<Vec<Track>, JobError> {
    let given = GivenModel {
        model: &params.model,
        prealignment: &params.prealignment,
        binning: params.binning,
    };
    given_tracks(&given, series, context)
}

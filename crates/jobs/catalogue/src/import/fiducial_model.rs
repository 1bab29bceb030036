//! Tracks of fiducials from an IMOD model (`.fid`, `.mod`), on the raw images of a tilt series.

use std::path::{Path, PathBuf};

use thon_align::{Observation, Track};
use thon_contract::{Context, JobError};
use thon_formats::imod::{model, transforms};
use thon_interop::imod::{DrawnOn, TrackedPoint, tracks_of};
use thon_model::TiltSeries;

/// Where a model lies, and what it was drawn on. `{name}` in a path stands for the name of the series.
pub(crate) struct GivenModel<'a> {
    /// The model.
    pub(crate) model: &'a str,
    /// Transforms of the images it was drawn on (`.prexg`); empty for raw images.
    pub(crate) prealignment: &'a str,
    /// Binning of the images it was drawn on.
    pub(crate) binning: f64,
}

/// Tracks of a model on the views that are used.
///
/// # Errors
/// Files that cannot be read, points outside of the series, fewer than two contours with three points.
pub(crate) fn given_tracks(
    given: &GivenModel<'_>,
    series: &TiltSeries,
    context: &Context,
) -> Result<Vec<Track>, JobError> {
    if given.model.is_empty() {
        return Err(JobError::data("no fiducial model is named"));
    }
    let path = |pattern: &str| -> PathBuf {
        context.resolve(Path::new(&pattern.replace("{name}", &series.name)))
    };
    let file = path(given.model);
    let model = model::read(&file).map_err(|e| JobError::data(e.to_string()))?;
    let prealignment = if given.prealignment.is_empty() {
        None
    } else {
        let file = path(given.prealignment);
        Some(transforms::read(&file).map_err(|e| JobError::data(e.to_string()))?)
    };
    let drawn_on = DrawnOn {
        raw: series.image_size,
        pixel_size: series.pixel_size,
        binning: given.binning,
        prealignment: prealignment.as_deref(),
    };
    let fault = |text: String| JobError::data(format!("{}: {text}", file.display()));
    let found = tracks_of(&model, &drawn_on, series.images.len()).map_err(fault)?;
    let track = |points: Vec<TrackedPoint>| Track {
        points: points
            .into_iter()
            .filter(|(view, _)| series.images[*view].is_used())
            .map(|(view, position)| Observation {
                view,
                position,
                weight: 1.0,
            })
            .collect(),
    };
    let tracks: Vec<Track> = found.into_iter().map(track).collect();
    if tracks.iter().filter(|t| t.points.len() >= 3).count() < 2 {
        return Err(fault(
            "fewer than two contours with three points or more".into(),
        ));
    }
    Ok(tracks)
}

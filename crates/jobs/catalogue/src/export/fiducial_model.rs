//! Tracks of fiducials as an IMOD model (`.fid`).

use thon_align::Track;
use thon_formats::imod::model;
use thon_interop::imod::{TrackedPoint, model_of};
use thon_model::TiltSeries;

/// The bytes of a model with one contour for each track, drawn on the raw images of the series.
pub(crate) fn fiducial_model(series: &TiltSeries, tracks: &[Track]) -> Vec<u8> {
    let tracks: Vec<Vec<TrackedPoint>> = tracks
        .iter()
        .map(|track| track.points.iter().map(|p| (p.view, p.position)).collect())
        .collect();
    let size = series.image_size;
    model::write(&model_of(
        &tracks,
        size,
        series.pixel_size,
        series.images.len(),
    ))
}

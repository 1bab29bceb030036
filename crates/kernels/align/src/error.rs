//! What can go wrong in an alignment from points, each with what to do about it.

use thiserror::Error;

/// Errors of the alignment.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AlignError {
    /// An observation names a view that does not exist.
    #[error("track {track}: an observation lies on view {view}, but there are {views} views")]
    UnknownView {
        /// Index of the track.
        track: usize,
        /// The view it names.
        view: usize,
        /// Number of views.
        views: usize,
    },
    /// A position or weight is not a finite number, or a weight is negative.
    #[error(
        "track {track}, view {view}: the position or weight is not a finite number, or the weight is negative"
    )]
    NotFinite {
        /// Index of the track.
        track: usize,
        /// The view.
        view: usize,
    },
    /// Too few measurements for the unknowns.
    #[error(
        "{measurements} measured coordinates on {tracks} tracks cannot determine {unknowns} unknowns; track more points, or solve for fewer variables"
    )]
    TooFewMeasurements {
        /// Tracks that can be used.
        tracks: usize,
        /// Measured coordinates on them.
        measurements: usize,
        /// Unknowns of views and points.
        unknowns: usize,
    },
    /// The normal equations cannot be solved.
    #[error(
        "the measurements do not determine the alignment: {0}; fix a variable, group more views, or give it a prior"
    )]
    Undetermined(String),
    /// An image could not be read.
    #[error("view {view} (counted from 0): {text}")]
    Image {
        /// The view.
        view: usize,
        /// What its reader said.
        text: String,
    },
    /// Work was cancelled.
    #[error(transparent)]
    Cancelled(#[from] thon_compute::Cancelled),
}

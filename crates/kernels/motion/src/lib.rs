//! Motion of movies: gain, defects, drift between frames, dose-weighted sums.
//!
//! * [`search_gain_orientation`]: which of the eight orientations of a gain reference is right, with the evidence.
//! * [`DefectMap`]: given and found defects of the detector.
//! * [`correct_movie`]: the motion of one movie, and its aligned sums.
//!
//! Displacements say where matter is *seen* in a frame relative to the mean over frames, in pixels of the movie, x along rows;
//! sums undo them, and each frame is interpolated once.

mod coarse;
mod correct;
mod corrected;
mod defects;
mod error;
mod estimate;
mod fit;
mod frames;
mod gain;
mod gain_search;
mod local;
mod objective;
mod power;
mod smooth;
mod sums;
mod tiles;
mod vectors;
mod warp;

pub use correct::{
    CorrectOptions, CorrectedMovie, Detector, MovieQuality, correct_movie, correct_movie_by, memory,
};
pub use defects::{DefectArea, DefectMap};
pub use error::{MotionError, SourceError};
pub use estimate::{EstimateOptions, LocalChoice, Motion};
pub use frames::{FrameSource, FramesInMemory};
pub use gain::{Flip, GainKind, GainOrientation, GainReference};
pub use gain_search::{GainSearch, GainTrial, GainVerdict, search_gain_orientation};
pub use local::{HeldOut, LocalModel, LocalMotion};
pub use sums::{ExposureWeighting, SumOptions, Sums};

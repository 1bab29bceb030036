//! What can be wrong with a movie, its gain reference or what was asked.

use thon_compute::Cancelled;

/// An error of the caller's own reader, carried through.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why a movie was not corrected.
#[derive(Debug, thiserror::Error)]
pub enum MotionError {
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A frame could not be read.
    #[error("frame {} could not be read: {reason}", frame + 1)]
    Read {
        /// Index of the frame, from 0.
        frame: usize,
        /// The reader's error.
        reason: SourceError,
    },
    /// There is nothing to align.
    #[error(
        "the movie has {frames} frames of {ny} × {nx} pixels; expected at least one frame of 64 × 64"
    )]
    Size {
        /// Frames found.
        frames: usize,
        /// Rows found.
        ny: usize,
        /// Columns found.
        nx: usize,
    },
    /// Pixels that are no numbers.
    #[error("frame {}: {pixels} pixels are infinite or not a number\nhint: the file is damaged; copy it again or exclude the image", frame + 1)]
    NotFinite {
        /// Index of the frame, from 0.
        frame: usize,
        /// How many pixels.
        pixels: usize,
    },
    /// No frame holds electrons.
    #[error(
        "all {frames} frames are black or constant\nhint: the shutter was closed or the file is empty; exclude the image"
    )]
    Black {
        /// Frames looked at.
        frames: usize,
    },
    /// The gain reference is not of the movie's size, in any orientation that was allowed.
    #[error(
        "the gain reference has {gain_rows} × {gain_columns} pixels, the movie {rows} × {columns}\nhint: {hint}"
    )]
    GainSize {
        /// Rows of the gain reference.
        gain_rows: usize,
        /// Its columns.
        gain_columns: usize,
        /// Rows of the movie.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// What may help.
        hint: &'static str,
    },
    /// The gain reference holds nothing that can be used.
    #[error(
        "the gain reference is useless: {problem}\nhint: expected factors around 1, or expected counts, with few zeros"
    )]
    GainValues {
        /// What is wrong with it.
        problem: String,
    },
    /// A defect lies outside the detector.
    #[error(
        "defect {index} covers rows {rows:?} and columns {columns:?}, outside of {ny} × {nx} pixels\nhint: it belongs to another camera, or x and y are exchanged"
    )]
    Defect {
        /// Its place in the list, from 1.
        index: usize,
        /// Rows it covers.
        rows: std::ops::Range<usize>,
        /// Columns it covers.
        columns: std::ops::Range<usize>,
        /// Rows of the detector.
        ny: usize,
        /// Columns of the detector.
        nx: usize,
    },
    /// An option is out of range.
    #[error("{field} is {found}, expected {expected}")]
    Option {
        /// Name of the option.
        field: &'static str,
        /// What was given.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
}

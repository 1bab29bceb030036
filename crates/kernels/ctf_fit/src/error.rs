//! What keeps a contrast transfer from being estimated.

use thiserror::Error;
use thon_compute::Cancelled;

/// Errors of the estimation.
#[derive(Debug, Error, PartialEq)]
pub enum CtfFitError {
    /// Fewer pixels than a tile needs.
    #[error(
        "expected images of at least {expected} × {expected} pixels, found {found:?} (y, x)\nhint: choose a smaller tile"
    )]
    ImageTooSmall {
        /// Edge of a tile.
        expected: usize,
        /// Size of the image, `[ny, nx]`.
        found: [usize; 2],
    },
    /// The band of resolutions holds too few rings of the spectrum.
    #[error(
        "expected at least {expected} rings of the spectrum between {low:.1} and {high:.1} Å, found {found}\nhint: widen the resolution range, or take larger tiles"
    )]
    NarrowBand {
        /// Rings needed.
        expected: usize,
        /// Rings found.
        found: usize,
        /// Low-resolution end, Å.
        low: f64,
        /// High-resolution end, Å.
        high: f64,
    },
    /// An option out of range.
    #[error("{name}: expected {expected}, found {found}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// Nothing to estimate from.
    #[error(
        "expected at least one view with tiles, found none\nhint: are all views excluded, blank or covered by gold?"
    )]
    NoViews,
    /// Lists that belong together have different lengths.
    #[error("expected {expected} {what}, found {found}")]
    Lengths {
        /// What is counted.
        what: &'static str,
        /// Entries needed.
        expected: usize,
        /// Entries given.
        found: usize,
    },
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

//! What can go wrong in marker-free alignment.

use thon_compute::Cancelled;

/// Why a series cannot be aligned.
#[derive(Debug, thiserror::Error)]
pub enum MarkerlessError {
    /// Fewer images than an alignment needs.
    #[error(
        "expected at least 3 usable tilt images, found {found}\nhint: look at the reasons of the excluded ones"
    )]
    TooFewViews {
        /// Usable images.
        found: usize,
    },
    /// Images of different extents, or as many geometries as there are no images.
    #[error("{what}: expected {expected}, found {found}")]
    Extent {
        /// What does not fit.
        what: &'static str,
        /// Expected.
        expected: String,
        /// Found.
        found: String,
    },
    /// A parameter outside its range.
    #[error("{name}: expected {expected}, found {found}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// What it was.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The specimen plane is seen edge-on, or a geometry is no number.
    #[error("geometry of view {view} (counted from 0): {problem}")]
    Geometry {
        /// Index of the view.
        view: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl MarkerlessError {
    pub(crate) fn parameter(
        name: &'static str,
        found: &dyn std::fmt::Display,
        expected: &'static str,
    ) -> Self {
        Self::Parameter {
            name,
            found: found.to_string(),
            expected,
        }
    }
}

//! What can go wrong.

use thon_compute::Cancelled;

/// Why a search stopped.
#[derive(Debug, thiserror::Error)]
pub enum PickError {
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A parameter is outside its range.
    #[error("{field} is {found}, expected {expected}")]
    Parameter {
        /// Name of the parameter.
        field: &'static str,
        /// What was given.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// Voxels that are not numbers.
    #[error("{count} voxels of the {what} are infinite or not a number")]
    NotFinite {
        /// Tomogram or template.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A volume without contrast.
    #[error("the {what} has no contrast{hint}")]
    Flat {
        /// Tomogram or template.
        what: &'static str,
        /// What could help, with a leading newline; empty when nothing is known.
        hint: &'static str,
    },
    /// Buffers do not fit.
    #[error(
        "buffers of {needed} MiB do not fit into the {allowed} MiB allowed\nhint: allow more, or take a smaller mask"
    )]
    Memory {
        /// Least memory that would do, MiB.
        needed: usize,
        /// What was allowed, MiB.
        allowed: usize,
    },
}

impl PickError {
    /// A parameter outside its range.
    pub(crate) fn parameter(
        field: &'static str,
        found: &dyn std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Parameter {
            field,
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}

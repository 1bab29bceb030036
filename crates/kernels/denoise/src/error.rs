//! What can go wrong.

use thon_compute::Cancelled;

/// An error of the caller's own reader or writer, carried through.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why denoising stopped.
#[derive(Debug, thiserror::Error)]
pub enum DenoiseError {
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
        expected: &'static str,
    },
    /// Voxels that are not numbers.
    #[error("rows from y = {first_row} on hold {count} voxels that are infinite or not a number")]
    NotFinite {
        /// First row that was looked at.
        first_row: usize,
        /// How many.
        count: usize,
    },
    /// A volume without contrast.
    #[error("the volume has no contrast: every voxel that was sampled is {value}")]
    Flat {
        /// The value.
        value: f32,
    },
    /// Rows could not be read.
    #[error("rows from y = {first_row} on could not be read")]
    Read {
        /// First row.
        first_row: usize,
        /// The reader's error.
        source: SourceError,
    },
    /// Rows could not be written.
    #[error("rows from y = {first_row} on could not be written")]
    Write {
        /// First row.
        first_row: usize,
        /// The writer's error.
        source: SourceError,
    },
}

impl DenoiseError {
    pub(crate) fn parameter(
        field: &'static str,
        found: &dyn std::fmt::Display,
        expected: &'static str,
    ) -> Self {
        Self::Parameter {
            field,
            found: found.to_string(),
            expected,
        }
    }

    /// An error unless the value lies in a range.
    pub(crate) fn check(
        field: &'static str,
        value: f64,
        range: std::ops::RangeInclusive<f64>,
        expected: &'static str,
    ) -> Result<(), Self> {
        if range.contains(&value) {
            Ok(())
        } else {
            Err(Self::parameter(field, &value, expected))
        }
    }
}

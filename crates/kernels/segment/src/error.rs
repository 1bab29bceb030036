//! What can go wrong.

use thon_compute::Cancelled;
use thon_denoise::SourceError;

/// Why a segmentation or a surface was not made.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
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
    #[error("rows from y = {first_row} on hold {count} voxels that are infinite or not a number")]
    NotFinite {
        /// First row that was looked at.
        first_row: usize,
        /// How many.
        count: usize,
    },
    /// A volume without contrast.
    #[error("the volume has no contrast: no ridge of either sign is in it")]
    Flat,
    /// More ridges than the memory given holds.
    #[error(
        "{found} ridge voxels would need {needed} MiB, {allowed} MiB are allowed; give more memory, or bin the tomogram"
    )]
    TooMany {
        /// Ridge voxels kept.
        found: usize,
        /// Memory for them, MiB.
        needed: usize,
        /// Memory given, MiB.
        allowed: usize,
    },
    /// A surface was asked of nothing.
    #[error("there is no surface: {0}")]
    NoSurface(&'static str),
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

impl SegmentError {
    /// An error unless the value lies in a range.
    pub(crate) fn check(
        field: &'static str,
        value: f64,
        range: std::ops::RangeInclusive<f64>,
        unit: &str,
    ) -> Result<(), Self> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(Self::Parameter {
            field,
            found: format!("{value}"),
            expected: format!("{} to {} {unit}", range.start(), range.end()),
        })
    }
}

//! What can go wrong in a reconstruction.

use thon_compute::Cancelled;

/// An error of the caller's own reader or writer, carried through.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why a reconstruction stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReconstructError {
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Nothing to reconstruct from.
    #[error("no view to reconstruct from; hint: every tilt image is excluded or the list is empty")]
    NoViews,
    /// A used tilt image has no geometry.
    #[error(
        "tilt image {index} (counted from 0) of '{series}' has no geometry; hint: align the series first, or exclude the image"
    )]
    NotAligned {
        /// Name of the tilt series.
        series: String,
        /// Index of the image in its series.
        index: usize,
    },
    /// A view's geometry cannot be used.
    #[error("geometry of tilt image {index} (counted from 0): {problem}")]
    Geometry {
        /// Index of the image in its series.
        index: usize,
        /// What is wrong.
        problem: &'static str,
    },
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
    /// An array has the wrong number of elements.
    #[error("{what}: {found} elements, expected {expected}")]
    Length {
        /// Which array.
        what: &'static str,
        /// Elements found.
        found: usize,
        /// Elements expected.
        expected: usize,
    },
    /// An image could not be read.
    #[error("tilt image {index} (counted from 0) could not be read")]
    Read {
        /// Index of the image in its series.
        index: usize,
        /// The reader's error.
        source: SourceError,
    },
    /// An image holds a value that is not a number.
    #[error(
        "tilt image {index} (counted from 0) holds {count} pixels that are infinite or not a number; hint: exclude it or clean it first"
    )]
    NotFinite {
        /// Index of the image in its series.
        index: usize,
        /// How many pixels.
        count: usize,
    },
    /// A particle that cannot be added to sums.
    #[error("particle {index} (counted from 0 in its block) has {what}")]
    Contribution {
        /// Index among the particles that were handed in.
        index: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Fixed-point sums would not hold what is to be added.
    #[error(
        "sums of at most {filled:e} quanta cannot take {added:e} more (limit 2^62); hint: noise powers that differ by many orders of magnitude make the quantum too small, look at the noise spectra"
    )]
    Overflow {
        /// Largest size of an element, quanta.
        filled: f64,
        /// What was to be added to it at most, quanta.
        added: f64,
    },
    /// Sums that do not belong together.
    #[error("sums of {found} cannot be combined with sums of {expected}")]
    DifferentSums {
        /// Kind of the second sums.
        found: String,
        /// Kind of the first sums.
        expected: String,
    },
    /// Nothing was added to the sums.
    #[error("no particle was added to the sums; hint: the half set or class is empty")]
    EmptySums,
    /// Bytes that are not stored sums.
    #[error("stored sums: {field} is {found}, expected {expected}")]
    StoredSums {
        /// Which part of the bytes.
        field: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// The sink refused a slab.
    #[error("rows from y = {first_row} on could not be written")]
    Write {
        /// First row of the slab.
        first_row: usize,
        /// The writer's error.
        source: SourceError,
    },
}

impl ReconstructError {
    /// A parameter outside its range.
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

    /// `Err` unless an array has the expected number of elements.
    pub(crate) fn check_length(
        what: &'static str,
        found: usize,
        expected: usize,
    ) -> Result<(), Self> {
        if found == expected {
            Ok(())
        } else {
            Err(Self::Length {
                what,
                found,
                expected,
            })
        }
    }
}

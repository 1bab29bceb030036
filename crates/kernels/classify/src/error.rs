//! What can be wrong with what this crate is given.

use thiserror::Error;

/// Errors of classification.
#[derive(Debug, Error)]
pub enum ClassifyError {
    /// A parameter out of range.
    #[error("{name} is {value}: expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// An array of a wrong length.
    #[error("{what}: expected {expected} values, found {found}")]
    Length {
        /// The array.
        what: String,
        /// Values it should have.
        expected: usize,
        /// Values it has.
        found: usize,
    },
    /// Fewer particles than classes or components need.
    #[error(
        "{found} particles: expected at least {expected}\nhint: ask for fewer classes or components"
    )]
    TooFew {
        /// Particles there are.
        found: usize,
        /// Particles that are needed.
        expected: usize,
    },
    /// An image whose values are all equal, or not all finite.
    #[error(
        "image {index} {problem}\nhint: look at the file with `thon inspect`, leave the particle out"
    )]
    Image {
        /// Index of the image in its source.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An image or particle could not be read.
    #[error("particle {index}: {source}")]
    Source {
        /// Index in the source.
        index: usize,
        /// Why.
        source: thon_likelihood::SourceError,
    },
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] thon_compute::Cancelled),
}

impl ClassifyError {
    /// Fails unless `value` holds.
    pub(crate) fn require(
        holds: bool,
        name: &'static str,
        value: impl Copy + ToString,
        expected: &'static str,
    ) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        Err(Self::Parameter {
            name,
            value: value.to_string(),
            expected,
        })
    }
}

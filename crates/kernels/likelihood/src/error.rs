//! What can be wrong with what this crate is given.

use thiserror::Error;

/// Errors of the likelihood.
#[derive(Debug, Error)]
pub enum LikelihoodError {
    /// An array of a wrong length.
    #[error("{what}: expected {expected} values, found {found}")]
    Length {
        /// The array.
        what: &'static str,
        /// Values it should have.
        expected: usize,
        /// Values it has.
        found: usize,
    },
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
    /// A value that is not a number.
    #[error("{what} holds a value that is not finite\nhint: look at the file with `thon inspect`")]
    NotFinite {
        /// Where.
        what: String,
    },
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] thon_compute::Cancelled),
    /// A particle could not be read.
    #[error("particle {index}: {source}")]
    Source {
        /// Index of the particle in its source.
        index: usize,
        /// Why.
        source: crate::SourceError,
    },
    /// The reconstruction refused.
    #[error(transparent)]
    Reconstruct(#[from] thon_reconstruct::ReconstructError),
}

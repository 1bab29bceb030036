//! What can be wrong with boxes and their transfer.

use thiserror::Error;

/// Errors of extraction.
#[derive(Debug, Error)]
pub enum ExtractError {
    /// A volume or image of another size.
    #[error("{what}: expected {expected}, found {found}")]
    Size {
        /// Which array.
        what: &'static str,
        /// The shapes it may have.
        expected: String,
        /// The shape it has.
        found: String,
    },
    /// A parameter out of range.
    #[error("{name} is {value}: expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Values that are no numbers.
    #[error("{what} holds values that are infinite or not a number")]
    NotFinite {
        /// Which array.
        what: &'static str,
    },
    /// No contrast at all.
    #[error(
        "{what} is constant\nhint: leave the particle out; its box may lie outside the tomogram"
    )]
    Constant {
        /// Which array.
        what: &'static str,
    },
    /// A transfer that lets nothing through.
    #[error("the CTF is zero everywhere within {band} cycles per box")]
    NoTransfer {
        /// Largest shell that was asked for.
        band: usize,
    },
    /// The likelihood refused.
    #[error(transparent)]
    Likelihood(#[from] thon_likelihood::LikelihoodError),
    /// The reconstruction refused.
    #[error(transparent)]
    Reconstruct(#[from] thon_reconstruct::ReconstructError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] thon_compute::Cancelled),
}

impl ExtractError {
    pub(crate) fn parameter(
        name: &'static str,
        value: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Parameter {
            name,
            value: value.to_string(),
            expected: expected.into(),
        }
    }

    pub(crate) fn check_length(
        what: &'static str,
        found: usize,
        expected: usize,
    ) -> Result<(), Self> {
        if found == expected {
            return Ok(());
        }
        Err(Self::Size {
            what,
            expected: format!("{expected} values"),
            found: format!("{found} values"),
        })
    }
}

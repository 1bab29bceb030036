//! What can be wrong with particles, references and options, before and during an average.

use thiserror::Error;

/// Errors of refinement and classification.
#[derive(Debug, Error)]
pub enum AverageError {
    /// Fewer particles than the method can work with.
    #[error("{found} particles: {method} needs at least {needed}")]
    TooFewParticles {
        /// Particles given.
        found: usize,
        /// Particles needed.
        needed: usize,
        /// What needs them.
        method: &'static str,
    },
    /// A list that does not have one entry per particle, or per map.
    #[error("{what}: expected {expected}, found {found}")]
    Count {
        /// The list.
        what: &'static str,
        /// Entries it should have.
        expected: usize,
        /// Entries it has.
        found: usize,
    },
    /// A map that is not of the particles' box.
    #[error(
        "{what} has {found} voxels: the particles' box of {box_size} has {expected}\n\
         hint: crop, pad or rescale the map to the box and voxel size of the particles"
    )]
    MapSize {
        /// The map.
        what: String,
        /// Edge of the box of the particles, voxels.
        box_size: usize,
        /// Voxels it should have.
        expected: usize,
        /// Voxels it has.
        found: usize,
    },
    /// A particle whose box differs from that of its source.
    #[error("particle {index} has a box of {found} voxels, the set one of {expected}")]
    BoxMismatch {
        /// Index of the particle.
        index: usize,
        /// Box of the set, voxels.
        expected: usize,
        /// Box of the particle, voxels.
        found: usize,
    },
    /// A value that is not a number.
    #[error("{what} holds a value that is not finite")]
    NotFinite {
        /// Where.
        what: String,
    },
    /// A map of one value only.
    #[error("{what} is constant: there is nothing to align to")]
    Flat {
        /// Where.
        what: String,
    },
    /// A mask that lets nothing through.
    #[error(
        "the mask is black: its largest value is {largest}\nhint: make it with a lower threshold"
    )]
    BlackMask {
        /// Its largest value.
        largest: f32,
    },
    /// A mask with values outside 0 to 1.
    #[error("the mask has values from {smallest} to {largest}: expected 0 to 1")]
    MaskRange {
        /// Its smallest value.
        smallest: f32,
        /// Its largest value.
        largest: f32,
    },
    /// An option out of range.
    #[error("{name} is {value}: expected {expected}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Bytes that are not what they should be.
    #[error("{what} cannot be read: {why}")]
    Bytes {
        /// State or block.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Blocks that do not cover every particle once, in order.
    #[error("blocks of particles: expected one that begins at {expected}, found {found}")]
    Blocks {
        /// First particle not covered yet.
        expected: usize,
        /// Where the next block begins.
        found: usize,
    },
    /// Nothing could be summed: no particle has a sample in the band.
    #[error("no particle contributes to {what}: every sample within the band has weight 0")]
    NothingSummed {
        /// The map.
        what: String,
    },
    /// The likelihood refused.
    #[error(transparent)]
    Likelihood(thon_likelihood::LikelihoodError),
    /// A particle could not be read.
    #[error("particle {index}: {source}")]
    Source {
        /// Index of the particle in its source.
        index: usize,
        /// Why.
        source: thon_likelihood::SourceError,
    },
    /// The reconstruction refused.
    #[error(transparent)]
    Reconstruct(#[from] thon_reconstruct::ReconstructError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] thon_compute::Cancelled),
}

impl From<thon_likelihood::LikelihoodError> for AverageError {
    fn from(error: thon_likelihood::LikelihoodError) -> Self {
        use thon_likelihood::LikelihoodError as L;
        match error {
            L::Cancelled(cancelled) => Self::Cancelled(cancelled),
            L::Source { index, source } => Self::Source { index, source },
            L::Reconstruct(error) => Self::Reconstruct(error),
            other => Self::Likelihood(other),
        }
    }
}

impl AverageError {
    pub(crate) fn option(
        name: &'static str,
        value: impl std::fmt::Display,
        expected: &'static str,
    ) -> Self {
        Self::Option {
            name,
            value: value.to_string(),
            expected,
        }
    }

    pub(crate) fn bytes(what: &'static str, why: impl Into<String>) -> Self {
        Self::Bytes {
            what,
            why: why.into(),
        }
    }
}

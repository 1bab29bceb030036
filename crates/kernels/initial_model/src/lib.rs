//! A first map from nothing: stochastic likelihood optimisation from random orientations, and its hand by evidence.
//!
//! Only the low band takes part, where a global search is one matrix product per block of particles (`thon_likelihood`).
//! Several starts at random orientations climb for a few iterations each on random subsets, with placements drawn from the
//! posteriors; the start that explains all particles best goes on with all of them. In the end the mirror image climbs, too:
//! a tilt series tells one hand from the other, and the likelihoods of both are compared particle by particle. Symmetry is
//! not imposed: it is found in the result and applied afterwards.
//! (Stochastic gradients for maps: Punjani et al. 2017, Nat. Methods 14:290; here expectation–maximisation on subsets.)

mod climb;
mod data;
mod hand;
mod maps;
mod options;
mod start;

pub use hand::HandEvidence;
pub use options::InitialModelOptions;
pub use start::{InitialModel, StartReport, check, find_initial_model};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum InitialModelError {
    /// Too few particles.
    #[error(
        "{found} particles: expected at least {expected}\nhint: a first map needs particles in many orientations"
    )]
    TooFew {
        /// Particles given.
        found: usize,
        /// Particles needed.
        expected: usize,
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
    /// The likelihood refused.
    #[error(transparent)]
    Likelihood(thon_likelihood::LikelihoodError),
    /// The reconstruction refused.
    #[error(transparent)]
    Reconstruct(#[from] thon_reconstruct::ReconstructError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] thon_compute::Cancelled),
}

impl From<thon_likelihood::LikelihoodError> for InitialModelError {
    fn from(error: thon_likelihood::LikelihoodError) -> Self {
        match error {
            thon_likelihood::LikelihoodError::Cancelled(cancelled) => cancelled.into(),
            other => Self::Likelihood(other),
        }
    }
}

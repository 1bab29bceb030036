//! Which point group a map has, and where its axes lie.
//!
//! A map m has the group G in the orientation O about the centre c when m(c + O g O⁻¹ r) = m(c + r) for every g in G. Every
//! rotation is judged by the correlation of the map's transform with its rotated self, shell by shell to a band
//! ([`SelfCorrelation`]); [`find_symmetry`] scans axes and folds, fits every candidate group to the axes found, and proposes
//! the largest group all of whose rotations hold about as well as the best one.

mod axes;
mod centre;
mod fit;
mod search;
mod self_correlation;

pub use centre::centre_of_mass;
pub use fit::GroupFit;
pub use search::{SymmetryOptions, SymmetryReport, find_symmetry};
pub use self_correlation::SelfCorrelation;

/// What can be wrong with a map whose symmetry is asked for.
#[derive(Debug, thiserror::Error)]
pub enum SymmetryFitError {
    /// The map is not a cube.
    #[error("the map has {0} × {1} × {2} voxels: expected a cube")]
    NotACube(usize, usize, usize),
    /// The map holds nothing to compare.
    #[error(
        "the map has no density above its mean within the mask\nhint: is its contrast inverted?"
    )]
    NoDensity,
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
    /// The transform refused.
    #[error(transparent)]
    Reconstruct(#[from] thon_reconstruct::ReconstructError),
    /// The caller asked to stop.
    #[error(transparent)]
    Cancelled(#[from] thon_compute::Cancelled),
}

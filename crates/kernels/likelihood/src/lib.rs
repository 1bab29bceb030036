//! One particle against a map: the likelihood of poses, from tilt images and from subtomograms alike.
//!
//! A particle is a list of Fourier samples ([`Observation`]): positions q in its data frame, products
//! D = Σ c·X and weights W = Σ c² of data X and transfer c. With a reference V, rotation A (reference →
//! data frame) and shift t the model is X(q) = c(q) · V(A⁻¹ q) · e^(−2πi q·t/n) + noise of power P(q) = E|noise|²,
//! so that the log-likelihood relative to no particle is
//!
//! ln L(A, t) = Σ_q [ 2 Re( D̄(q) V(A⁻¹ q) e^(−2πi q·t/n) ) − W(q) |V(A⁻¹ q)|² ] / P(q)
//!
//! over one half of Fourier space. Subtomograms have their samples on the lattice of the box, tilt images on
//! central slices; nothing downstream of [`Observation`] sees a difference. (Bharat & Scheres 2016; Scheres 2012,
//! J. Struct. Biol. 180:519 for the regularised likelihood.)
//!
//! Units: q in cycles per box, shifts in voxels of the box, volumes `[z, y, x]`, vectors (x, y, z).

mod band;
mod derivatives;
mod error;
mod lattice;
mod matrix6;
mod noise;
mod observation;
mod own_share;
mod padded_transform;
mod placement;
mod polish;
mod posterior;
mod prior;
mod reference;
mod representatives;
mod residual;
mod search;
mod shared_information;
pub mod simulated;
mod source;

pub use band::{HalfBall, shell_of};
pub use derivatives::{Derivatives, derivatives, log_likelihood};
pub use error::LikelihoodError;
pub use noise::{NoiseModel, Whitened};
pub use observation::{Observation, SampleGeometry};
pub use own_share::{OwnMap, OwnShare};
pub use placement::{Candidate, Mode, Placement, Posterior, Representative};
pub use polish::{PolishOptions, Polished, UNDETERMINED, polish};
pub use posterior::{PosteriorOptions, posterior};
pub use prior::{Prior, RotationPrior, angle_between, rotation_vector};
pub use reference::Reference;
pub use representatives::{RepresentativeOptions, phase_spread, representatives};
pub use residual::{Residual, ResidualSums};
pub use search::{
    Dictionary, GridEntry, GridPosterior, SearchGrid, SearchOptions, candidates, coarse_band,
    search,
};
pub use shared_information::{JoinedShells, TwoMaps};
pub use source::{Observe, ParticleSource, SourceError, SphereMask};

//! Fourier reconstruction of a particle average straight from the tilt images of its particles.
//!
//! Each used tilt of each particle gives a box X(k) = t(k)·S(k) + noise with the transfer t = scale · envelope · exposure · CTF
//! and S(k) = V(Aᵀ k) the central slice seen by the tilt (A: particle → camera). Slices are gathered into two sums over the
//! padded Fourier space, Σ w·t·X and Σ w·t², by trilinear interpolation and Friedel symmetry; their quotient is the map
//! (`solve`). Images that were multiplied by t beforehand (2-D stacks of RELION 5 and Warp) enter as they are.
//! The same estimate as `relion_reconstruct` and `relion_tomo_reconstruct_particle`, in the same hand.
//!
//! Two half sets are two [`PartialSums`]; sums of blocks of particles add up. A map value is density such that an image
//! pixel is the sum of the voxels behind it (divide by the voxel size for line integrals in density × Å). The mean of the map
//! is not to be relied on: frequencies below that of the box lie between the samples of the slices.

mod extract;
mod insert;
#[cfg(test)]
pub(crate) mod phantom;
mod solve;
mod sums;
#[cfg(test)]
mod tests;
mod transfer;
mod view;

pub use extract::{ParticleBox, cut_box, premultiplied_box};
pub use solve::{Normalisation, SolveOptions};
pub use sums::PartialSums;
pub use transfer::Transfer;
pub(crate) use view::centre_phases;
pub use view::{ParticleView, accumulate};

//! The M-step of regularised-likelihood averaging: exact sums over placed particles, and the map from them.
//!
//! A particle is a list of Fourier samples q (cycles per box, data frame) with products D and weights W in units of its
//! noise. Placed with rotation A (reference → data frame) and shift t (voxels) with probability w it adds, at p = A⁻¹ q,
//!
//! Σ w·D·e^(+2πi q·t/n)  and  Σ w·W
//!
//! to the half space of the padded transform of the reference, by trilinear interpolation (Scheres 2012, J. Struct. Biol.
//! 180:519, equation 8). The sums are whole numbers of a quantum, so that they do not depend on the order of particles,
//! on blocks, threads or processes. The map is D/(W + 1/(padding³·τ²)), with τ² the power of the signal by shell.
//!
//! Powers are those of whole complex components of unnormalised transforms, E|V|² and E|noise|².

mod accumulate;
mod bytes;
mod contribution;
mod quanta;
mod regulariser;
mod shells;
mod solve;
mod sums;
mod symmetry;
#[cfg(test)]
mod tests;

pub use contribution::{Contribution, WeightedPlacement};
pub use quanta::Quanta;
pub use regulariser::{Regulariser, class_tau2, data_over_prior, gold_standard_tau2};
pub use sums::ExpectedSums;

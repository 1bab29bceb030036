//! Classes of particles: of their projections in two dimensions, and of their differences in three.
//!
//! * [`two_dimensional`]: regularised-likelihood classification of images with in-plane search (Class2D).
//! * [`components`]: principal components of placed particles with their missing directions accounted for, and
//!   k-means on the factors.
//!
//! Everything is deterministic: one seed, the same bytes for any number of threads.

pub mod components;
mod error;
pub mod two_dimensional;

pub use error::ClassifyError;

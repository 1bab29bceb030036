//! Radial filters: gains that depend on |k| alone, so real fields stay real.
//!
//! Frequencies are in cycles/Å; a voxel size in Å turns the axes of a transform into them. Axes of different extents
//! are taken as they are, so the gain is isotropic in Å. Curves by shell count frequencies as
//! [`crate::shells::Shells`] does.

mod radial;
mod shell_gain;

pub use radial::{Edge, RadialFilter, apply_filters2, apply_filters3, multiply_radial};
pub use shell_gain::{multiply_shell_gain, whiten3, whitening_gain};

#[cfg(test)]
mod tests;

//! Post-processing of half maps: phase-randomised FSC, B factor, sharpening, masks.
//!
//! Kernels over arrays; maps are `[z, y, x]` with a voxel size in Å, frequencies are cycles per Å
//! unless a name says otherwise.

pub mod align;
pub mod difference;
pub mod directional;
mod falling;
mod half_sphere;
pub mod local_resolution;
pub mod masks;
pub mod orientations;
pub mod post_process;
pub mod transform;

pub use masks::automask;

//! Post-processing of half maps: phase-randomised FSC, B factor, sharpening, masks.
//!
//! Kernels over arrays; maps are `[z, y, x]` with a voxel size in Å, frequencies are cycles per Å
//! unless a name says otherwise.

mod half_sets;
pub mod local_resolution;
pub mod masks;
pub mod post_process;

pub use half_sets::draw_halves;
pub use masks::automask;

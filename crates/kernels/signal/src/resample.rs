//! Changing the grid: Fourier crop and pad, sub-pixel shifts, exact rescaling, and real-space interpolation.
//!
//! Two points can be held in place when a grid changes: voxel 0 (the corner, [`Origin::FirstVoxel`]) or voxel
//! floor(n/2) (the box centre, [`Origin::CentreVoxel`]). With all extents even the two agree.

mod crop;
mod fourier;
mod interpolate;
mod mirror;
mod rescale;
mod rotate;

pub use crate::fft::Origin;
pub use crop::{crop_or_pad2, crop_or_pad3};
pub use fourier::{
    fourier_resample2, fourier_resample3, fourier_shift2, fourier_shift3, resample_spectrum3,
};
pub use interpolate::{Interpolation, sample2, sample3};
pub use mirror::mirror3;
pub use rescale::rescale3;
pub use rotate::{rotate3, translate3};

#[cfg(test)]
mod tests;

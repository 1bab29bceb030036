//! Cross-correlation by Fourier transform, peaks, sub-pixel shifts.
//!
//! c(s) = Σ_r image(r + s)·reference(r), periodic: if `image(r) = reference(r − s₀)`, the peak lies at s₀, the vector by
//! which the reference was moved to give the image. Correlation maps put shift 0 at the centre voxel floor(n/2).
//! Shifts and positions are in voxels, `(x, y, z)`.

mod cross;
mod peak;
mod refine;

pub use cross::{Correlation, correlate1, correlate2, correlate3, cross_spectrum3};
pub use peak::{Peak, find_peaks2, find_peaks3, highest_peak3};
pub use refine::{estimate_shift2, estimate_shift3, refine_peak3};

#[cfg(test)]
mod tests;

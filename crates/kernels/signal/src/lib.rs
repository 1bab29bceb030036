//! Fourier transforms, resampling, filters, masks, correlation, peaks, shell correlation.
//!
//! Arrays are `[z, y, x]`, vectors `(x, y, z)`; the origin of a box is voxel floor(n/2) and voxel centres sit at
//! integers. Fields are `f32`; geometry and sums are `f64`. Every function gives the same bytes for any number of
//! threads. Wrong extents of arrays are errors of the calling code and panic with both extents in the message.

pub mod correlate;
pub mod fft;
pub mod filter;
pub mod mask;
pub mod resample;
pub mod shells;
pub mod statistics;

#[cfg(test)]
mod testing;

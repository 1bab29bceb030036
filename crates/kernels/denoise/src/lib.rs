//! Denoising of tomograms for display and picking, and their local resolution.
//!
//! * [`denoise`]: anisotropic diffusion, Beltrami flow, bilateral filter, non-local means, median.
//! * [`deconvolve`]: the contrast of low frequencies restored by a Wiener-like filter.
//! * [`local_resolution`]: where two half tomograms agree, and to which frequency.
//!
//! Volumes are `[z, y, x]` and stream in bands of rows with what their neighbours add, within the memory given; see [`RowSource`]
//! and [`RowSink`]. What comes out has lost its linear relation to the images: it is for looking at and picking in.

mod bands;
mod beltrami;
mod bilateral;
mod continued;
mod deconvolve;
mod diffusion;
mod error;
mod local_resolution;
mod median;
mod method;
mod non_local_means;
pub mod smooth;
mod stencil;

pub use bands::{RowSink, RowSource, VoxelsInMemory};
pub use beltrami::BeltramiOptions;
pub use bilateral::BilateralOptions;
pub use deconvolve::{DeconvolutionOptions, deconvolution_gain, deconvolve};
pub use diffusion::{DiffusionKind, DiffusionOptions};
pub use error::{DenoiseError, SourceError};
pub use local_resolution::{LocalResolutionOptions, LocalResolutionReport, local_resolution};
pub use median::MedianOptions;
pub use method::{DenoiseReport, Method, denoise, working_bytes};
pub use non_local_means::NonLocalMeansOptions;

//! Projectors, weighted back-projection of tomograms, Fourier reconstruction of particles.
//!
//! * [`Projector`]: specimen volume ↔ tilt images, an exactly matched pair.
//! * [`reconstruct_wbp`]: a whole tomogram by weighted back-projection, streamed in slabs of rows.
//! * [`reconstruct_iterative`]: the same by SIRT or SART.
//! * [`reconstruct_ctf_corrected`]: back-projection with the contrast transfer corrected at every depth; [`correct_image`] does it
//!   for tilt images.
//! * [`PartialSums`]: a particle average from the tilt images of its particles, with CTF and exposure weights.
//! * [`ExpectedSums`]: exact sums over particles placed by a posterior, and the regularised map from them.
//! * [`FourierVolume`]: projections of a map as central slices.

mod completed;
mod error;
mod expected;
pub mod floor;
mod fourier_slice;
mod half_space;
mod particle;
mod projector;
mod wbp;

pub use error::{ReconstructError, SourceError};
pub use expected::{
    Contribution, ExpectedSums, Quanta, Regulariser, WeightedPlacement, class_tau2,
    data_over_prior, gold_standard_tau2,
};
pub use fourier_slice::FourierVolume;
pub use particle::{
    Normalisation, PartialSums, ParticleBox, ParticleView, SolveOptions, Transfer, accumulate,
    cut_box, premultiplied_box,
};
pub use projector::Projector;
pub use wbp::{
    Background, Bound, Contrast, ContrastReport, CtfCorrection, FallOff, ImageSource,
    ImagesInMemory, IterativeMethod, IterativeOptions, IterativeReport, RadialFilter, Slab,
    SlabSink, TiltSpacing, View, VolumeInMemory, WbpOptions, WbpReport, Weighting, correct_image,
    ctf_corrected_bytes, iterative_bytes, reconstruct_ctf_corrected, reconstruct_iterative,
    reconstruct_wbp, used_views, wbp_bytes,
};

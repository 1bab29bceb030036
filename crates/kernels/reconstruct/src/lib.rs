//! Projectors, weighted back-projection of tomograms, Fourier reconstruction of particles.
//!
//! * [`Projector`]: specimen volume ↔ tilt images, an exactly matched pair.
//! * [`reconstruct_wbp`]: a whole tomogram by weighted back-projection, streamed in slabs of rows.
//! * [`PartialSums`]: a particle average from the tilt images of its particles, with CTF and exposure weights.
//! * [`FourierVolume`]: projections of a map as central slices.

mod error;
pub mod floor;
mod fourier_slice;
mod half_space;
mod particle;
mod projector;
mod wbp;

pub use error::{ReconstructError, SourceError};
pub use fourier_slice::FourierVolume;
pub use particle::{
    Normalisation, PartialSums, ParticleBox, ParticleView, SolveOptions, Transfer, accumulate,
    cut_box, premultiplied_box,
};
pub use projector::Projector;
pub use wbp::{
    Background, FallOff, ImageSource, ImagesInMemory, RadialFilter, Slab, SlabSink, TiltSpacing,
    View, VolumeInMemory, WbpOptions, WbpReport, Weighting, reconstruct_wbp, used_views,
};

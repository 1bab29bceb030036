//! Projectors, weighted back-projection of tomograms, Fourier reconstruction of particles.
//!
//! * [`Projector`]: specimen volume ↔ tilt images, an exactly matched pair.
//! * [`reconstruct_wbp`]: a whole tomogram by weighted back-projection, streamed in slabs of rows.

mod error;
pub mod floor;
mod projector;
mod wbp;

pub use error::{ReconstructError, SourceError};
pub use projector::Projector;
pub use wbp::{
    Background, FallOff, ImageSource, ImagesInMemory, RadialFilter, Slab, SlabSink, TiltSpacing,
    View, VolumeInMemory, WbpOptions, WbpReport, Weighting, reconstruct_wbp, used_views,
};

//! The nouns of cryo-ET: tilt series, tomograms, particles, maps.
//!
//! Plain data, no algorithms. Transforms are stored and images are not resampled; a particle is
//! virtual; exclusion is a state with a reason, never a deleted row; what a foreign file said and
//! the model has no word for travels along as [`Carried`] columns.

mod carried;
mod curation;
mod hand;
mod map;
mod optics;
mod particle;
mod tilt_series;
mod tomogram;

pub use carried::{Carried, CarriedColumn};
pub use curation::{AddedPoint, Curated, CuratedSet, Decision, Edit, EditError, Edits};
pub use hand::{DefocusHand, HandSign};
pub use map::{Map, Mask};
pub use optics::{Ctf, Optics};
pub use particle::{Half, Particle, ParticleImages, ParticleSet, RepresentationKind};
pub use tilt_series::{Exclusion, ImageReference, Movie, TiltImage, TiltSeries, Treatment};
pub use tomogram::{Tomogram, Weighting};

//! Particles from their images: boxes, three-dimensional CTF models, subtomograms; as Fourier samples.
//!
//! * [`Subtomograms`]: volumes with their 3D CTF, weights or wedge → [`thon_likelihood::Observation`].
//! * [`VolumeSource`]: the same as a [`thon_likelihood::ParticleSource`] over whatever reads the volumes.
//!
//! Volumes `[z, y, x]`, vectors (x, y, z), origin voxel ⌊n/2⌋; frequencies in cycles per box, transforms are not
//! normalised. No file is opened here.

mod band_transform;
mod error;
mod soft_mask;
mod subtomogram;
mod support;
mod transfer_volume;
mod volume_source;

pub use error::ExtractError;
pub use subtomogram::Subtomograms;
pub use transfer_volume::TransferVolume;
pub use volume_source::{StoredParticle, VolumeReader, VolumeSource};

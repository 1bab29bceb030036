//! Particles from their images: boxes, three-dimensional CTF models, subtomograms; as Fourier samples.
//!
//! * [`Subtomograms`]: volumes with their 3D CTF, weights or wedge → [`thon_likelihood::Observation`].
//! * [`VolumeSource`]: the same as a [`thon_likelihood::ParticleSource`] over whatever reads the volumes.
//! * [`TiltSource`]: tilt images of particles, each with its own CTF, as a source.
//! * [`CutSettings`]: boxes out of whole tilt images.
//! * [`pseudo_subtomogram`]: a volume and its weights from the tilt images of one particle, as RELION 4 and 5 have them.
//! * [`BoxInVolume`], [`normalise_background`]: boxes out of tomograms, as the 2016 protocol has them.
//! * [`CtfSlices`]: three-dimensional CTF models of the 2016 protocol from the CTFs of all tilts.
//! * [`subtract_reference`]: a subtomogram without a part of its particle.
//!
//! Volumes `[z, y, x]`, vectors (x, y, z), origin voxel ⌊n/2⌋; frequencies in cycles per box, transforms are not
//! normalised. No file is opened here.

mod band_transform;
mod ctf_volume;
mod cut;
mod delocalised;
mod error;
mod half_lattice;
mod normalise;
mod pseudo_subtomogram;
mod soft_mask;
mod subtomogram;
mod subtract;
mod support;
mod tilt_scheme;
mod tilt_source;
mod transfer_volume;
mod volume_source;

pub use ctf_volume::{CtfSlice, CtfSlices, full_volume};
pub use cut::{BoxPlace, CutBox, CutSettings};
pub use error::ExtractError;
pub use normalise::{BoxInVolume, normalise_background, projection_along_z, rescaled};
pub use pseudo_subtomogram::{PremultipliedView, PseudoSubtomogram, pseudo_subtomogram};
pub use subtomogram::Subtomograms;
pub use subtract::subtract_reference;
pub use tilt_scheme::{TiltScheme, TiltView};
pub use tilt_source::{BoxReader, TiltParticle, TiltSource};
pub use transfer_volume::TransferVolume;
pub use volume_source::{StoredParticle, VolumeReader, VolumeSource};

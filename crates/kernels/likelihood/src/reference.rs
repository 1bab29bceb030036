//! A map ready to be compared: its padded Fourier transform, with values between the samples.

use glam::{DQuat, DVec3};
use num_complex::Complex32;
use thon_reconstruct::FourierVolume;

use crate::LikelihoodError;

/// The transform V of a map, padded twice, trilinear, with the envelope of the interpolation divided out beforehand.
#[derive(Clone, Debug)]
pub struct Reference {
    volume: FourierVolume,
}

impl Reference {
    /// Transforms a map `[n, n, n]`.
    ///
    /// # Errors
    /// [`LikelihoodError::Reconstruct`] for a wrong length or box.
    pub fn new(map: &[f32], box_size: usize) -> Result<Self, LikelihoodError> {
        Ok(Self {
            volume: FourierVolume::new(map, box_size, 2)?,
        })
    }

    /// Edge of the box, voxels.
    pub fn box_size(&self) -> usize {
        self.volume.box_size()
    }

    /// V(p) at a position in cycles per box.
    pub fn value(&self, position: DVec3) -> Complex32 {
        self.volume.value(position)
    }

    /// V(A⁻¹ q) · e^(−2πi q·t/n): what a particle placed so shows at q, before the transfer.
    pub fn seen(&self, rotation: DQuat, shift: DVec3, q: DVec3) -> Complex32 {
        let turn = -std::f64::consts::TAU * q.dot(shift) / self.box_size() as f64;
        let phase = Complex32::new(turn.cos() as f32, turn.sin() as f32);
        self.value(rotation.conjugate() * q) * phase
    }
}

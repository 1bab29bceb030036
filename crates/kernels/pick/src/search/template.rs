//! A template turned, seen through the tilt series, masked and normalised.
//!
//! T'(k) = T(R⁻¹k)·W(k)·g(|k|) with W what the series lets through and g the filter of the tomogram; then, under the mask M in real
//! space, t = M·(T' − ⟨T'⟩_M)/√ΣM(T' − ⟨T'⟩_M)². With Σt = 0 and local deviation s(r) = √ΣM(v − v̄)², Σ t·v / s is Roseman's local
//! correlation coefficient in [−1, 1] (Roseman 2003, Ultramicroscopy).

use glam::{DQuat, DVec3};
use ndarray::Array3;
use rustfft::num_complex::Complex32;
use thon_reconstruct::FourierVolume;
use thon_signal::fft::{Fft3, Origin, centre_phases, half_length, signed_index};
use thon_signal::mask::{box_centre, sphere};

use crate::PickError;

/// A spherical mask with a soft rim, in voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ball {
    pub radius: f64,
    pub edge: f64,
}

impl Ball {
    /// Voxels from the middle to the last one that is not 0.
    pub fn reach(self) -> usize {
        (self.radius + self.edge).ceil().max(1.0) as usize
    }

    /// The mask in a box of 2·reach + 1 voxels.
    pub fn mask(self) -> Array3<f32> {
        let size = 2 * self.reach() + 1;
        sphere([size; 3], box_centre([size; 3]), self.radius, self.edge)
    }
}

/// Templates of one kind, ready for any orientation.
pub(crate) struct TurningTemplate {
    transform: FourierVolume,
    /// W·g over the half spectrum of the box.
    weights: Array3<f32>,
    plan: Fft3,
    mask: Array3<f32>,
    mask_sum: f64,
    reach: usize,
}

impl TurningTemplate {
    /// `map` is a cube of n voxels with room around the mask, `weights` its half spectrum.
    pub fn new(map: &Array3<f32>, weights: Array3<f32>, ball: Ball) -> Result<Self, PickError> {
        let n = map.dim().0;
        let values: Vec<f32> = map.iter().copied().collect();
        let transform = FourierVolume::new(&values, n, 2).map_err(|e| {
            PickError::parameter("template", &e, "a cube of an even number of voxels")
        })?;
        let mask = ball.mask();
        Ok(Self {
            transform,
            weights,
            plan: Fft3::plan([n; 3]),
            mask_sum: mask.iter().map(|m| f64::from(*m)).sum(),
            mask,
            reach: ball.reach(),
        })
    }

    /// The turned, filtered template in its whole box, origin in the middle.
    pub fn turned(&self, rotation: DQuat) -> Array3<f32> {
        let n = self.plan.dims()[0];
        let back = rotation.conjugate();
        let mut spectrum = Array3::<Complex32>::zeros((n, n, half_length(n)));
        let [along_x, along_y, along_z] = [DVec3::X, DVec3::Y, DVec3::Z].map(|axis| back * axis);
        for ((z, mut plane), weights) in spectrum
            .outer_iter_mut()
            .enumerate()
            .zip(self.weights.outer_iter())
        {
            let kz = along_z * signed_index(z, n) as f64;
            for ((y, mut row), weights) in
                plane.outer_iter_mut().enumerate().zip(weights.outer_iter())
            {
                let kzy = kz + along_y * signed_index(y, n) as f64;
                let seen = row
                    .iter_mut()
                    .enumerate()
                    .zip(weights)
                    .filter(|(_, weight)| **weight != 0.0);
                for ((x, value), weight) in seen {
                    *value = self.transform.value(kzy + along_x * x as f64) * weight;
                }
            }
        }
        centre_phases(&mut spectrum, [n; 3], Origin::FirstVoxel);
        self.plan.inverse(&spectrum)
    }

    /// The masked, normalised template of an orientation, reflected through its middle, `[z, y, x]` of 2·reach + 1 voxels; zeros when it has no
    /// contrast.
    pub fn reflected(&self, rotation: DQuat) -> Vec<f32> {
        let mut values = self.normalised(rotation);
        values.reverse();
        values
    }

    /// As [`TurningTemplate::reflected`], not reflected.
    pub fn normalised(&self, rotation: DQuat) -> Vec<f32> {
        let whole = self.turned(rotation);
        let first = self.plan.dims()[0] / 2 - self.reach;
        let mask = self.mask.indexed_iter();
        let inside = |[z, y, x]: [usize; 3]| f64::from(whole[[z + first, y + first, x + first]]);
        let (mut sum, mut square) = (0.0, 0.0);
        for ((z, y, x), m) in mask.clone() {
            let value = inside([z, y, x]);
            sum += f64::from(*m) * value;
            square += f64::from(*m) * value * value;
        }
        let mean = sum / self.mask_sum;
        let deviation = (square - sum * mean).max(0.0).sqrt();
        let scale = if deviation > 1e-12 {
            deviation.recip()
        } else {
            0.0
        };
        mask.map(|((z, y, x), m)| (f64::from(*m) * (inside([z, y, x]) - mean) * scale) as f32)
            .collect()
    }
}

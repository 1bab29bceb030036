//! Projections of a volume as central slices of its padded Fourier transform.
//!
//! The projection of v along the beam, seen after the rotation A, is i(x, y) = Σ v(Aᵀ r) with r = (x, y, z) in the camera's
//! axes; its transform is the central slice **S(k) = V(Aᵀ k)**. With rows a₀, a₁ of A: Aᵀ(kx, ky, 0) = a₀ kx + a₁ ky, which
//! also holds for the affine chain of [`thon_geometry::TiltGeometry::matrix`].
//!
//! Volumes `[z, y, x]` of n voxels a side, images `[y, x]`, half spectra `[n, n/2 + 1]` with phases counted from the
//! centre ⌊n/2⌋; frequencies from Nyquist on are zero. Trilinear interpolation, its envelope divided out beforehand.

use glam::{DMat3, DVec2, DVec3};
use ndarray::Array3;
use rayon::prelude::*;
use thon_signal::fft::{Complex32, Fft2, Fft3, half_length, signed_index};

use crate::ReconstructError;
use crate::half_space::{GriddingResponse, HalfSpace};
use crate::particle::centre_phases;

/// A volume ready to be projected in any direction.
///
/// ```
/// use thon_geometry::glam::{DMat3, DVec2};
/// use thon_reconstruct::FourierVolume;
/// // One voxel of density 1 at x = +5. The camera turned by +90° about z sees it at y = +5.
/// let n = 32;
/// let mut volume = vec![0.0; n * n * n];
/// volume[(16 * n + 16) * n + 21] = 1.0;
/// let image = FourierVolume::new(&volume, n, 2)?
///     .project(&DMat3::from_rotation_z(std::f64::consts::FRAC_PI_2), DVec2::ZERO);
/// let highest = (0..n * n).max_by(|&a, &b| image[a].total_cmp(&image[b]));
/// assert_eq!(highest, Some(21 * n + 16));
/// # Ok::<(), thon_reconstruct::ReconstructError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FourierVolume {
    box_size: usize,
    padding: usize,
    space: HalfSpace,
    values: Vec<Complex32>,
}

impl FourierVolume {
    /// Transforms a volume of `box_size`³ voxels, padded `padding` times (2 as a rule).
    ///
    /// # Errors
    /// [`ReconstructError::Length`] or [`ReconstructError::Parameter`] for a wrong volume, box or padding.
    pub fn new(volume: &[f32], box_size: usize, padding: usize) -> Result<Self, ReconstructError> {
        check_box(box_size, padding)?;
        ReconstructError::check_length("volume", volume.len(), box_size.pow(3))?;
        let padded = box_size * padding;
        let response = GriddingResponse::new(box_size, padding);
        let wrap = |i: usize| (i + padded - box_size / 2) % padded;
        let mut field = Array3::<f32>::zeros((padded, padded, padded));
        for (index, value) in volume.iter().enumerate() {
            let x = index % box_size;
            let y = index / box_size % box_size;
            let z = index / box_size / box_size;
            field[[wrap(z), wrap(y), wrap(x)]] = value / response.at([z, y, x]);
        }
        let spectrum = Fft3::plan([padded; 3]).forward(&field);
        drop(field);
        let space = HalfSpace::new(box_size, padding);
        let mut values = vec![Complex32::default(); space.len()];
        let extent = space.extent as isize;
        values
            .par_chunks_mut(space.plane())
            .enumerate()
            .for_each(|(z, plane)| {
                let z = (z as isize - extent).rem_euclid(padded as isize) as usize;
                for (y, row) in plane.chunks_mut(space.width()).enumerate() {
                    let y = (y as isize - extent).rem_euclid(padded as isize) as usize;
                    for (x, value) in row.iter_mut().enumerate().take(half_length(padded)) {
                        *value = spectrum[[z, y, x]];
                    }
                }
            });
        Ok(Self {
            box_size,
            padding,
            space,
            values,
        })
    }

    /// Voxels along an edge.
    pub fn box_size(&self) -> usize {
        self.box_size
    }

    /// V(k) at a position in cycles per box (x, y, z), phases counted from the centre ⌊n/2⌋; 0 from Nyquist on.
    pub fn value(&self, position: DVec3) -> Complex32 {
        let position = position * self.padding as f64;
        if position.length() < self.space.extent as f64 {
            self.space.value_at(&self.values, position)
        } else {
            Complex32::default()
        }
    }

    /// The central slice seen through `projection` (particle → camera; its first two rows count), `[n, n/2 + 1]`.
    pub fn slice(&self, projection: &DMat3) -> Vec<Complex32> {
        let n = self.box_size;
        let half = half_length(n);
        let padding = self.padding as f64;
        let (along_x, along_y) = (projection.row(0) * padding, projection.row(1) * padding);
        let limit = n * n;
        let mut slice = vec![Complex32::default(); n * half];
        for (iy, row) in slice.chunks_mut(half).enumerate() {
            let ky = signed_index(iy, n);
            for (kx, value) in row.iter_mut().enumerate() {
                if 4 * (kx * kx + (ky * ky) as usize) >= limit {
                    break;
                }
                let position = along_x * kx as f64 + along_y * ky as f64;
                if position.length() < self.space.extent as f64 {
                    *value = self.space.value_at(&self.values, position);
                }
            }
        }
        slice
    }

    /// The projection as an image `[n, n]`, the volume's centre at ⌊n/2⌋ + `offset` (x, y pixels). A pixel is the sum of
    /// the voxels behind it.
    pub fn project(&self, projection: &DMat3, offset: DVec2) -> Vec<f32> {
        let n = self.box_size;
        let mut slice = self.slice(projection);
        centre_phases(&mut slice, n, -(offset + DVec2::splat((n / 2) as f64)));
        let mut image = vec![0.0; n * n];
        Fft2::plan([n, n]).inverse_into(&mut slice, &mut image);
        image
    }
}

/// Fails unless a box and its padding are usable.
pub(crate) fn check_box(box_size: usize, padding: usize) -> Result<(), ReconstructError> {
    if !(2..=4096).contains(&box_size) {
        return Err(ReconstructError::parameter(
            "box size",
            &box_size,
            "2 to 4096 voxels",
        ));
    }
    if !(1..=4).contains(&padding) {
        return Err(ReconstructError::parameter("padding", &padding, "1 to 4"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::particle::phantom::{density, phantom, projection, rotations};

    #[test]
    fn slices_are_projections() {
        for n in [32, 33] {
            let volume = FourierVolume::new(&density(&phantom(), n), n, 2).unwrap();
            for rotation in rotations(5) {
                let offset = DVec2::new(1.25, -0.5);
                let exact = projection(&phantom(), n, &rotation, offset);
                let sliced = volume.project(&rotation, offset);
                let largest = exact.iter().fold(0.0_f32, |a, b| a.max(*b));
                for (a, b) in sliced.iter().zip(&exact) {
                    assert!((a - b).abs() < 0.02 * largest, "{a} {b} of {largest}");
                }
            }
        }
    }
}

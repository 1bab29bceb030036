//! Rotation and translation of a volume about its centre voxel floor(n/2), by gathering.

use glam::{DMat3, DVec3};
use ndarray::Array3;
use rayon::prelude::*;

use super::interpolate::sample_slice;
use super::{Interpolation, fourier::extents};

/// Rotates a volume actively by `rotation` about its centre voxel c, then moves it by `shift` voxels `(x, y, z)`:
/// out(r) = in(Rᵀ·(r − c − shift) + c). Voxels whose source lies outside the box are `fill`.
pub fn rotate3(
    volume: &Array3<f32>,
    rotation: DMat3,
    shift: [f64; 3],
    interpolation: Interpolation,
    fill: f32,
) -> Array3<f32> {
    let [nz, ny, nx] = extents(volume);
    let standard = volume.as_standard_layout();
    let values = standard
        .as_slice()
        .expect("the array was just brought into standard layout");
    let centre = DVec3::new((nx / 2) as f64, (ny / 2) as f64, (nz / 2) as f64);
    let inverse = rotation.transpose();
    let step = inverse.x_axis;
    let mut result = Array3::zeros((nz, ny, nx));
    result
        .outer_iter_mut()
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                let target = DVec3::new(0.0, y as f64, z as f64);
                let start = inverse * (target - centre - DVec3::from_array(shift)) + centre;
                for (x, value) in row.iter_mut().enumerate() {
                    let source = (start + step * x as f64).to_array();
                    *value =
                        sample_slice(values, [nx, ny, nz], source, interpolation).unwrap_or(fill);
                }
            }
        });
    result
}

/// Moves a volume by `shift` voxels `(x, y, z)`: out(r) = in(r − shift); what comes from outside is `fill`.
pub fn translate3(
    volume: &Array3<f32>,
    shift: [f64; 3],
    interpolation: Interpolation,
    fill: f32,
) -> Array3<f32> {
    rotate3(volume, DMat3::IDENTITY, shift, interpolation, fill)
}

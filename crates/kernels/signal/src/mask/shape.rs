//! Spheres, cylinders and boxes with soft edges.

use std::f64::consts::PI;

use ndarray::Array3;
use rayon::prelude::*;

/// The centre voxel floor(n/2) of a box `[nz, ny, nx]` as a point `(x, y, z)`.
pub fn box_centre([nz, ny, nx]: [usize; 3]) -> [f64; 3] {
    [(nx / 2) as f64, (ny / 2) as f64, (nz / 2) as f64]
}

/// The mask at `distance` voxels outside a surface (negative: inside) with an edge of `edge` voxels.
pub fn soft_edge(distance: f64, edge: f64) -> f32 {
    if distance <= 0.0 {
        1.0
    } else if distance >= edge {
        0.0
    } else {
        (0.5 + 0.5 * (PI * distance / edge).cos()) as f32
    }
}

/// The mask of a shape given by the distance of a point (relative to `centre`) from it; negative or zero inside.
fn shaped(
    dims: [usize; 3],
    centre: [f64; 3],
    edge: f64,
    distance: impl Fn([f64; 3]) -> f64 + Sync,
) -> Array3<f32> {
    let mut mask = Array3::zeros(dims);
    mask.outer_iter_mut()
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for ((y, x), value) in plane.indexed_iter_mut() {
                let point = [
                    x as f64 - centre[0],
                    y as f64 - centre[1],
                    z as f64 - centre[2],
                ];
                *value = soft_edge(distance(point), edge);
            }
        });
    mask
}

/// A ball of `radius` voxels.
///
/// ```
/// use thon_signal::mask::{box_centre, sphere};
/// let mask = sphere([16, 16, 16], box_centre([16, 16, 16]), 4.0, 2.0);
/// assert_eq!([mask[[8, 8, 8]], mask[[8, 8, 12]], mask[[8, 13, 8]], mask[[14, 8, 8]]], [1.0, 1.0, 0.5, 0.0]);
/// ```
pub fn sphere(dims: [usize; 3], centre: [f64; 3], radius: f64, edge: f64) -> Array3<f32> {
    shaped(dims, centre, edge, |[x, y, z]| {
        (x * x + y * y + z * z).sqrt() - radius
    })
}

/// A cylinder along z of `radius` and `height` voxels.
pub fn cylinder(
    dims: [usize; 3],
    centre: [f64; 3],
    radius: f64,
    height: f64,
    edge: f64,
) -> Array3<f32> {
    shaped(dims, centre, edge, |[x, y, z]| {
        outside(&[x.hypot(y) - radius, z.abs() - height / 2.0])
    })
}

/// A box of `size = (x, y, z)` voxels.
pub fn cuboid(dims: [usize; 3], centre: [f64; 3], size: [f64; 3], edge: f64) -> Array3<f32> {
    shaped(dims, centre, edge, |point| {
        let [x, y, z] = [0, 1, 2].map(|axis| point[axis].abs() - size[axis] / 2.0);
        outside(&[x, y, z])
    })
}

/// Distance from an intersection of slabs, given how far each is exceeded.
fn outside(excesses: &[f64]) -> f64 {
    excesses
        .iter()
        .map(|excess| excess.max(0.0).powi(2))
        .sum::<f64>()
        .sqrt()
}

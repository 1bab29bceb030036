//! Ridges of a density: where it is highest across a sheet, to a fraction of a voxel.
//!
//! g and H are the gradient and the Hessian of the smoothed density by central differences, n the eigenvector of the lowest
//! eigenvalue λ₁ of H (Steger 1998, IEEE Trans. PAMI 20:113, in three dimensions). On the line through the voxel along the axis a that
//! n is nearest to, the slope g·n falls through zero at the ridge; the voxel is a ridge voxel when that happens within half a voxel of
//! it. Its strength is −λ₁ − |λ₂|: that of a sheet, none for a rod or a ball. Each line along a meets a sheet once, so a ridge voxel
//! stands for an area of 1/|n_a| voxel².

use rayon::prelude::*;
use thon_geometry::glam::Vec3;

use crate::band::Band;
use crate::symmetric::{Symmetric, eigenvalues, eigenvector};

/// A point of a sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SheetPoint {
    /// Place in the volume, voxels (x, y, z), voxel centres at integers.
    pub position: Vec3,
    /// Unit normal; its sign means nothing before the sheet is oriented.
    pub normal: Vec3,
    /// How much it is a sheet; its scale depends on what made it.
    pub strength: f32,
}

impl SheetPoint {
    /// The area it stands for, voxel².
    pub fn area(&self) -> f64 {
        1.0 / f64::from(self.normal.abs().max_element())
    }
}

/// Ridge points of rows `rows` (of the volume) of a band, in the order y, z, x. `sign` is 1 for ridges, −1 for valleys.
pub(crate) fn ridge_points(
    band: &Band,
    rows: std::ops::Range<usize>,
    sign: f32,
) -> Vec<SheetPoint> {
    let [nz, _, nx] = band.dims;
    let rows: Vec<Vec<SheetPoint>> = rows
        .into_par_iter()
        .map(|y| {
            let places = (0..nz).flat_map(|z| (0..nx).map(move |x| [z, y - band.first, x]));
            places
                .filter_map(|place| ridge_at(band, place, sign))
                .collect()
        })
        .collect();
    rows.concat()
}

/// The densities around a voxel, their sign turned where valleys are looked for.
struct Around<'a> {
    voxels: &'a [f32],
    here: isize,
    /// Steps along x, y, z.
    steps: [isize; 3],
    sign: f32,
}

impl Around<'_> {
    fn value(&self, offset: isize) -> f32 {
        self.sign * self.voxels[(self.here + offset) as usize]
    }

    /// Gradient at a voxel `offset` away.
    fn gradient(&self, offset: isize) -> Vec3 {
        0.5 * Vec3::from_array(
            self.steps
                .map(|step| self.value(offset + step) - self.value(offset - step)),
        )
    }

    /// Second derivatives; `None` where the density curves up along every axis.
    fn hessian(&self) -> Option<Symmetric> {
        let [x, y, z] = self.steps;
        let middle = 2.0 * self.value(0);
        let along = self.steps.map(|s| self.value(s) + self.value(-s) - middle);
        if along.iter().all(|v| *v >= 0.0) {
            return None;
        }
        let mixed = |a: isize, b: isize| {
            0.25 * (self.value(a + b) + self.value(-a - b) - self.value(a - b) - self.value(b - a))
        };
        let [xx, yy, zz] = along;
        Some([xx, yy, zz, mixed(x, y), mixed(x, z), mixed(y, z)])
    }
}

/// The ridge point of one voxel, if it is one. Two voxels at each face of the volume have no derivatives on both sides.
fn ridge_at(band: &Band, [z, row, x]: [usize; 3], sign: f32) -> Option<SheetPoint> {
    let [nz, rows, nx] = band.dims;
    let inner = |i: usize, n: usize| i >= 2 && i + 2 < n;
    if !(inner(z, nz) && inner(row, rows) && inner(x, nx)) {
        return None;
    }
    let around = Around {
        voxels: &band.voxels,
        here: ((z * rows + row) * nx + x) as isize,
        steps: [1, nx as isize, (rows * nx) as isize],
        sign,
    };
    let hessian = around.hessian()?;
    let [lowest, middle, _] = eigenvalues(&hessian);
    let strength = -lowest - middle.abs();
    if strength <= 0.0 || lowest >= 0.0 {
        return None;
    }
    let normal = eigenvector(&hessian, lowest);
    let axis = normal.abs().max_position();
    let step = around.steps[axis];
    let slope = |offset: isize| around.gradient(offset).dot(normal) * normal[axis].signum();
    let here = slope(0);
    let [below, above] = [slope(-step), slope(step)].map(|beside| 0.5 * (here + beside));
    if !(below >= 0.0 && above < 0.0) {
        return None;
    }
    // The slope is a straight line on either side of the voxel.
    let along = if here > 0.0 {
        0.5 * here / (here - above)
    } else {
        -0.5 * here / (here - below)
    };
    let mut position = Vec3::new(x as f32, (band.first + row) as f32, z as f32);
    position[axis] += along;
    Some(SheetPoint {
        position,
        normal,
        strength,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(dims: [usize; 3], f: impl Fn(Vec3) -> f32) -> Band {
        let mut voxels = Vec::new();
        for z in 0..dims[0] {
            for y in 0..dims[1] {
                for x in 0..dims[2] {
                    voxels.push(f(Vec3::new(x as f32, y as f32, z as f32)));
                }
            }
        }
        Band {
            dims,
            first: 0,
            voxels,
        }
    }

    #[test]
    fn a_tilted_plane_is_found_where_it_lies_with_its_normal_and_its_area() {
        for normal in [Vec3::X, Vec3::new(1.0, 2.0, 3.0), Vec3::new(-1.0, 1.0, 0.2)] {
            let normal = normal.normalize();
            let centre = Vec3::new(20.3, 19.8, 20.1);
            let profile = |p: Vec3| (-0.5 * ((p - centre).dot(normal) / 1.6).powi(2)).exp();
            let band = band([40, 40, 40], profile);
            let points = ridge_points(&band, 0..40, 1.0);
            let near: Vec<_> = points
                .iter()
                .filter(|p| (p.position - centre).length() < 12.0)
                .collect();
            assert!(near.len() > 300, "{}", near.len());
            for point in &near {
                let distance = (point.position - centre).dot(normal).abs();
                assert!(distance < 0.05, "{distance}");
                assert!(point.normal.dot(normal).abs() > 0.9995);
            }
            let area: f64 = near.iter().map(|p| p.area()).sum();
            let expected = std::f64::consts::PI * 144.0;
            assert!((area / expected - 1.0).abs() < 0.04, "{area} {expected}");
            assert!(
                ridge_points(&band, 0..40, -1.0)
                    .iter()
                    .all(|p| p.strength < 0.2 * near[0].strength)
            );
        }
    }

    #[test]
    fn rods_and_balls_are_weak() {
        let ball = band([24, 24, 24], |p| {
            (-0.5 * (p - Vec3::splat(12.0)).length_squared() / 4.0).exp()
        });
        let points = ridge_points(&ball, 0..24, 1.0);
        let at_centre = points
            .iter()
            .filter(|p| (p.position - Vec3::splat(12.0)).length() < 1.0);
        assert!(at_centre.map(|p| p.strength).fold(0.0, f32::max) < 0.01);
    }
}

//! A mask around points, as of the atoms of a model.

use glam::DVec3;
use ndarray::Array3;
use thon_model::{Map, Mask};
use thon_signal::mask::soften;
use thon_units::{Angstrom, PixelSize};

/// The mask of a box `dims` that is 1 within `radius` of any of `points` (Å from the centre voxel), extended and softened.
/// Points whose ball lies outside the box count nothing.
pub fn around_points(
    dims: [usize; 3],
    voxel_size: PixelSize,
    points: &[DVec3],
    radius: Angstrom,
    extend: Angstrom,
    soft_edge: Angstrom,
) -> Mask {
    let mut inside = Array3::from_elem(dims, false);
    let reach = radius / voxel_size;
    let centre = DVec3::new(
        (dims[2] / 2) as f64,
        (dims[1] / 2) as f64,
        (dims[0] / 2) as f64,
    );
    for point in points {
        mark(&mut inside, *point / voxel_size.0 + centre, reach.0);
    }
    let data = soften(&inside, (extend / voxel_size).0, (soft_edge / voxel_size).0);
    Mask(Map::new(data, voxel_size))
}

/// Marks the voxels within `reach` voxels of `at`, and the one that holds it.
fn mark(inside: &mut Array3<bool>, at: DVec3, reach: f64) {
    let (nz, ny, nx) = inside.dim();
    let range = |at: f64, n: usize| {
        let low = (at - reach).round().max(0.0) as usize;
        let high = ((at + reach).round() + 1.0).clamp(0.0, n as f64) as usize;
        low..high.max(low)
    };
    let nearest = at.round();
    for z in range(at.z, nz) {
        for y in range(at.y, ny) {
            for x in range(at.x, nx) {
                let voxel = DVec3::new(x as f64, y as f64, z as f64);
                if voxel.distance_squared(at) <= reach * reach || voxel == nearest {
                    inside[[z, y, x]] = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_atoms_make_two_balls_where_they_are() {
        let points = [DVec3::new(-20.0, 0.0, 4.0), DVec3::new(20.0, 10.0, 0.0)];
        let mask = around_points(
            [40, 42, 44],
            PixelSize(2.0),
            &points,
            Angstrom(8.0),
            Angstrom(0.0),
            Angstrom(4.0),
        );
        let inside = mask.0.data.iter().filter(|v| **v == 1.0).count() as f64;
        let expected = 2.0 * 4.0 / 3.0 * std::f64::consts::PI * 4.0_f64.powi(3);
        assert!(
            (inside / expected - 1.0).abs() < 0.1,
            "{inside} against {expected}"
        );
        // Centre voxel (22, 21, 20): the first atom at x = 22 − 10, z = 20 + 2.
        assert_eq!(mask.0.data[[22, 21, 12]], 1.0);
        assert_eq!(mask.0.data[[20, 26, 32]], 1.0);
        assert_eq!(mask.0.data[[20, 21, 22]], 0.0);
    }

    #[test]
    fn points_far_away_or_without_radius_do_no_harm() {
        let points = [DVec3::splat(1e6), DVec3::splat(-1e6), DVec3::ZERO];
        let zero = Angstrom(0.0);
        let mask = around_points([8; 3], PixelSize(1.0), &points, zero, zero, zero);
        assert_eq!(mask.0.data.sum(), 1.0);
        assert_eq!(mask.0.data[[4, 4, 4]], 1.0);
    }
}

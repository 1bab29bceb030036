//! Places on sheets, a distance apart: where to look for what sits on a membrane.
//!
//! Points are taken in random order and kept unless one kept before, of the same sheet, lies nearer than the spacing (dart throwing;
//! Cook 1986, ACM Trans. Graph. 5:51): no gap is left in which another would fit.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_geometry::glam::{DQuat, DVec3, Vec3};

use crate::SegmentError;
use crate::sheets::Sheets;

/// Indices of points at least `spacing` voxels apart on each sheet, sheet after sheet and in order within it.
///
/// # Errors
/// [`SegmentError::Parameter`]: a spacing that is not a positive number.
pub fn sample(sheets: &Sheets, spacing: f64, seed: u64) -> Result<Vec<usize>, SegmentError> {
    SegmentError::check("spacing", spacing, 0.1..=1e6, "voxels")?;
    let spacing = spacing as f32;
    let mut chosen = Vec::new();
    let mut first = 0;
    while first < sheets.points.len() {
        let label = sheets.labels[first];
        let count = sheets.labels[first..]
            .iter()
            .take_while(|l| **l == label)
            .count();
        let mut order: Vec<usize> = (first..first + count).collect();
        // Each sheet has draws of its own, so that the others do not change them.
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(
            seed ^ (u64::from(label) << 32),
        ));
        let mut kept = Kept::new(spacing);
        let mut of_sheet: Vec<usize> = order
            .into_iter()
            .filter(|&i| kept.take(sheets.points[i].position))
            .collect();
        of_sheet.sort_unstable();
        chosen.extend(of_sheet);
        first += count;
    }
    Ok(chosen)
}

/// Places `height` voxels above points, along their normals, and rotations that turn z onto the normal, by any angle about it.
pub fn stand_on(sheets: &Sheets, chosen: &[usize], height: f64, seed: u64) -> Vec<(DVec3, DQuat)> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let stand = chosen.iter().map(|&index| {
        let point = sheets.points[index];
        let normal = point.normal.as_dvec3().normalize();
        let turn = random.random_range(0.0..std::f64::consts::TAU);
        let rotation = DQuat::from_rotation_arc(DVec3::Z, normal) * DQuat::from_rotation_z(turn);
        (point.position.as_dvec3() + normal * height, rotation)
    });
    stand.collect()
}

/// Places kept so far, in cells as wide as the spacing.
struct Kept {
    spacing: f32,
    cells: std::collections::BTreeMap<[i32; 3], Vec<Vec3>>,
}

impl Kept {
    fn new(spacing: f32) -> Self {
        Self {
            spacing,
            cells: std::collections::BTreeMap::new(),
        }
    }

    /// Keeps a place and says so, unless another is too near.
    fn take(&mut self, place: Vec3) -> bool {
        let [x, y, z] = (place / self.spacing).floor().as_ivec3().to_array();
        let around = |at: i32| at - 1..=at + 1;
        let cells =
            around(z).flat_map(|k| around(y).flat_map(move |j| around(x).map(move |i| [i, j, k])));
        let near = |p: &Vec3| p.distance(place) < self.spacing;
        let taken = |cell: &[i32; 3]| self.cells.get(cell).is_some_and(|c| c.iter().any(near));
        if cells.into_iter().any(|cell| taken(&cell)) {
            return false;
        }
        self.cells.entry([x, y, z]).or_default().push(place);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheets::group;
    use crate::testing::sphere_points;

    #[test]
    fn samples_are_apart_and_leave_no_gap() {
        let points = sphere_points(Vec3::splat(40.0), 20.0, 5000, 0.0);
        let sheets = group(&points, 0.0, 0.0);
        let chosen = sample(&sheets, 6.0, 1).unwrap();
        assert_eq!(chosen, sample(&sheets, 6.0, 1).unwrap());
        assert_ne!(chosen, sample(&sheets, 6.0, 2).unwrap());
        let place = |i: usize| sheets.points[i].position;
        for (n, &i) in chosen.iter().enumerate() {
            assert!(
                chosen[..n]
                    .iter()
                    .all(|&j| place(i).distance(place(j)) >= 6.0)
            );
        }
        for i in 0..sheets.points.len() {
            assert!(chosen.iter().any(|&j| place(i).distance(place(j)) < 6.0));
        }
        assert!(sample(&sheets, 0.0, 1).is_err());
        let standing = stand_on(&sheets, &chosen, 2.0, 3);
        for (&index, (place, rotation)) in chosen.iter().zip(&standing) {
            let point = sheets.points[index];
            let up = *rotation * DVec3::Z;
            assert!(up.dot(point.normal.as_dvec3()) > 1.0 - 1e-6);
            let above = *place - point.position.as_dvec3();
            assert!((above - 2.0 * up).length() < 1e-5);
        }
    }
}

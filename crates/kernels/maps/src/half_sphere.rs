//! The directions of the half sphere z ≥ 0 in cells of about equal solid angle, ring by ring; d and −d are the same.

use std::f64::consts::{FRAC_PI_2, TAU};

use glam::DVec3;

/// Rings from pole to equator, 3° each.
const RINGS: usize = 30;

/// Cells of equal solid angle on the half sphere, ring by ring.
pub(crate) struct HalfSphere {
    /// Middle of each cell.
    pub(crate) directions: Vec<DVec3>,
    /// First cell of each ring.
    first: Vec<usize>,
}

impl HalfSphere {
    /// The cells of 3°.
    pub(crate) fn new() -> Self {
        let (mut directions, mut first) = (Vec::new(), vec![0]);
        for ring in 0..RINGS {
            let theta = FRAC_PI_2 * (ring as f64 + 0.5) / RINGS as f64;
            let turns = Self::turns(ring);
            directions.extend((0..turns).map(|turn| {
                let phi = TAU * (turn as f64 + 0.5) / turns as f64;
                DVec3::new(
                    theta.sin() * phi.cos(),
                    theta.sin() * phi.sin(),
                    theta.cos(),
                )
            }));
            first.push(directions.len());
        }
        Self { directions, first }
    }

    fn turns(ring: usize) -> usize {
        let theta = FRAC_PI_2 * (ring as f64 + 0.5) / RINGS as f64;
        (4.0 * RINGS as f64 * theta.sin()).round().max(1.0) as usize
    }

    /// The cell of a direction or of its opposite; a pole's for a vector of length 0.
    pub(crate) fn nearest(&self, direction: DVec3) -> usize {
        let d = direction.normalize_or(DVec3::Z);
        let d = if d.z < 0.0 { -d } else { d };
        let ring = ((d.z.min(1.0).acos() / FRAC_PI_2 * RINGS as f64) as usize).min(RINGS - 1);
        let turns = Self::turns(ring);
        let turn = (d.y.atan2(d.x).rem_euclid(TAU) / TAU * turns as f64) as usize % turns;
        self.first[ring] + turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_middle_lies_in_its_own_cell_and_opposites_share_one() {
        let grid = HalfSphere::new();
        for (cell, direction) in grid.directions.iter().enumerate() {
            assert_eq!(grid.nearest(*direction), cell);
            assert_eq!(grid.nearest(-*direction * 3.0), cell);
        }
        assert!(grid.nearest(DVec3::Z) < 3 && grid.nearest(DVec3::ZERO) < 3);
    }
}

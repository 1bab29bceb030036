//! The rotations and shifts of a search.

use glam::{DQuat, DVec3};
use thon_geometry::{RotationGrid, Symmetry};

/// All (rotation, shift) pairs that a global search compares.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchGrid {
    /// Rotations, reference → data frame.
    pub rotations: Vec<DQuat>,
    /// Shifts from the centre of each particle's prior, voxels.
    pub shifts: Vec<DVec3>,
    /// Largest shell that is compared.
    pub band: usize,
    /// Angle between neighbouring rotations, radians.
    pub spacing: f64,
    /// Distance between neighbouring shifts, voxels.
    pub shift_step: f64,
    /// Rotations of the reference's point group, the identity first: rotations that differ by one are the same.
    pub symmetry: Vec<DQuat>,
}

impl SearchGrid {
    /// All rotations of a HEALPix order (spacing 60°/2ᵒ) in the asymmetric unit of a group, the grid turned by
    /// `perturbation`, and shifts in steps of `shift_step` within `shift_range`, both in voxels.
    pub fn global(
        order: u8,
        symmetry: Symmetry,
        perturbation: DQuat,
        shift_range: f64,
        shift_step: f64,
        band: usize,
    ) -> Self {
        let grid = RotationGrid::new(order, symmetry).perturbed(perturbation);
        let rotations = grid.samples().map(|s| grid.rotation(s).quaternion());
        Self {
            rotations: rotations.collect(),
            shifts: sphere(shift_range, shift_step),
            band,
            spacing: grid.spacing().0,
            shift_step,
            symmetry: symmetry.rotations(),
        }
    }

    /// Angle between two rotations modulo the symmetry, radians.
    pub fn angle_between(&self, a: DQuat, b: DQuat) -> f64 {
        let nearest = |nearest: f64, s: &DQuat| nearest.max((a * *s).dot(b).abs());
        2.0 * self.symmetry.iter().fold(0.0, nearest).min(1.0).acos()
    }
}

/// Points of a cubic lattice within a sphere, the centre first, then by z, y, x.
fn sphere(radius: f64, step: f64) -> Vec<DVec3> {
    let reach = if step > 0.0 && radius >= step {
        (radius / step + 1e-9).floor() as i32
    } else {
        0
    };
    let mut points = vec![DVec3::ZERO];
    for z in -reach..=reach {
        for y in -reach..=reach {
            for x in -reach..=reach {
                let point = DVec3::new(x.into(), y.into(), z.into()) * step;
                if point != DVec3::ZERO && point.length() <= radius + 1e-9 {
                    points.push(point);
                }
            }
        }
    }
    points
}

/// The largest shell that rotations `spacing` radians apart can tell, for a particle of a diameter in a box (both in
/// voxels): there the arc between neighbouring rotations at the particle's rim is 0.7 of the wavelength.
///
/// ```
/// assert_eq!(thon_likelihood::coarse_band(15f64.to_radians(), 43.0, 64), 8);
/// ```
pub fn coarse_band(spacing: f64, diameter: f64, box_size: usize) -> usize {
    let arc = (spacing * diameter / 2.0).max(1e-6);
    let band = (0.7 * box_size as f64 / arc).round() as usize;
    band.clamp(3.min(box_size / 2), box_size / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_have_the_known_numbers_of_samples() {
        let grid = |range, step| {
            SearchGrid::global(2, Symmetry::Cyclic(1), DQuat::IDENTITY, range, step, 8)
        };
        assert_eq!(grid(3.0, 2.0).rotations.len(), 4608);
        assert_eq!(grid(3.0, 2.0).shifts.len(), 19);
        assert_eq!(grid(4.0, 2.0).shifts.len(), 33);
        assert_eq!(grid(0.0, 2.0).shifts, [DVec3::ZERO]);
        let icosahedral: Symmetry = "I".parse().unwrap();
        let few = SearchGrid::global(2, icosahedral, DQuat::IDENTITY, 0.0, 1.0, 8);
        assert!(few.rotations.len() < 4608 / 40);
    }
}

//! Uniform samplings of SO(3): HEALPix directions times in-plane turns, global or around a rotation.
//!
//! Order o has 12·4ᵒ directions and 6·2ᵒ in-plane angles, a spacing of 60°/2ᵒ (o = 2: 15°, 3: 7.5°).
//! With a symmetry group only directions of the asymmetric unit are kept, so that each orientation
//! is met once. A rotation R (reference → specimen) sees the reference along the direction
//! d = R⁻¹ z; R = Rz(ψ) · Q(d), where Q carries d to z by the shortest in-plane-free way
//! Ry(−θ) Rz(−φ).

use std::f64::consts::TAU;

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};
use thon_units::Radians;

use crate::healpix::{direction, pixel_count, pixel_spacing};
use crate::{Particle, Rotation, Specimen, Symmetry};

/// One sample: a pixel and an in-plane step of a given order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RotationSample {
    /// HEALPix pixel (nested).
    pub pixel: u32,
    /// In-plane step.
    pub turn: u32,
}

/// A uniform grid over SO(3) modulo a point group.
///
/// ```
/// use thon_geometry::{RotationGrid, Symmetry};
/// assert_eq!(RotationGrid::new(2, Symmetry::Cyclic(1)).len(), 192 * 24);
/// let icosahedral = RotationGrid::new(3, "I".parse()?);
/// assert!((icosahedral.len() as f64 / (768.0 * 48.0 / 60.0) - 1.0).abs() < 0.2);
/// # Ok::<(), thon_geometry::SymmetryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RotationGrid {
    order: u8,
    symmetry: Symmetry,
    elements: Vec<DQuat>,
    pixels: Vec<u32>,
    perturbation: DQuat,
}

impl RotationGrid {
    /// All rotations of one order in the asymmetric unit of a group.
    ///
    /// # Panics
    /// When `order` exceeds [`crate::healpix::MAXIMUM_ORDER`].
    pub fn new(order: u8, symmetry: Symmetry) -> Self {
        assert!(
            order <= crate::healpix::MAXIMUM_ORDER,
            "sampling order {order} is too fine"
        );
        let elements = symmetry.rotations();
        let kept =
            |pixel: &u32| Symmetry::is_asymmetric(&elements, direction(order, *pixel as usize));
        let pixels = (0..pixel_count(order) as u32).filter(kept).collect();
        Self {
            order,
            symmetry,
            elements,
            pixels,
            perturbation: DQuat::IDENTITY,
        }
    }

    /// The same grid turned as a whole, so that successive iterations do not see the same samples.
    #[must_use]
    pub fn perturbed(self, perturbation: DQuat) -> Self {
        Self {
            perturbation: perturbation.normalize(),
            ..self
        }
    }

    /// Order of the grid.
    pub fn order(&self) -> u8 {
        self.order
    }

    /// The group whose asymmetric unit is sampled.
    pub fn symmetry(&self) -> Symmetry {
        self.symmetry
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.pixels.len() * self.turns() as usize
    }

    /// True when there is no sample; never for a valid grid.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Spacing of in-plane steps, which is about that of the directions.
    pub fn spacing(&self) -> Radians {
        Radians(TAU / f64::from(self.turns()))
    }

    fn turns(&self) -> u32 {
        6 << self.order
    }

    /// All samples, direction by direction.
    pub fn samples(&self) -> impl Iterator<Item = RotationSample> + '_ {
        let turns = self.turns();
        self.pixels
            .iter()
            .flat_map(move |&pixel| (0..turns).map(move |turn| RotationSample { pixel, turn }))
    }

    /// The rotation of a sample.
    pub fn rotation(&self, sample: RotationSample) -> Rotation<Particle, Specimen> {
        let d = direction(self.order, sample.pixel as usize);
        let psi = TAU * f64::from(sample.turn) / f64::from(self.turns());
        Rotation::from_quaternion(DQuat::from_rotation_z(psi) * carry_to_z(d) * self.perturbation)
    }

    /// The eight samples of the next order that divide a sample: four directions, two turns each.
    ///
    /// The turns are counted from the in-plane angle that the parent has in the child's own frame,
    /// so that children lie around their parent near the poles too; each sample of the next order is
    /// the child of exactly one sample.
    pub fn children(&self, sample: RotationSample) -> impl Iterator<Item = RotationSample> {
        let fine_turns = 2 * self.turns();
        let parent = carry_to_z(direction(self.order, sample.pixel as usize));
        let order = self.order + 1;
        (4 * sample.pixel..4 * sample.pixel + 4).flat_map(move |pixel| {
            let between = parent * carry_to_z(direction(order, pixel as usize)).conjugate();
            let twist = 2.0 * between.z.atan2(between.w) / TAU * f64::from(fine_turns);
            let first = i64::from(2 * sample.turn) + twist.floor() as i64;
            (first..first + 2).map(move |turn| RotationSample {
                pixel,
                turn: turn.rem_euclid(i64::from(fine_turns)) as u32,
            })
        })
    }

    /// Local search: the samples within `radius` of a rotation, whatever the asymmetric unit.
    ///
    /// Each comes with its angular distance; in the order of the grid.
    pub fn near(
        &self,
        centre: Rotation<Particle, Specimen>,
        radius: Radians,
    ) -> Vec<(RotationSample, Radians)> {
        let view = self.perturbation * (centre.quaternion().conjugate() * DVec3::Z);
        let reach = radius.0 + 1e-9;
        let close =
            |pixel: &u32| direction(self.order, *pixel as usize).angle_between(view) <= reach;
        let mut found = Vec::new();
        for pixel in (0..pixel_count(self.order) as u32).filter(close) {
            for turn in 0..self.turns() {
                let sample = RotationSample { pixel, turn };
                let angle = self.rotation(sample).angle_to(centre);
                if angle.0 <= reach {
                    found.push((sample, angle));
                }
            }
        }
        found
    }

    /// Smallest angle between two rotations that differ by an element of the group.
    pub fn angle_modulo_symmetry(
        &self,
        a: Rotation<Particle, Specimen>,
        b: Rotation<Particle, Specimen>,
    ) -> Radians {
        let angles = self
            .elements
            .iter()
            .map(|&s| Rotation::from_quaternion(a.quaternion() * s).angle_to(b).0);
        Radians(angles.fold(f64::INFINITY, f64::min))
    }

    /// Edge of a direction's pixel.
    pub fn direction_spacing(&self) -> Radians {
        Radians(pixel_spacing(self.order))
    }
}

/// Ry(−θ) Rz(−φ) for the direction (θ, φ): carries it to z.
fn carry_to_z(d: DVec3) -> DQuat {
    let (theta, phi) = (d.z.clamp(-1.0, 1.0).acos(), d.y.atan2(d.x));
    DQuat::from_rotation_y(-theta) * DQuat::from_rotation_z(-phi)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    fn random_rotation(rng: &mut rand_chacha::ChaCha8Rng) -> Rotation<Particle, Specimen> {
        loop {
            let v: [f64; 4] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
            let q = DQuat::from_array(v);
            if (0.1..1.0).contains(&q.length()) {
                return Rotation::from_quaternion(q);
            }
        }
    }

    #[test]
    fn every_rotation_has_a_sample_within_reach_modulo_symmetry() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        for name in ["C1", "C6", "D7", "T", "O", "I1", "I3"] {
            let grid = RotationGrid::new(2, name.parse().unwrap());
            let rotations: Vec<_> = grid.samples().map(|s| grid.rotation(s)).collect();
            let mut worst = 0f64;
            for _ in 0..40 {
                let wanted = random_rotation(&mut rng);
                let best = rotations
                    .iter()
                    .map(|&r| grid.angle_modulo_symmetry(r, wanted).0);
                worst = worst.max(best.fold(f64::INFINITY, f64::min));
            }
            // Pixels are kept or left out as a whole: the border of the unit may gape by half a pixel.
            assert!(
                worst < 1.5 * grid.spacing().0,
                "{name}: {} of {}",
                worst,
                grid.spacing().0
            );
        }
    }

    #[test]
    fn the_asymmetric_unit_has_its_share_of_samples() {
        for name in ["C2", "C7", "D2", "D7", "T", "O", "I1", "I2", "I3", "I4"] {
            let symmetry: Symmetry = name.parse().unwrap();
            let share = RotationGrid::new(4, symmetry).pixels.len() * symmetry.order();
            assert!(
                (share as f64 / pixel_count(4) as f64 - 1.0).abs() < 0.08,
                "{name}: {share}"
            );
        }
    }

    #[test]
    fn no_two_samples_are_symmetry_copies() {
        let grid = RotationGrid::new(1, "D2".parse().unwrap());
        let rotations: Vec<_> = grid.samples().map(|s| grid.rotation(s)).collect();
        for (i, &a) in rotations.iter().enumerate() {
            assert!(
                rotations[..i]
                    .iter()
                    .all(|&b| grid.angle_modulo_symmetry(a, b).0 > 1e-3)
            );
        }
    }

    #[test]
    fn local_search_finds_what_the_whole_grid_holds_nearby() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let turned = random_rotation(&mut rng).quaternion();
        let grid = RotationGrid::new(3, Symmetry::Cyclic(1)).perturbed(turned);
        let centre = random_rotation(&mut rng);
        let radius = Radians(0.3);
        let near: Vec<_> = grid
            .near(centre, radius)
            .into_iter()
            .map(|(s, _)| s)
            .collect();
        let all: Vec<_> = grid
            .samples()
            .filter(|&s| grid.rotation(s).angle_to(centre).0 <= radius.0)
            .collect();
        assert!(near.len() > 50);
        assert_eq!(near, all);
    }

    #[test]
    fn children_surround_their_parent_and_are_shared_by_nobody() {
        let coarse = RotationGrid::new(2, Symmetry::Cyclic(1));
        let fine = RotationGrid::new(3, Symmetry::Cyclic(1));
        let mut children = Vec::new();
        for parent in coarse.samples() {
            for child in coarse.children(parent) {
                let angle = fine.rotation(child).angle_to(coarse.rotation(parent));
                assert!(angle.0 < 0.8 * coarse.spacing().0, "{angle}");
                children.push(child);
            }
        }
        children.sort();
        let mut all: Vec<_> = fine.samples().collect();
        all.sort();
        assert_eq!(children, all);
    }
}

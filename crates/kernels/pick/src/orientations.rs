//! Orientations of a search: an even grid of any step over SO(3) modulo a point group, and small grids around one rotation.
//!
//! Directions are the pixel centres of a HEALPix grid (Górski et al. 2005, ring numbering, eqs. 2–9) whose number of
//! divisions may be any whole number; in-plane turns are equally spaced. A direction d stands for rotations that carry
//! the reference's d to the specimen's z: R = Rz(ψ)·Ry(−θ)·Rz(−φ), as in `thon_geometry::RotationGrid`. All rotations
//! are active, reference → specimen.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use glam::{DQuat, DVec3};
use thon_geometry::Symmetry;
use thon_units::Radians;

/// Finest step of a grid.
pub const FINEST_STEP: Radians = Radians(0.5 * PI / 180.0);

/// A list of rotations, direction by direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Orientations {
    rotations: Vec<DQuat>,
    step: Radians,
}

impl Orientations {
    /// An even grid whose neighbours are at most about `step` apart, one sample per symmetry copy.
    ///
    /// ```
    /// use thon_geometry::Symmetry;
    /// use thon_pick::Orientations;
    /// use thon_units::Degrees;
    /// let all = Orientations::even(Degrees(15.0).radians(), Symmetry::Cyclic(1));
    /// assert_eq!(all.len(), 192 * 24);
    /// let sevenfold = Orientations::even(Degrees(15.0).radians(), Symmetry::Cyclic(7));
    /// assert!((sevenfold.len() as f64 * 7.0 / all.len() as f64 - 1.0).abs() < 0.25);
    /// ```
    pub fn even(step: Radians, symmetry: Symmetry) -> Self {
        let step = step.0.clamp(FINEST_STEP.0, FRAC_PI_2);
        // The edge of a pixel is √(4π/12)/n; a step asked in round degrees should not be missed by rounding.
        let divisions = ((PI / 3.0).sqrt() / step - 0.1).ceil().max(1.0) as i64;
        let turns = (TAU / step - 1e-9).ceil() as u32;
        let elements = symmetry.rotations();
        let mut rotations = Vec::new();
        for direction in directions(divisions) {
            if !Symmetry::is_asymmetric(&elements, direction) {
                continue;
            }
            let carried = carry_to_z(direction);
            rotations.extend((0..turns).map(|turn| {
                DQuat::from_rotation_z(TAU * f64::from(turn) / f64::from(turns)) * carried
            }));
        }
        Self {
            rotations,
            step: Radians(TAU / f64::from(turns)),
        }
    }

    /// The given rotations, in this order.
    pub fn listed(rotations: Vec<DQuat>, step: Radians) -> Self {
        Self { rotations, step }
    }

    /// Number of rotations.
    pub fn len(&self) -> usize {
        self.rotations.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.rotations.is_empty()
    }

    /// Angle between in-plane neighbours.
    pub fn step(&self) -> Radians {
        self.step
    }

    /// All rotations, reference → specimen.
    pub fn rotations(&self) -> &[DQuat] {
        &self.rotations
    }
}

/// Rotations within `radius` of the identity, `step` apart: a cubic grid of rotation vectors, the identity first, then by
/// angle. Multiply with a rotation from the left to search around it.
pub fn around_identity(step: Radians, radius: Radians) -> Vec<DQuat> {
    let reach = (radius.0 / step.0 + 1e-9).floor() as i32;
    let mut vectors = Vec::new();
    for z in -reach..=reach {
        for y in -reach..=reach {
            for x in -reach..=reach {
                let square = x * x + y * y + z * z;
                if f64::from(square).sqrt() * step.0 <= radius.0 + 1e-9 {
                    vectors.push((square, [z, y, x]));
                }
            }
        }
    }
    vectors.sort_unstable();
    let rotation = |(_, [z, y, x]): (i32, [i32; 3])| {
        DQuat::from_scaled_axis(DVec3::new(x.into(), y.into(), z.into()) * step.0)
    };
    vectors.into_iter().map(rotation).collect()
}

/// Pixel centres of a HEALPix grid with `n` divisions, ring by ring from +z.
fn directions(n: i64) -> Vec<DVec3> {
    let mut all = Vec::with_capacity(12 * (n * n) as usize);
    for ring in 1..4 * n {
        let from_pole = ring.min(4 * n - ring);
        let (count, z, shift) = if from_pole < n {
            let cap = 1.0 - (from_pole * from_pole) as f64 / (3 * n * n) as f64;
            (4 * from_pole, if ring < n { cap } else { -cap }, 0.5)
        } else {
            let z = (4 * n - 2 * ring) as f64 / (3 * n) as f64;
            let shift = if (ring - n) % 2 == 0 { 0.5 } else { 0.0 };
            (4 * n, z, shift)
        };
        let radius = (1.0 - z * z).max(0.0).sqrt();
        for pixel in 0..count {
            let longitude = TAU / count as f64 * (pixel as f64 + shift);
            all.push(DVec3::new(
                radius * longitude.cos(),
                radius * longitude.sin(),
                z,
            ));
        }
    }
    all
}

/// Ry(−θ) Rz(−φ) for the direction (θ, φ): carries it to z.
fn carry_to_z(d: DVec3) -> DQuat {
    let (theta, phi) = (d.z.clamp(-1.0, 1.0).acos(), d.y.atan2(d.x));
    DQuat::from_rotation_y(-theta) * DQuat::from_rotation_z(-phi)
}

/// Directions spread evenly over the sphere (Fibonacci).
pub(crate) fn even_directions(count: usize) -> Vec<glam::DVec3> {
    let golden = std::f64::consts::TAU * (1.0 - 2.0 / (1.0 + 5.0f64.sqrt()));
    let one = |at: usize| {
        let z = 1.0 - 2.0 * (at as f64 + 0.5) / count as f64;
        let (s, c) = (golden * at as f64).sin_cos();
        let ring = (1.0 - z * z).sqrt();
        glam::DVec3::new(ring * c, ring * s, z)
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::healpix::{direction, pixel_count};
    use thon_geometry::random_rotation;
    use thon_units::Degrees;

    #[test]
    fn powers_of_two_give_the_pixels_of_the_nested_grid() {
        for order in 0..4_u8 {
            let mine = directions(1 << order);
            assert_eq!(mine.len(), pixel_count(order));
            for pixel in 0..pixel_count(order) {
                let wanted = direction(order, pixel);
                assert!(mine.iter().any(|d| d.distance(wanted) < 1e-9), "{wanted}");
            }
        }
    }

    #[test]
    fn every_rotation_has_a_neighbour_modulo_symmetry() {
        for (degrees, name) in [(20.0, "C1"), (13.0, "D7"), (9.0, "O")] {
            let symmetry: Symmetry = name.parse().unwrap();
            let grid = Orientations::even(Degrees(degrees).radians(), symmetry);
            let copies = symmetry.rotations();
            let mut random = thon_compute::seed_stream(3, "orientations", 0);
            let mut worst = 0_f64;
            for _ in 0..60 {
                let wanted = random_rotation(&mut random);
                let angle = |r: &DQuat| {
                    let copy = |s: &DQuat| 2.0 * (*r * *s).dot(wanted).abs().min(1.0).acos();
                    copies.iter().map(copy).fold(f64::INFINITY, f64::min)
                };
                worst = worst.max(
                    grid.rotations
                        .iter()
                        .map(angle)
                        .fold(f64::INFINITY, f64::min),
                );
            }
            assert!(
                worst < 1.5 * degrees.to_radians(),
                "{name}: {}",
                worst.to_degrees()
            );
        }
    }

    #[test]
    fn a_grid_around_a_rotation_starts_with_it() {
        let small = around_identity(Degrees(4.0).radians(), Degrees(8.0).radians());
        assert_eq!(small.len(), 33);
        assert_eq!(small[0], DQuat::IDENTITY);
        let far = small
            .iter()
            .map(|q| q.to_axis_angle().1)
            .fold(0.0, f64::max);
        assert!((far.to_degrees() - 8.0).abs() < 1e-9);
    }
}

//! Helical symmetry in real space: imposing it on a map, and finding rise and twist that fit half maps best.
//!
//! A helix along z maps a point (x, y, z) onto itself turned by the twist about z and moved by the rise along z
//! (right-handed for a positive twist with a positive rise). Imposing averages, at each voxel, all copies whose source lies
//! in the central part of the box, where the map is best (as He & Scheres 2017 do). Maps `[n, n, n]`, axis through
//! voxel ⌊n/2⌋; cubic interpolation.

mod cylinder;
mod fit;

use ndarray::Array3;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_signal::resample::{Interpolation, sample3};
use thon_units::{Angstrom, Degrees};

use crate::AverageError;

pub use fit::HelixFit;

/// Where the axis of a helix lies in a map: near z through the centre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Where it meets the plane of the centre, x and y, voxels.
    pub shift: [f64; 2],
    /// Its turns from z about x, then y, radians.
    pub tilt: [f64; 2],
}

impl Axis {
    /// Where a point relative to the axis (along z through the origin) lies relative to the centre of the map.
    fn carried(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let [a, b] = self.tilt.map(f64::sin_cos);
        let (x, z) = (b.1 * x + b.0 * z, b.1 * z - b.0 * x);
        let (y, z) = (a.1 * y - a.0 * z, a.1 * z + a.0 * y);
        [x + self.shift[0], y + self.shift[1], z]
    }
}

/// A helix along z, and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Helix {
    /// Move along z from one subunit to the next, Å; positive.
    pub rise: Angstrom,
    /// Turn about z from one subunit to the next, degrees.
    pub twist: Degrees,
    /// Share of the box along z from which copies are taken, 0 to 1.
    pub central_part: f64,
    /// Outer radius of the helix, Å; beyond, the map is set to 0.
    pub radius: Angstrom,
    /// Let rise and twist follow the half maps after each iteration of a refinement.
    pub refine: bool,
    /// How far from the given rise is searched to either side, Å; 0: a tenth of the rise.
    #[serde(default)]
    #[schemars(extend("x-level" = "expert"))]
    pub rise_range: Angstrom,
    /// How far from the given twist is searched to either side, degrees; 0: a tenth of the twist, at least 1°.
    #[serde(default)]
    #[schemars(extend("x-level" = "expert"))]
    pub twist_range: Degrees,
}

/// A map with its place in the world.
struct Field<'a> {
    map: &'a Array3<f32>,
    centre: f64,
}

impl Field<'_> {
    /// Value at a point relative to the axis, voxels.
    fn at(&self, [x, y, z]: [f64; 3]) -> Option<f32> {
        let c = self.centre;
        sample3(self.map, [x + c, y + c, z + c], Interpolation::Cubic)
    }
}

/// Radians and voxels of `steps` subunits.
fn operator(helix: &Helix, voxel_size: f64, steps: f64) -> (f64, f64) {
    (
        helix.twist.radians().0 * steps,
        helix.rise.0 / voxel_size * steps,
    )
}

impl Helix {
    /// Fails unless all values make sense for a box.
    pub fn check(&self, box_size: usize, voxel_size: f64) -> Result<(), AverageError> {
        let edge = box_size as f64 * voxel_size;
        if !(self.rise.0.is_finite() && self.rise.0 > 0.0 && self.rise.0 < edge / 2.0) {
            return Err(AverageError::option(
                "rise",
                self.rise.0,
                "above 0 Å, below half the box",
            ));
        }
        if !self.twist.0.is_finite() {
            return Err(AverageError::option(
                "twist",
                self.twist.0,
                "a number of degrees",
            ));
        }
        let [rise, twist] = [self.rise_range.0, self.twist_range.0];
        if !(rise >= 0.0 && rise < self.rise.0) {
            return Err(AverageError::option(
                "rise range",
                rise,
                "0 Å or more, below the rise",
            ));
        }
        if !(0.0..=180.0).contains(&twist) {
            return Err(AverageError::option("twist range", twist, "0° to 180°"));
        }
        if !(self.radius.0 > 0.0 && self.radius.0 <= edge) {
            return Err(AverageError::option(
                "radius of the helix",
                self.radius.0,
                "above 0 Å, within the box",
            ));
        }
        if !(self.central_part * edge >= 2.0 * self.rise.0 && self.central_part <= 1.0) {
            return Err(AverageError::option(
                "central part",
                self.central_part,
                "a share of the box of at least two rises, at most 1",
            ));
        }
        Ok(())
    }

    /// Copies that a point of an imposed map is the mean of, about.
    pub(crate) fn copies(&self, box_size: usize, voxel_size: f64) -> f64 {
        (self.central_part * box_size as f64 * voxel_size / self.rise.0).max(1.0)
    }

    /// The map `[n, n, n]` with this symmetry imposed about its axis, which is along z through the centre afterwards.
    ///
    /// # Panics
    /// When the map is not cubic with `box_size` voxels along the edge.
    pub fn impose(&self, map: &[f32], axis: &Axis, box_size: usize, voxel_size: f64) -> Vec<f32> {
        let n = box_size;
        let map = Array3::from_shape_vec((n, n, n), map.to_vec()).expect("a map of the box");
        let field = Field {
            map: &map,
            centre: (n / 2) as f64,
        };
        let half = self.central_part * n as f64 / 2.0;
        let rise = self.rise.0 / voxel_size;
        let radius = self.radius.0 / voxel_size;
        let mut imposed = vec![0.0; n * n * n];
        imposed
            .par_chunks_mut(n * n)
            .enumerate()
            .for_each(|(plane, values)| {
                let z = plane as f64 - field.centre;
                // Copies whose source z − j·rise lies in the central part.
                let first = ((z - half) / rise).ceil() as i64;
                let last = ((z + half) / rise).floor() as i64;
                let turns: Vec<(f64, f64, f64)> = (first..=last)
                    .map(|j| {
                        let (turn, along) = operator(self, voxel_size, -(j as f64));
                        (turn.cos(), turn.sin(), along)
                    })
                    .collect();
                for (i, value) in values.iter_mut().enumerate() {
                    let x = (i % n) as f64 - field.centre;
                    let y = (i / n) as f64 - field.centre;
                    if x.hypot(y) > radius {
                        continue;
                    }
                    let copies = turns.iter().filter_map(|(cos, sin, along)| {
                        let from = [cos * x - sin * y, sin * x + cos * y, z + along];
                        field.at(axis.carried(from))
                    });
                    let (sum, count) = copies.fold((0.0, 0), |(sum, n), v| (sum + v, n + 1));
                    *value = sum / count.max(1) as f32;
                }
            });
        imposed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A helix of Gaussian subunits, rise 6 Å, twist 40°, voxels of 2 Å, with a little unsymmetric dirt.
    fn tube(n: usize, dirt: f32) -> Vec<f32> {
        let c = (n / 2) as f64;
        let mut map = vec![0.0_f32; n * n * n];
        for j in -20..=20_i32 {
            let turn = (40.0 * f64::from(j)).to_radians();
            let centre = [8.0 * turn.cos(), 8.0 * turn.sin(), 3.0 * f64::from(j)];
            for (i, value) in map.iter_mut().enumerate() {
                let p = [i % n, i / n % n, i / n / n].map(|v| v as f64 - c);
                let d2: f64 = p.iter().zip(centre).map(|(a, b)| (a - b).powi(2)).sum();
                *value += (-d2 / 4.5).exp() as f32;
            }
        }
        for (i, value) in map.iter_mut().enumerate() {
            *value += dirt * ((i * 7919) % 1009) as f32 / 1009.0;
        }
        map
    }

    fn helix() -> Helix {
        Helix {
            rise: Angstrom(6.0),
            twist: Degrees(40.0),
            central_part: 0.4,
            radius: Angstrom(26.0),
            refine: true,
            rise_range: Angstrom(0.0),
            twist_range: Degrees(0.0),
        }
    }

    #[test]
    fn imposing_removes_what_is_not_helical() {
        let n = 36;
        let axis = Axis::default();
        let clean = helix().impose(&tube(n, 0.0), &axis, n, 2.0);
        let dirty = tube(n, 0.6);
        let imposed = helix().impose(&dirty, &axis, n, 2.0);
        let within = |i: usize| {
            let [x, y, z] = [i % n, i / n % n, i / n / n].map(|v| v as f64 - 18.0);
            x.hypot(y) < 12.0 && z.abs() < 12.0
        };
        let spread = |map: &[f32]| {
            let d: Vec<f64> = (0..map.len())
                .filter(|i| within(*i))
                .map(|i| f64::from(map[i] - clean[i]))
                .collect();
            let mean = d.iter().sum::<f64>() / d.len() as f64;
            (d.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / d.len() as f64).sqrt()
        };
        assert!(
            spread(&imposed) < 0.7 * spread(&dirty),
            "{} {}",
            spread(&imposed),
            spread(&dirty)
        );
        assert!(helix().check(n, 2.0).is_ok());
        let wrong = Helix {
            rise: Angstrom(0.0),
            ..helix()
        };
        assert!(matches!(
            wrong.check(n, 2.0),
            Err(AverageError::Option { name: "rise", .. })
        ));
    }
}

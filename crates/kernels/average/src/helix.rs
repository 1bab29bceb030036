//! Helical symmetry in real space: imposing it on a map, and finding rise and twist that fit a map best.
//!
//! A helix along z maps a point (x, y, z) onto itself turned by the twist about z and moved by the rise along z
//! (right-handed for a positive twist with a positive rise). Imposing averages, at each voxel, all copies whose source lies
//! in the central part of the box, where the map is best (as He & Scheres 2017 do). Maps `[n, n, n]`, axis through
//! voxel ⌊n/2⌋; cubic interpolation.

use ndarray::Array3;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::parallel::map_indices;
use thon_signal::filter::{RadialFilter, apply_filters3};
use thon_signal::resample::{Interpolation, sample3};
use thon_units::{Angstrom, Degrees};

use crate::AverageError;

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
    /// Let rise and twist follow the map after each iteration.
    pub refine: bool,
}

/// Rise and twist that fit a map best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HelixFit {
    /// Rise, Å.
    pub rise: Angstrom,
    /// Twist, degrees.
    pub twist: Degrees,
    /// Mean correlation of the map with its copies one, two and three steps on.
    pub correlation: f64,
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

    /// The map `[n, n, n]` with this symmetry imposed.
    ///
    /// # Panics
    /// When the map is not cubic with `box_size` voxels along the edge.
    pub fn impose(&self, map: &[f32], box_size: usize, voxel_size: f64) -> Vec<f32> {
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
                        field.at([cos * x - sin * y, sin * x + cos * y, z + along])
                    });
                    let (sum, count) = copies.fold((0.0, 0), |(sum, n), v| (sum + v, n + 1));
                    *value = sum / count.max(1) as f32;
                }
            });
        imposed
    }

    /// Rise and twist near these that fit the map best: a grid of ±10 % in rise and ±10 % of a turn's twist (at least
    /// ±1°), then ever finer steps, down to 1e-4 of the rise and 0.002°.
    ///
    /// # Panics
    /// As [`Helix::impose`].
    pub fn fit(&self, map: &[f32], box_size: usize, voxel_size: f64) -> HelixFit {
        let n = box_size;
        let map = Array3::from_shape_vec((n, n, n), map.to_vec()).expect("a map of the box");
        // Interpolation smooths, which noise rewards with correlation off the voxels: smooth everywhere first (one voxel).
        let blur = RadialFilter::BFactor(8.0 * std::f64::consts::PI.powi(2));
        let map = apply_filters3(&map, 1.0, &[blur]);
        let score = |rise: f64, twist: f64| {
            let helix = Self {
                rise: Angstrom(rise),
                twist: Degrees(twist),
                ..*self
            };
            helix.correlation(&map, voxel_size)
        };
        let (mut rise, mut twist) = (self.rise.0, self.twist.0);
        let mut best = score(rise, twist);
        let mut steps = [0.025 * rise, (0.025 * twist.abs()).max(0.25)];
        let mut reach = 4;
        while steps[0] > 1e-4 * rise || steps[1] > 0.002 {
            let centre = (rise, twist);
            let around = (-reach..=reach).flat_map(|i| (-reach..=reach).map(move |j| (i, j)));
            for (i, j) in around {
                let candidate = (
                    centre.0 + f64::from(i) * steps[0],
                    centre.1 + f64::from(j) * steps[1],
                );
                let found = score(candidate.0, candidate.1);
                if candidate.0 > 0.0 && found > best {
                    (rise, twist, best) = (candidate.0, candidate.1, found);
                }
            }
            if (rise, twist) == centre || reach > 1 {
                steps = steps.map(|step| step / 2.0);
            }
            reach = 1;
        }
        HelixFit {
            rise: Angstrom(rise),
            twist: Degrees(twist),
            correlation: best,
        }
    }

    /// Mean correlation of the central part with itself one, two and three subunits on (as far as they stay in the box).
    fn correlation(&self, map: &Array3<f32>, voxel_size: f64) -> f64 {
        let n = map.dim().0;
        let field = Field {
            map,
            centre: (n / 2) as f64,
        };
        let radius = self.radius.0 / voxel_size;
        let half = self.central_part * n as f64 / 2.0;
        let mut total = 0.0;
        for steps in 1..=3 {
            let (turn, along) = operator(self, voxel_size, f64::from(steps));
            let (sin, cos) = turn.sin_cos();
            let planes = map_indices(n, |plane| {
                let z = plane as f64 - field.centre;
                if z.abs() > half {
                    return [0.0; 3];
                }
                let pairs = (0..n * n).filter_map(|i| {
                    let x = (i % n) as f64 - field.centre;
                    let y = (i / n) as f64 - field.centre;
                    let to = [cos * x - sin * y, sin * x + cos * y, z + along];
                    let within = x.hypot(y) <= radius;
                    let there = within.then(|| field.at(to)).flatten()?;
                    Some((f64::from(map[[plane, i / n, i % n]]), f64::from(there)))
                });
                pairs.fold([0.0; 3], |s, (here, there)| {
                    [
                        s[0] + here * there,
                        s[1] + here * here,
                        s[2] + there * there,
                    ]
                })
            });
            let sum = |which: usize| planes.iter().map(|p| p[which]).sum::<f64>();
            let power = (sum(1) * sum(2)).sqrt();
            total += if power > 0.0 { sum(0) / power } else { 0.0 };
        }
        total / 3.0
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
        }
    }

    #[test]
    fn rise_and_twist_are_found() {
        let n = 36;
        let map = tube(n, 0.1);
        let start = Helix {
            rise: Angstrom(5.7),
            twist: Degrees(41.5),
            ..helix()
        };
        let fit = start.fit(&map, n, 2.0);
        assert!((fit.rise.0 - 6.0).abs() < 0.02, "{fit:?}");
        assert!((fit.twist.0 - 40.0).abs() < 0.05, "{fit:?}");
        assert!(fit.correlation > 0.9);
    }

    #[test]
    fn imposing_removes_what_is_not_helical() {
        let n = 36;
        let clean = helix().impose(&tube(n, 0.0), n, 2.0);
        let dirty = tube(n, 0.6);
        let imposed = helix().impose(&dirty, n, 2.0);
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

//! Fits trajectories to all tiles together: steps with the expected curvature, of a length that the last one taught.
//!
//! Parameters along each axis are the displacement of every frame and the coefficients of the local model, if there is one. With
//! J the derivatives of a tile's displacements by them and P = 1 − 11ᵀ/n, the curvature of Q is n κ Σ JᵀPJ, κ = 4π² Σ W S k²
//! expected from the signal's power; it is the same for both axes. The mean displacement, which Q does not know, stays zero.

use rayon::prelude::*;
use thon_geometry::glam::DVec2;

use crate::local::{LocalModel, normalised, time_functions};
use crate::objective::{TileTerms, Weights, evaluate, evaluate_with_curvature};
use crate::power::SignalPower;
use crate::tiles::Tiles;
use thon_compute::cholesky::Cholesky;

/// Steps at most.
const STEPS: usize = 8;
/// A step that moves nothing farther than this ends the fit, pixels.
const STILL: f64 = 0.05;
/// Nor is a step worth taking that gains less than this in the logarithm of the likelihood.
const LITTLE: f64 = 0.1;
/// Longest step of any displacement, pixels.
const LONGEST: f64 = 3.0;

/// What is fitted to.
pub(crate) struct Problem<'a> {
    pub tiles: &'a Tiles,
    pub weights: &'a Weights,
    /// κ of one tile, per pixel².
    pub curvature: f64,
    /// Weight of each tile.
    pub trust: &'a [f64],
    /// Size of the binned detector, `[ny, nx]`.
    pub size: [usize; 2],
    /// Time of each frame, 0 to 1.
    pub times: &'a [f64],
    /// Standard deviation that local coefficients may be expected to have, pixels.
    pub local_sigma: f64,
    /// Precision of the second differences of the displacements, per pixel²; 0 for free displacements.
    pub stiffness: f64,
}

/// Displacements of the frames and coefficients of the local model, pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trajectory {
    pub shifts: Vec<DVec2>,
    pub local: Option<(LocalModel, Vec<DVec2>)>,
}

impl Trajectory {
    pub fn global(shifts: Vec<DVec2>) -> Self {
        Self {
            shifts,
            local: None,
        }
    }
}

/// κ of one tile: 4π² Σ W S k² over its coefficients.
pub(crate) fn expected_curvature(tiles: &Tiles, power: &SignalPower, weights: &Weights) -> f64 {
    let sum: f64 = tiles
        .band
        .shells
        .iter()
        .zip(&weights.values)
        .map(|(shell, w)| {
            f64::from(*w) * power.shells[usize::from(*shell)] * f64::from(*shell).powi(2)
        })
        .sum();
    sum * (std::f64::consts::TAU / tiles.band.edge as f64).powi(2)
}

impl Problem<'_> {
    /// Displacements of one tile relative to what it followed.
    pub fn displacements(&self, tile: usize, trajectory: &Trajectory) -> Vec<DVec2> {
        let tile = &self.tiles.list[tile];
        let mut d: Vec<DVec2> = trajectory
            .shifts
            .iter()
            .zip(&tile.followed)
            .map(|(s, f)| *s - *f)
            .collect();
        if let Some((model, coefficients)) = &trajectory.local {
            let place = normalised(tile.centre, self.size);
            for (d, times) in d.iter_mut().zip(time_functions(self.times)) {
                *d += model
                    .values(place, times)
                    .zip(coefficients)
                    .map(|(v, a)| *a * v)
                    .sum::<DVec2>();
            }
        }
        d
    }

    /// Displacements of all tiles.
    pub fn all_displacements(&self, trajectory: &Trajectory) -> Vec<Vec<DVec2>> {
        (0..self.tiles.list.len())
            .map(|tile| self.displacements(tile, trajectory))
            .collect()
    }

    /// The terms of the tiles for which `member` holds, in order.
    pub fn terms(
        &self,
        trajectory: &Trajectory,
        member: &(dyn Fn(usize) -> bool + Sync),
    ) -> Vec<(usize, TileTerms)> {
        let chosen: Vec<usize> = (0..self.tiles.list.len()).filter(|t| member(*t)).collect();
        chosen
            .into_par_iter()
            .map(|tile| {
                let d = self.displacements(tile, trajectory);
                (
                    tile,
                    evaluate(&self.tiles.list[tile], &self.tiles.band, self.weights, &d),
                )
            })
            .collect()
    }

    /// What each tile says about displacements by itself: the trace of its own curvature, in order.
    pub fn said(&self, trajectory: &Trajectory) -> Vec<f64> {
        (0..self.tiles.list.len())
            .into_par_iter()
            .map(|tile| {
                let d = self.displacements(tile, trajectory);
                let tiles = self.tiles;
                evaluate_with_curvature(&tiles.list[tile], &tiles.band, self.weights, &d).curvature
            })
            .collect()
    }

    fn value(&self, terms: &[(usize, TileTerms)], trajectory: &Trajectory) -> f64 {
        let data: f64 = terms
            .iter()
            .map(|(tile, t)| self.trust[*tile] * t.value)
            .sum();
        let second: f64 = second_differences(&trajectory.shifts)
            .iter()
            .map(|d| d.length_squared())
            .sum();
        let local: f64 = trajectory
            .local
            .iter()
            .flat_map(|(_, a)| a)
            .map(|a| a.length_squared())
            .sum();
        data - 0.5 * (self.stiffness * second + local / self.local_sigma.powi(2))
    }

    /// The best trajectory from `start` on, fitted to the tiles for which `member` holds.
    pub fn fit(&self, start: Trajectory, member: &(dyn Fn(usize) -> bool + Sync)) -> Trajectory {
        let mut current = start;
        let mut terms = self.terms(&current, member);
        let mut value = self.value(&terms, &current);
        // Curvature along the last step over the expected one.
        let mut bend = 1.0_f64;
        for _ in 0..STEPS {
            let Some((step, gain)) = self.step(&terms, &current) else {
                break;
            };
            let length = step.iter().map(|s| s.length()).fold(0.0, f64::max);
            let scale = (LONGEST / length.max(1e-12)).min(1.0 / bend);
            if gain * scale < LITTLE {
                break;
            }
            let next = moved(&current, &step, scale);
            // A step too short to matter is not looked at any more.
            if length * scale < STILL {
                return next;
            }
            let next_terms = self.terms(&next, member);
            let next_value = self.value(&next_terms, &next);
            // Along the step the value is to be value + 2 t gain − t² bend gain.
            let gained = next_value - value;
            bend = ((2.0 * scale * gain - gained) / (scale * scale * gain)).clamp(0.5, 8.0);
            if gained >= 0.0 {
                (current, terms, value) = (next, next_terms, next_value);
            }
        }
        current
    }

    /// The step of all parameters, both axes, and what it may be expected to gain.
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn step(&self, terms: &[(usize, TileTerms)], at: &Trajectory) -> Option<(Vec<DVec2>, f64)> {
        let n = self.tiles.frames;
        let local = at.local.as_ref().map_or(0, |(model, _)| model.terms());
        let size = n + local;
        let mut matrix = vec![0.0; size * size];
        let mut gradient = vec![DVec2::ZERO; size];
        let times = time_functions(self.times);
        let stiffness = n as f64 * self.curvature;
        for (tile, terms) in terms {
            let weight = self.trust[*tile];
            let place = normalised(self.tiles.list[*tile].centre, self.size);
            for frame in 0..n {
                let mut row = vec![0.0; size];
                row[frame] = 1.0;
                if let Some((model, _)) = &at.local {
                    row[n..]
                        .iter_mut()
                        .zip(model.values(place, times[frame]))
                        .for_each(|(r, v)| *r = v);
                }
                // Rows of J are zero but for one frame and the local terms.
                for a in std::iter::once(frame).chain(n..size) {
                    gradient[a] += terms.gradient[frame] * (weight * row[a]);
                    for b in std::iter::once(frame).chain(n..size) {
                        matrix[a * size + b] += weight * stiffness * row[a] * row[b];
                    }
                }
            }
        }
        self.add_priors(&mut matrix, &mut gradient, at, size);
        for i in 0..size {
            matrix[i * size + i] += 1e-9;
        }
        let solver = Cholesky::new(size, matrix).ok()?;
        let along = |axis: usize| gradient.iter().map(|g| g[axis]).collect::<Vec<f64>>();
        let [x, y] = [0, 1].map(|axis| solver.solve(&along(axis)));
        let mut step: Vec<DVec2> = x
            .into_iter()
            .zip(y)
            .map(|(x, y)| DVec2::new(x, y))
            .collect();
        let mean = step[..n].iter().sum::<DVec2>() / n as f64;
        step[..n].iter_mut().for_each(|s| *s -= mean);
        let gain: f64 = gradient.iter().zip(&step).map(|(g, s)| g.dot(*s)).sum();
        Some((step, 0.5 * gain))
    }

    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn add_priors(&self, matrix: &mut [f64], gradient: &mut [DVec2], at: &Trajectory, size: usize) {
        let n = self.tiles.frames;
        if self.stiffness > 0.0 {
            for (j, second) in second_differences(&at.shifts).into_iter().enumerate() {
                for (a, left) in [1.0, -2.0, 1.0].into_iter().enumerate() {
                    gradient[j + a] -= second * (left * self.stiffness);
                    for (b, right) in [1.0, -2.0, 1.0].into_iter().enumerate() {
                        matrix[(j + a) * size + j + b] += self.stiffness * left * right;
                    }
                }
            }
        }
        if let Some((_, coefficients)) = &at.local {
            let precision = self.local_sigma.powi(-2);
            for (i, a) in coefficients.iter().enumerate() {
                matrix[(n + i) * size + n + i] += precision;
                gradient[n + i] -= *a * precision;
            }
        }
    }
}

/// d[j] − 2 d[j + 1] + d[j + 2].
pub(crate) fn second_differences(shifts: &[DVec2]) -> Vec<DVec2> {
    shifts
        .windows(3)
        .map(|w| w[0] - w[1] * 2.0 + w[2])
        .collect()
}

fn moved(at: &Trajectory, step: &[DVec2], scale: f64) -> Trajectory {
    let n = at.shifts.len();
    Trajectory {
        shifts: at
            .shifts
            .iter()
            .zip(step)
            .map(|(s, d)| *s + *d * scale)
            .collect(),
        local: at.local.as_ref().map(|(model, coefficients)| {
            let changed = coefficients
                .iter()
                .zip(&step[n..])
                .map(|(a, d)| *a + *d * scale);
            (*model, changed.collect())
        }),
    }
}

//! The power of the signal that frames share, and so the weight of each frequency.
//!
//! S(k) is the mean product of two moved-back frames over a shell and all tiles, in units of the noise. Shells are noisy, and
//! a signal's power falls with frequency apart from the rings of the CTF: S is replaced by its best falling
//! approximation (isotonic regression by pooling adjacent violators; Ayer et al. 1955). Weights end where 95 % of the information
//! about displacements, Σ W S k², has been had.

use rayon::prelude::*;
use thon_geometry::glam::DVec2;

use crate::objective::{Weights, add_products};
use crate::tiles::Tiles;

/// Part of the information that the weights keep.
const KEPT: f64 = 0.95;

/// Signal power per shell, falling, in units of the noise power of one frame.
#[derive(Clone, Debug)]
pub(crate) struct SignalPower {
    /// S per shell of the tiles' band.
    pub shells: Vec<f64>,
    /// Standard error of the mean of S over all shells at the lowest frequencies: how sure it is that there is any signal.
    pub z: f64,
}

impl SignalPower {
    /// Measures it at displacements per tile and frame; `trust` weighs the tiles.
    pub fn measure(tiles: &Tiles, displacements: &[Vec<DVec2>], trust: &[f64]) -> Self {
        let count = tiles.band.shell_count();
        let sums: Vec<Vec<f64>> = tiles
            .list
            .par_iter()
            .zip(displacements)
            .map(|(tile, d)| {
                let mut shells = vec![0.0; count];
                add_products(tile, &tiles.band, d, &mut shells);
                shells
            })
            .collect();
        let mut occupied = vec![0.0_f64; count];
        for shell in &tiles.band.shells {
            occupied[usize::from(*shell)] += 1.0;
        }
        let weight: f64 = trust.iter().sum();
        let mean = |shell: usize| {
            let sum: f64 = sums.iter().zip(trust).map(|(s, t)| s[shell] * t).sum();
            sum / (weight * occupied[shell]).max(1e-9)
        };
        // Shell 0 holds what has no weight.
        let raw: Vec<f64> = (1..count).map(mean).collect();
        let n = tiles.frames as f64;
        let information = tiles.list.len() as f64 * tiles.independence * n * (n - 1.0) / 2.0;
        let z = best_z(&raw, &occupied[1..], information);
        let mut shells = vec![0.0];
        shells.extend(
            falling(&raw, &occupied[1..])
                .into_iter()
                .map(|s| s.max(0.0)),
        );
        Self { shells, z }
    }

    /// Weights of the coefficients.
    pub fn weights(&self, tiles: &Tiles) -> Weights {
        let n = tiles.frames as f64;
        let of = |s: f64| s / (1.0 + n * s);
        let told: Vec<f64> = self
            .shells
            .iter()
            .enumerate()
            .map(|(shell, s)| of(*s) * s * (shell as f64).powi(3))
            .collect();
        let total: f64 = told.iter().sum();
        let mut sum = 0.0;
        let limit = told.iter().position(|t| {
            sum += t;
            sum >= KEPT * total
        });
        let limit = limit.unwrap_or(0);
        let values = tiles.band.shells.iter().map(|shell| {
            let shell = usize::from(*shell);
            if shell == 0 || shell > limit {
                0.0
            } else {
                of(self.shells[shell]) as f32
            }
        });
        Weights {
            values: values.collect(),
            limit,
        }
    }
}

/// The largest z over leading runs of shells: how surely the mean product of the lowest frequencies is above zero.
fn best_z(raw: &[f64], occupied: &[f64], information: f64) -> f64 {
    let (mut sum, mut count, mut best) = (0.0, 0.0, 0.0_f64);
    for (value, number) in raw.iter().zip(occupied) {
        sum += value * number;
        count += number;
        if count > 0.0 {
            best = best.max(sum / count * (count * information).sqrt());
        }
    }
    best
}

/// The falling sequence nearest to `values` in weighted squares.
fn falling(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in values.iter().zip(weights) {
        let mut pool = (*value, weight.max(1e-9), 1);
        while let Some(last) = pools.last().filter(|last| last.0 < pool.0).copied() {
            pools.pop();
            let weight = last.1 + pool.1;
            pool = (
                (last.0 * last.1 + pool.0 * pool.1) / weight,
                weight,
                last.2 + pool.2,
            );
        }
        pools.push(pool);
    }
    pools
        .into_iter()
        .flat_map(|(value, _, length)| std::iter::repeat_n(value, length))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_falling_approximation_pools_violators() {
        let found = falling(
            &[5.0, 1.0, 3.0, 0.0, -1.0, 1.0],
            &[1.0, 1.0, 3.0, 1.0, 1.0, 1.0],
        );
        assert_eq!(found, [5.0, 2.5, 2.5, 0.0, 0.0, 0.0]);
    }
}

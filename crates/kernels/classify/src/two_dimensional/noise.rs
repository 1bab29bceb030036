//! Power of the noise per group and shell, from residuals.
//!
//! Powers are E|noise|² of unmasked data: a mask leaves a fraction f of them in every coefficient and correlates these, so
//! that a likelihood with unmasked powers counts the independent values only.

use serde::{Deserialize, Serialize};

use super::HalfDisc;
use super::source::Prepared;

/// `[group][shell]`, 0 where unknown; shell 0 is never used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoisePowers(pub Vec<Vec<f64>>);

/// Images that the power of all groups counts as in each group's own.
const SHARED: f64 = 10.0;

impl NoisePowers {
    /// Power of a group in a shell.
    pub fn power(&self, group: usize, shell: usize) -> f64 {
        self.0[group].get(shell).copied().unwrap_or(0.0)
    }

    /// 1/P at the points of a half disc, 0 where P is unknown.
    pub(crate) fn inverse(&self, group: usize, disc: &HalfDisc) -> Vec<f32> {
        let mut inverse = vec![0.0; disc.points.len()];
        for (shell, range) in disc.shells() {
            let power = self.power(group, shell);
            if power > 0.0 {
                inverse[range].fill((1.0 / power) as f32);
            }
        }
        inverse
    }

    /// From the sums of squared residuals of every image: `[image][shell]`, each counted `left` times of the unmasked.
    pub(crate) fn from_residuals(
        residuals: &[(usize, Vec<f64>)],
        groups: usize,
        disc: &HalfDisc,
        left: f64,
    ) -> Self {
        let shells = disc.band + 1;
        let mut sums = vec![vec![0.0; shells]; groups];
        let mut counts = vec![0.0; groups];
        for (group, residual) in residuals {
            counts[*group] += 1.0;
            for (sum, value) in sums[*group].iter_mut().zip(residual) {
                *sum += value;
            }
        }
        let images: f64 = counts.iter().sum();
        let mut powers = vec![vec![0.0; shells]; groups];
        for shell in 1..shells {
            let points = disc.count_in(shell) as f64 * left;
            let all = sums.iter().map(|s| s[shell]).sum::<f64>() / (images * points);
            for group in 0..groups {
                let sum = sums[group][shell] / points + SHARED * all;
                powers[group][shell] = sum / (counts[group] + SHARED);
            }
        }
        Self(powers)
    }
}

/// Σ |X|² per shell.
pub(crate) fn shell_powers(image: &Prepared, disc: &HalfDisc) -> Vec<f64> {
    let mut powers = vec![0.0; disc.band + 1];
    for (shell, range) in disc.shells() {
        powers[shell] = image.transform[range]
            .iter()
            .map(|v| f64::from(v.norm_sqr()))
            .sum();
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_apart_and_small_ones_lean_on_all() {
        let disc = HalfDisc::new(3);
        let residual = |group: usize, power: f64| {
            let of = |s: usize| {
                if s == 0 {
                    0.0
                } else {
                    power * 0.5 * disc.count_in(s) as f64
                }
            };
            (group, (0..=3).map(of).collect())
        };
        let mut all: Vec<_> = (0..1000).map(|_| residual(0, 1.0)).collect();
        all.push(residual(1, 9.0));
        let noise = NoisePowers::from_residuals(&all, 3, &disc, 0.5);
        assert!((noise.power(0, 2) - 1.0).abs() < 0.01);
        assert!(
            (1.2..2.5).contains(&noise.power(1, 2)),
            "{}",
            noise.power(1, 2)
        );
        assert!((noise.power(2, 3) - 1.0).abs() < 0.02 && noise.power(0, 0) == 0.0);
    }
}

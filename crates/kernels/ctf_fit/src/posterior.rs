//! What a whole series says about the defocus of each view, with the likelihoods as they are.
//!
//! Rings of four deviations, which is what one image of thin ice shows, have a likelihood that is no parabola: it has shoulders and
//! other peaks, which an estimate of one view alone falls for. So no view is asked for an estimate first. With the logarithm of
//! the likelihood of each view given over a grid of defocus,
//!
//! ```text
//!   level_i = level_(i−1) + N(0, q)        defocus_i = level_i + N(0, s), but for a share ε that lies anywhere
//! ```
//! is solved by summing over the grid forwards and backwards in time (a hidden Markov model), for all scatters s and wanders
//! q, each pair as likely as the series makes it. The mean of what a view is then left with has the least square error, of one peak.

use thon_compute::parallel::map_indices;

/// Deviations of the scatter that are tried, Å.
const SCATTERS: [f64; 11] = [
    25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 900.0, 1500.0,
];
/// Deviations of the wander per view that are tried, Å.
const WANDERS: [f64; 6] = [3.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// Share of views that may lie anywhere.
const ANYWHERE: f64 = 0.02;
/// Pairs of scatter and wander that are less likely than the best by this factor are left out.
const UNLIKELY: f64 = 1e-3;
/// Reach of a peak of what is believed on either side, Å.
const PEAK: f64 = 500.0;
/// Deviations to which normal densities reach.
const REACH: f64 = 4.0;

/// An even grid of defocus, Å.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DefocusGrid {
    pub(crate) first: f64,
    pub(crate) step: f64,
    pub(crate) count: usize,
}

impl DefocusGrid {
    pub(crate) fn value(&self, index: usize) -> f64 {
        self.first + self.step * index as f64
    }

    /// Mean and deviation of a density over the grid (sum one), Å; a density cannot be narrower than the grid.
    fn moments(&self, density: &[f64]) -> [f64; 2] {
        let mean = self.mean(density, 0);
        let variance: f64 = (density.iter().enumerate())
            .map(|(i, p)| p * (self.value(i) - mean).powi(2))
            .sum();
        [mean, variance.max(self.step * self.step / 12.0).sqrt()]
    }

    /// As [`DefocusGrid::moments`], but the mean is that of the likeliest stretch of twice [`PEAK`]: between two peaks lies no defocus.
    fn peak(&self, density: &[f64]) -> [f64; 2] {
        let half = (PEAK / self.step) as usize;
        let width = (2 * half + 1).min(density.len());
        let (mut sum, mut best) = (density[..width].iter().sum::<f64>(), 0);
        let mut most = sum;
        for from in 1..=density.len() - width {
            sum += density[from + width - 1] - density[from - 1];
            if sum > most {
                (most, best) = (sum, from);
            }
        }
        let [_, deviation] = self.moments(density);
        [self.mean(&density[best..best + width], best), deviation]
    }

    /// Mean over a part of the grid that begins at an index.
    fn mean(&self, density: &[f64], from: usize) -> f64 {
        let total: f64 = density.iter().sum();
        let terms = density.iter().enumerate();
        terms.map(|(i, p)| p * self.value(from + i)).sum::<f64>() / total.max(1e-290)
    }
}

/// What is believed about the defocus of one view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Believed {
    /// Mean about the likeliest place, and deviation, from the view and all others, Å.
    pub(crate) all: [f64; 2],
    /// Mean and deviation from the others, Å.
    pub(crate) others: [f64; 2],
}

/// What is believed about each view; `profiles` are log-likelihoods over the grid, in the order of time.
pub(crate) fn believe(profiles: &[Vec<f64>], grid: &DefocusGrid) -> Vec<Believed> {
    let likelihoods: Vec<Vec<f64>> = profiles.iter().map(|p| likelihood(p)).collect();
    let by_scatter: Vec<Vec<Vec<f64>>> = map_indices(SCATTERS.len(), |i| {
        let kernel = kernel(SCATTERS[i], grid);
        let levels = likelihoods.iter().map(|l| widened(l, &kernel));
        levels.collect()
    });
    let pairs = SCATTERS.len() * WANDERS.len();
    let passes: Vec<(Vec<Vec<f64>>, f64)> = map_indices(pairs, |pair| {
        let wander = kernel(WANDERS[pair % WANDERS.len()], grid);
        forward(by_scatter[pair / WANDERS.len()].iter(), &wander)
    });
    let best = passes.iter().fold(f64::NEG_INFINITY, |b, p| b.max(p.1));
    let kept: Vec<usize> = (0..pairs)
        .filter(|pair| (passes[*pair].1 - best).exp() > UNLIKELY)
        .collect();
    let expectations: Vec<Vec<Vec<f64>>> = map_indices(kept.len(), |i| {
        let (scatter, wander) = (kept[i] / WANDERS.len(), kept[i] % WANDERS.len());
        let backwards = by_scatter[scatter].iter().rev();
        let (after, _) = forward(backwards, &kernel(WANDERS[wander], grid));
        let kernel = kernel(SCATTERS[scatter], grid);
        let before = &passes[kept[i]].0;
        let both = before.iter().zip(after.iter().rev());
        both.map(|(before, after)| expectation(before, after, &kernel))
            .collect()
    });
    let weights: Vec<f64> = kept.iter().map(|p| (passes[*p].1 - best).exp()).collect();
    (0..profiles.len())
        .map(|view| {
            let mut others = vec![0.0; grid.count];
            for (weight, expected) in weights.iter().zip(&expectations) {
                for (sum, value) in others.iter_mut().zip(&expected[view]) {
                    *sum += weight * value;
                }
            }
            let mut all: Vec<f64> = others
                .iter()
                .zip(&likelihoods[view])
                .map(|(a, b)| a * b)
                .collect();
            normalise(&mut others);
            normalise(&mut all);
            Believed {
                all: grid.peak(&all),
                others: grid.moments(&others),
            }
        })
        .collect()
}

/// The likelihood, its maximum one.
fn likelihood(profile: &[f64]) -> Vec<f64> {
    let top = profile.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    profile.iter().map(|value| (value - top).exp()).collect()
}

/// A normal density over the grid, one side of it, its sum one.
fn kernel(deviation: f64, grid: &DefocusGrid) -> Vec<f64> {
    let width = deviation / grid.step;
    let half = ((REACH * width).ceil() as usize).min(grid.count - 1);
    let mut values: Vec<f64> = (0..=half)
        .map(|i| (-0.5 * (i as f64 / width).powi(2)).exp())
        .collect();
    let sum = 2.0 * values.iter().sum::<f64>() - values[0];
    for value in &mut values {
        *value /= sum;
    }
    values
}

/// `values` convolved with a symmetric kernel; nothing lies beyond the ends.
fn spread(values: &[f64], kernel: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = values.iter().map(|v| v * kernel[0]).collect();
    let count = values.len();
    for (offset, factor) in kernel.iter().enumerate().skip(1) {
        for (out, value) in out[offset..].iter_mut().zip(values) {
            *out += factor * value;
        }
        for (out, value) in out[..count - offset].iter_mut().zip(&values[offset..]) {
            *out += factor * value;
        }
    }
    out
}

/// Likelihood of each level: that of values scattered about it, or anywhere.
fn widened(likelihood: &[f64], kernel: &[f64]) -> Vec<f64> {
    let anywhere = ANYWHERE * likelihood.iter().sum::<f64>() / likelihood.len() as f64;
    let mut out = spread(likelihood, kernel);
    for value in &mut out {
        *value = (1.0 - ANYWHERE) * *value + anywhere;
    }
    out
}

/// Density of values when that of the level is the product of what was before and what comes after.
fn expectation(before: &[f64], after: &[f64], kernel: &[f64]) -> Vec<f64> {
    let mut level: Vec<f64> = before.iter().zip(after).map(|(a, b)| a * b).collect();
    normalise(&mut level);
    let mut out = spread(&level, kernel);
    for value in &mut out {
        *value = (1.0 - ANYWHERE) * *value + ANYWHERE / level.len() as f64;
    }
    normalise(&mut out);
    out
}

/// Density of the level before each view is seen, and the logarithm of the likelihood of all views.
fn forward<'a>(views: impl Iterator<Item = &'a Vec<f64>>, wander: &[f64]) -> (Vec<Vec<f64>>, f64) {
    let mut densities: Vec<Vec<f64>> = Vec::new();
    let mut total = 0.0;
    let mut level: Vec<f64> = Vec::new();
    for view in views {
        if level.is_empty() {
            level = vec![1.0 / view.len() as f64; view.len()];
        } else {
            level = spread(&level, wander);
            normalise(&mut level);
        }
        densities.push(level.clone());
        for (level, view) in level.iter_mut().zip(view) {
            *level *= view;
        }
        total += normalise(&mut level).ln();
    }
    (densities, total)
}

/// Divides by the sum, which is returned; even when nothing is left.
fn normalise(values: &mut [f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    if !(sum > 1e-290 && sum.is_finite()) {
        let even = 1.0 / values.len() as f64;
        values.fill(even);
        return 1e-290;
    }
    for value in values.iter_mut() {
        *value /= sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: DefocusGrid = DefocusGrid {
        first: 20_000.0,
        step: 40.0,
        count: 250,
    };

    fn parabola(at: f64, deviation: f64) -> Vec<f64> {
        (0..GRID.count)
            .map(|i| -0.5 * ((GRID.value(i) - at) / deviation).powi(2))
            .collect()
    }

    #[test]
    fn a_false_peak_gives_way_to_what_the_others_say() {
        let truth =
            |i: usize| 25_000.0 + 15.0 * i as f64 + if i.is_multiple_of(2) { 90.0 } else { -90.0 };
        let mut profiles: Vec<Vec<f64>> = (0..21).map(|i| parabola(truth(i), 100.0)).collect();
        // A peak 3 km away that is higher by two units, and a shoulder at the truth.
        let wrong = parabola(28_000.0, 150.0);
        profiles[9] = parabola(truth(9), 150.0)
            .iter()
            .zip(&wrong)
            .map(|(right, wrong)| right.max(wrong + 2.0))
            .collect();
        let believed = believe(&profiles, &GRID);
        // Within the deviation of its own rings; the false peak drew a mean over everything by 25 Å.
        assert!(
            (believed[9].all[0] - truth(9)).abs() < 120.0,
            "{:?}",
            believed[9]
        );
        assert!(believed[9].others[1] > 60.0 && believed[9].others[1] < 500.0);
        // Known views stay where they are, a little drawn to the level.
        for (i, view) in believed.iter().enumerate().filter(|(i, _)| *i != 9) {
            assert!((view.all[0] - truth(i)).abs() < 130.0, "{i} {view:?}");
        }
    }

    #[test]
    fn strong_rings_win_against_all_others() {
        let mut profiles: Vec<Vec<f64>> = (0..21).map(|_| parabola(25_000.0, 60.0)).collect();
        profiles[5] = parabola(23_000.0, 40.0);
        let believed = believe(&profiles, &GRID);
        assert!(
            (believed[5].all[0] - 23_000.0).abs() < 30.0,
            "{:?}",
            believed[5]
        );
        assert!((believed[5].others[0] - 25_000.0).abs() < 300.0);
        assert!(believed[5].all[1] < 60.0);
    }
}

//! Components and factors: probabilistic principal components where each particle lacks directions of its own.
//!
//! Model, at each point p of the reference: Z_i(p) = W_i(p) [V(p) + Σ_a f_ia E_a(p)] + noise of power W_i(p), everything
//! in units of the noise, f ~ N(0, 1) (Tipping & Bishop 1999, J. R. Stat. Soc. B 61:611, with a weight for each value). A
//! particle's factors are the weighted least-squares fit within the directions it has; a component is the weighted
//! least-squares fit to the particles that have a direction. Start: principal components of the differences
//! (Z − W V)/√W (Heumann et al. 2011, J. Struct. Biol. 175:288).
//!
//! Cost per round: N P q (q + 5) multiply-adds, all in matrix products.

use thon_compute::{Progress, parallel};

use super::aligned::Aligned;
use super::symmetric::{cholesky, eigen, largest, row_product, solve, transposed_product};
use crate::ClassifyError;

/// Differences of all particles from their average, in units of the noise.
pub(crate) struct Differences {
    /// (Z − W V)/P as (re, im, …), `[particles, 2 · points]`.
    pub values: Vec<f32>,
    /// W/P, `[particles, points]`.
    pub weights: Vec<f32>,
    /// Particles.
    pub count: usize,
    /// Points.
    pub points: usize,
}

/// Components and factors.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    /// E as (re, im, …), `[components, 2 · points]`.
    pub components: Vec<f32>,
    /// Factors, `[particles, components]`, of variance about `variances`.
    pub factors: Vec<f64>,
    /// Variance along each component: with E of length 1 under the mean weight.
    pub variances: Vec<f64>,
}

/// Weight below which a direction is taken as absent, relative to the mean.
const ABSENT: f32 = 1e-4;

impl Differences {
    /// Rows divided by the root of their weights.
    fn normalised(&self) -> Vec<f32> {
        let mean =
            self.weights.iter().map(|w| f64::from(*w)).sum::<f64>() / self.weights.len() as f64;
        let least = mean as f32 * ABSENT;
        let one = |(pair, w): (&[f32], &f32)| {
            let scale = if *w > least { 1.0 / w.sqrt() } else { 0.0 };
            [pair[0] * scale, pair[1] * scale]
        };
        self.values
            .chunks_exact(2)
            .zip(&self.weights)
            .flat_map(one)
            .collect()
    }
}

/// Finds components and factors.
pub(crate) fn find(
    differences: &Differences,
    shells: &[std::ops::Range<usize>],
    wanted: usize,
    iterations: usize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Factors, ClassifyError> {
    let (n, points) = (differences.count, differences.points);
    let start = largest(&differences.normalised(), n, 2 * points, wanted, seed);
    let scale = (n as f64).sqrt();
    let mut factors: Vec<f64> = start.iter().map(|v| f64::from(*v) * scale).collect();
    let mut squares = products_of(&factors, wanted, None);
    let mut prior = vec![f64::INFINITY; shells.len()];
    let mut components = fit_components(differences, &factors, &squares, wanted, shells, &prior);
    for round in 0..iterations {
        thon_compute::check(progress)?;
        (factors, squares) = fit_factors(differences, &components, wanted);
        prior = shells
            .iter()
            .map(|range| mean_power(&components, points, wanted, range))
            .collect();
        components = fit_components(differences, &factors, &squares, wanted, shells, &prior);
        progress.advance(round as u64 + 1, iterations as u64);
    }
    (factors, _) = fit_factors(differences, &components, wanted);
    Ok(standardised(differences, components, &factors, wanted))
}

/// Mean |E|² over components and the points of a shell.
fn mean_power(
    components: &[f32],
    points: usize,
    wanted: usize,
    range: &std::ops::Range<usize>,
) -> f64 {
    let of = |a: usize| {
        let row = &components[a * 2 * points..][2 * range.start..2 * range.end];
        row.iter().map(|v| f64::from(v * v)).sum::<f64>()
    };
    (0..wanted).map(of).sum::<f64>() / (wanted * range.len()).max(1) as f64
}

/// Pairs (a, b ≤ a).
fn pairs(q: usize) -> Vec<(usize, usize)> {
    (0..q).flat_map(|a| (0..=a).map(move |b| (a, b))).collect()
}

/// ⟨f_a f_b⟩ of every particle for all pairs; with the covariances of the factors when given.
fn products_of(factors: &[f64], q: usize, covariances: Option<&[Vec<f64>]>) -> Vec<f32> {
    let pairs = pairs(q);
    let row = |(i, f): (usize, &[f64])| {
        let of =
            |(a, b): &(usize, usize)| f[*a] * f[*b] + covariances.map_or(0.0, |c| c[i][a * q + b]);
        pairs.iter().map(|p| of(p) as f32).collect::<Vec<_>>()
    };
    factors.chunks_exact(q).enumerate().flat_map(row).collect()
}

/// Posterior means of the factors, and ⟨f fᵀ⟩.
fn fit_factors(differences: &Differences, components: &[f32], q: usize) -> (Vec<f64>, Vec<f32>) {
    let points = differences.points;
    let pairs = pairs(q);
    let mut between = vec![0.0; pairs.len() * points];
    for (row, (a, b)) in between.chunks_exact_mut(points).zip(&pairs) {
        let (x, y) = (&components[a * 2 * points..], &components[b * 2 * points..]);
        for (p, value) in row.iter_mut().enumerate() {
            *value = x[2 * p] * y[2 * p] + x[2 * p + 1] * y[2 * p + 1];
        }
    }
    let projections = row_product(&differences.values, components, q, 2 * points);
    let overlaps = row_product(&differences.weights, &between, pairs.len(), points);
    // Each complex value of a half ball counts twice: once for its mate.
    let solved = parallel::map_indices(differences.count, |i| {
        let mut precision = vec![0.0; q * q];
        for ((a, b), m) in pairs.iter().zip(&overlaps[i * pairs.len()..]) {
            precision[a * q + b] = 2.0 * f64::from(*m);
            precision[b * q + a] = precision[a * q + b];
        }
        (0..q).for_each(|a| precision[a * q + a] += 1.0);
        let mut mean: Vec<f64> = projections[i * q..][..q]
            .iter()
            .map(|v| 2.0 * f64::from(*v))
            .collect();
        let mut covariance = vec![0.0; q * q];
        if cholesky(&mut precision, q) {
            solve(&precision, q, &mut mean);
            for a in 0..q {
                let mut unit = vec![0.0; q];
                unit[a] = 1.0;
                solve(&precision, q, &mut unit);
                covariance[a * q..][..q].copy_from_slice(&unit);
            }
        }
        (mean, covariance)
    });
    let (means, covariances): (Vec<_>, Vec<_>) = solved.into_iter().unzip();
    let factors = means.concat();
    let squares = products_of(&factors, q, Some(&covariances));
    (factors, squares)
}

/// Components from factors; `prior` is the expected power of a component in each shell.
fn fit_components(
    differences: &Differences,
    factors: &[f64],
    squares: &[f32],
    q: usize,
    shells: &[std::ops::Range<usize>],
    prior: &[f64],
) -> Vec<f32> {
    let points = differences.points;
    let narrow: Vec<f32> = factors.iter().map(|f| *f as f32).collect();
    let sums = transposed_product(&narrow, q, &differences.values, 2 * points);
    let pairs = pairs(q);
    let weights = transposed_product(squares, pairs.len(), &differences.weights, points);
    let each = parallel::map_indices(shells.len(), |shell| {
        let ridge = 1.0 / prior[shell].max(1e-30);
        let one = |p: usize| {
            let mut matrix = vec![0.0; q * q];
            for (k, (a, b)) in pairs.iter().enumerate() {
                matrix[a * q + b] = f64::from(weights[k * points + p]);
                matrix[b * q + a] = matrix[a * q + b];
            }
            let trace: f64 = (0..q).map(|a| matrix[a * q + a]).sum();
            (0..q).for_each(|a| matrix[a * q + a] += ridge + 1e-6 * trace + 1e-30);
            let part = |c: usize| {
                (0..q)
                    .map(|a| f64::from(sums[a * 2 * points + 2 * p + c]))
                    .collect::<Vec<_>>()
            };
            let (mut re, mut im) = (part(0), part(1));
            if cholesky(&mut matrix, q) {
                solve(&matrix, q, &mut re);
                solve(&matrix, q, &mut im);
            } else {
                re.fill(0.0);
                im.fill(0.0);
            }
            (re, im)
        };
        shells[shell].clone().map(one).collect::<Vec<_>>()
    });
    let mut components = vec![0.0; q * 2 * points];
    for (range, values) in shells.iter().zip(each) {
        for (p, (re, im)) in range.clone().zip(values) {
            for a in 0..q {
                components[a * 2 * points + 2 * p] = re[a] as f32;
                components[a * 2 * points + 2 * p + 1] = im[a] as f32;
            }
        }
    }
    components
}

/// Turns components and factors among each other so that components are orthogonal and of length 1 under the mean
/// weight, and factors uncorrelated, the most varying first.
fn standardised(
    differences: &Differences,
    components: Vec<f32>,
    factors: &[f64],
    q: usize,
) -> Factors {
    let points = differences.points;
    let n = differences.count as f64;
    let mut mean = vec![0.0; points];
    for row in differences.weights.chunks_exact(points) {
        mean.iter_mut()
            .zip(row)
            .for_each(|(m, w)| *m += f64::from(*w) / n);
    }
    let overlap = |a: usize, b: usize| -> f64 {
        let (x, y) = (&components[a * 2 * points..], &components[b * 2 * points..]);
        let at = |p: usize| mean[p] * f64::from(x[2 * p] * y[2 * p] + x[2 * p + 1] * y[2 * p + 1]);
        2.0 * (0..points).map(at).sum::<f64>()
    };
    let spread = |a: usize, b: usize| factors.chunks_exact(q).map(|f| f[a] * f[b]).sum::<f64>() / n;
    let square =
        |f: &dyn Fn(usize, usize) -> f64| (0..q * q).map(|i| f(i / q, i % q)).collect::<Vec<_>>();
    // Overlap S = U s Uᵀ; the covariance of factors in the orthonormal basis is √s Uᵀ C U √s = R v Rᵀ.
    let (lengths, axes) = eigen(&square(&overlap), q);
    let root: Vec<f64> = lengths.iter().map(|l| l.max(1e-30).sqrt()).collect();
    let covariance = square(&spread);
    let inner = square(&|i, j| {
        let sum: f64 = (0..q * q)
            .map(|k| axes[i][k / q] * covariance[k] * axes[j][k % q])
            .sum();
        root[i] * sum * root[j]
    });
    let (variances, turn) = eigen(&inner, q);
    // New factor k = Σ_i turn_ki √s_i (U_i · f); new component k = Σ_i turn_ki (U_i · E)/√s_i.
    let to_factor = square(&|k, a| (0..q).map(|i| turn[k][i] * root[i] * axes[i][a]).sum());
    let to_component = square(&|k, a| (0..q).map(|i| turn[k][i] / root[i] * axes[i][a]).sum());
    let mut turned = vec![0.0_f32; components.len()];
    for (k, row) in turned.chunks_exact_mut(2 * points).enumerate() {
        for (p, value) in row.iter_mut().enumerate() {
            let of = |a: usize| to_component[k * q + a] * f64::from(components[a * 2 * points + p]);
            *value = (0..q).map(of).sum::<f64>() as f32;
        }
    }
    let of = |f: &[f64]| {
        (0..q)
            .map(|k| (0..q).map(|a| to_factor[k * q + a] * f[a]).sum())
            .collect::<Vec<f64>>()
    };
    Factors {
        components: turned,
        factors: factors.chunks_exact(q).flat_map(of).collect(),
        variances,
    }
}

/// Differences from the average, with the noise measured on them; also the average as (re, im, …).
pub(crate) fn differences(aligned: &Aligned, groups: usize) -> (Differences, Vec<f32>) {
    let (points, count) = (aligned.points(), aligned.len());
    let mut powers = vec![vec![1.0; aligned.ball.band + 1]; groups];
    let mut average = vec![0.0; 2 * points];
    // The noise weighs groups in the average, and the average leaves the noise: two rounds settle both.
    for _ in 0..2 {
        average = weighted_average(aligned, &powers);
        powers = noise_powers(aligned, &average, groups);
    }
    let mut differences = Differences {
        values: Vec::with_capacity(count * 2 * points),
        weights: Vec::with_capacity(count * points),
        count,
        points,
    };
    let rows = aligned
        .products
        .chunks_exact(2 * points)
        .zip(aligned.weights.chunks_exact(points));
    for ((products, weights), group) in rows.zip(&aligned.groups) {
        for shell in 1..=aligned.ball.band {
            let gain = (1.0 / powers[*group][shell].max(f64::MIN_POSITIVE)) as f32;
            for p in aligned.ball.starts[shell]..aligned.ball.starts[shell + 1] {
                let w = weights[p] * gain;
                differences.weights.push(w);
                differences
                    .values
                    .push(products[2 * p] * gain - w * average[2 * p]);
                differences
                    .values
                    .push(products[2 * p + 1] * gain - w * average[2 * p + 1]);
            }
        }
    }
    (differences, average)
}

/// Σ Z/P over (Σ W/P + a hundredth of its mean).
fn weighted_average(aligned: &Aligned, powers: &[Vec<f64>]) -> Vec<f32> {
    let all: Vec<usize> = (0..aligned.len()).collect();
    average_of(aligned, powers, &all)
}

/// As [`weighted_average`] over some of the particles.
pub(crate) fn average_of(aligned: &Aligned, powers: &[Vec<f64>], rows: &[usize]) -> Vec<f32> {
    let points = aligned.points();
    let (mut sums, mut weights) = (vec![0.0_f64; 2 * points], vec![0.0_f64; points]);
    for &i in rows {
        let (products, w) = (
            &aligned.products[i * 2 * points..],
            &aligned.weights[i * points..],
        );
        for shell in 1..=aligned.ball.band {
            let gain = 1.0 / powers[aligned.groups[i]][shell].max(f64::MIN_POSITIVE);
            for p in aligned.ball.starts[shell]..aligned.ball.starts[shell + 1] {
                sums[2 * p] += f64::from(products[2 * p]) * gain;
                sums[2 * p + 1] += f64::from(products[2 * p + 1]) * gain;
                weights[p] += f64::from(w[p]) * gain;
            }
        }
    }
    let ridge = 0.01 * weights.iter().sum::<f64>() / points as f64 + f64::MIN_POSITIVE;
    let at = |i: usize| (sums[i] / (weights[i / 2] + ridge)) as f32;
    (0..2 * points).map(at).collect()
}

/// Noise per group and shell: |Z − W V|²/W of the directions that particles have, of unmasked data.
pub(crate) fn noise_powers(aligned: &Aligned, average: &[f32], groups: usize) -> Vec<Vec<f64>> {
    let points = aligned.points();
    let band = aligned.ball.band;
    let least = ABSENT
        * (aligned.weights.iter().map(|w| f64::from(*w)).sum::<f64>()
            / aligned.weights.len() as f64) as f32;
    let (mut sums, mut counts) = (
        vec![vec![0.0; band + 1]; groups + 1],
        vec![vec![0.0; band + 1]; groups + 1],
    );
    for i in 0..aligned.len() {
        let (products, weights) = (
            &aligned.products[i * 2 * points..],
            &aligned.weights[i * points..],
        );
        for shell in 1..=band {
            for p in aligned.ball.starts[shell]..aligned.ball.starts[shell + 1] {
                let w = weights[p];
                if w > least {
                    let (re, im) = (
                        products[2 * p] - w * average[2 * p],
                        products[2 * p + 1] - w * average[2 * p + 1],
                    );
                    for g in [aligned.groups[i], groups] {
                        sums[g][shell] += f64::from((re * re + im * im) / w) / aligned.fractions[i];
                        counts[g][shell] += 1.0;
                    }
                }
            }
        }
    }
    let power = |g: usize, s: usize| {
        let all = sums[groups][s] / f64::max(counts[groups][s], 1.0);
        // All particles count as a hundred values of each group.
        (sums[g][s] + 100.0 * all) / (counts[g][s] + 100.0)
    };
    (0..groups)
        .map(|g| (0..=band).map(|s| power(g, s)).collect())
        .collect()
}

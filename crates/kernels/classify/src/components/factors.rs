//! Components and factors: probabilistic principal components where each particle lacks directions of its own.
//!
//! Model, at each point p of the reference: Z_i(p) = W_i(p) [V(p) + Σ_a f_ia E_a(p)] + noise of power W_i(p), everything
//! in units of the noise, f ~ N(0, 1) (Tipping & Bishop 1999, J. R. Stat. Soc. B 61:611, with a weight for each value). A
//! particle's factors are the weighted least-squares fit within the directions it has; a component is the weighted
//! least-squares fit to the particles that have a direction, held back by the power that it has in each shell. That power is
//! the mean of |E|² and of its variance (as expectation and maximisation have it): without the variance it shrinks from round to
//! round until nothing is left, wherever a component is not many times its noise. Start: principal components of the differences
//! (Z − W V)/√W (Heumann et al. 2011, J. Struct. Biol. 175:288).
//!
//! Cost per round: N P q (q + 5) multiply-adds, all in matrix products.

use thon_compute::{Progress, parallel};

use super::differences::Differences;
use super::symmetric::{cholesky, eigen, largest, row_product, solve, transposed_product};
use crate::ClassifyError;

/// Components and factors.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    /// E as (re, im, …), `[components, 2 · points]`.
    pub components: Vec<f32>,
    /// Factors, `[particles, components]`, of variance about `variances`.
    pub values: Vec<f64>,
    /// Variance along each component: with E of length 1 under the mean weight.
    pub variances: Vec<f64>,
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
    let mut powers = vec![vec![f64::INFINITY; wanted]; shells.len()];
    let mut components;
    (components, powers) = fit_components(differences, &factors, &squares, shells, &powers);
    for round in 0..iterations {
        thon_compute::check(progress)?;
        (factors, squares) = fit_factors(differences, &components, wanted);
        (components, powers) = fit_components(differences, &factors, &squares, shells, &powers);
        progress.advance(round as u64 + 1, iterations as u64);
    }
    (factors, _) = fit_factors(differences, &components, wanted);
    Ok(standardised(differences, &components, &factors, wanted))
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

/// Components from factors, and their powers in each shell; `expected` are those `[shell][component]` of the round before.
fn fit_components(
    differences: &Differences,
    factors: &[f64],
    squares: &[f32],
    shells: &[std::ops::Range<usize>],
    expected: &[Vec<f64>],
) -> (Vec<f32>, Vec<Vec<f64>>) {
    let points = differences.points;
    let q = factors.len() / differences.count;
    let narrow: Vec<f32> = factors.iter().map(|f| *f as f32).collect();
    let sums = transposed_product(&narrow, q, &differences.values, 2 * points);
    let pairs = pairs(q);
    let weights = transposed_product(squares, pairs.len(), &differences.weights, points);
    let each = parallel::map_indices(shells.len(), |shell| {
        let ridge: Vec<f64> = expected[shell]
            .iter()
            .map(|power| differences.fraction / power.max(1e-30))
            .collect();
        let one = |p: usize| {
            let mut matrix = vec![0.0; q * q];
            for (k, (a, b)) in pairs.iter().enumerate() {
                matrix[a * q + b] = f64::from(weights[k * points + p]);
                matrix[b * q + a] = matrix[a * q + b];
            }
            let part = |c: usize| {
                (0..q)
                    .map(|a| f64::from(sums[a * 2 * points + 2 * p + c]))
                    .collect::<Vec<_>>()
            };
            held_back(matrix, &ridge, part(0), part(1))
        };
        shells[shell].clone().map(one).collect::<Vec<_>>()
    });
    let mut components = vec![0.0; q * 2 * points];
    let mut powers = vec![vec![0.0; q]; shells.len()];
    for ((range, values), powers) in shells.iter().zip(each).zip(&mut powers) {
        let share = 1.0 / range.len().max(1) as f64;
        for (p, fit) in range.clone().zip(values) {
            for a in 0..q {
                components[a * 2 * points + 2 * p] = fit.re[a] as f32;
                components[a * 2 * points + 2 * p + 1] = fit.im[a] as f32;
                let square = fit.re[a] * fit.re[a] + fit.im[a] * fit.im[a];
                powers[a] += share * (square + differences.fraction * fit.variances[a]);
            }
        }
    }
    (components, powers)
}

/// All components at one point.
struct Fit {
    re: Vec<f64>,
    im: Vec<f64>,
    /// Variances in units of the noise at a point.
    variances: Vec<f64>,
}

/// (M + ridge)⁻¹ of both parts, and its diagonal.
fn held_back(mut matrix: Vec<f64>, ridge: &[f64], mut re: Vec<f64>, mut im: Vec<f64>) -> Fit {
    let q = ridge.len();
    let trace: f64 = (0..q).map(|a| matrix[a * q + a]).sum();
    (0..q).for_each(|a| matrix[a * q + a] += ridge[a] + 1e-6 * trace + 1e-30);
    let mut variances = vec![0.0; q];
    if cholesky(&mut matrix, q) {
        solve(&matrix, q, &mut re);
        solve(&matrix, q, &mut im);
        for (a, variance) in variances.iter_mut().enumerate() {
            let mut unit = vec![0.0; q];
            unit[a] = 1.0;
            solve(&matrix, q, &mut unit);
            *variance = unit[a];
        }
    } else {
        re.fill(0.0);
        im.fill(0.0);
    }
    Fit { re, im, variances }
}

/// Turns components and factors among each other so that components are orthogonal and of length 1 under the mean
/// weight, and factors uncorrelated, the most varying first.
fn standardised(
    differences: &Differences,
    components: &[f32],
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
    // What all particles have alike is no difference among them.
    let middle: Vec<f64> = (0..q)
        .map(|a| factors.chunks_exact(q).map(|f| f[a]).sum::<f64>() / n)
        .collect();
    let spread = |a: usize, b: usize| {
        let rows = factors.chunks_exact(q);
        rows.map(|f| (f[a] - middle[a]) * (f[b] - middle[b]))
            .sum::<f64>()
            / n
    };
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
        values: factors.chunks_exact(q).flat_map(of).collect(),
        variances,
    }
}

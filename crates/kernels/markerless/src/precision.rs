//! Covariance and precision of the views' coefficients: what each view tells about the others.
//!
//! At one frequency the coefficients y of all views are a complex Gaussian vector with covariance
//! S_ij = a_i a_j c_ij + δ_ij (1 − a_i²): a_i² is the part of view i's power that is specimen, c_ij from [`crate::Specimen`].
//! With K = S⁻¹, the expectation of y_i given all others is y_i − (K y)_i / K_ii (its reprojection), with variance 1/K_ii, and
//! the Fisher information of displacements d is 8π² Σ q qᵀ (K∘S − 1).

use rayon::prelude::*;

use crate::Specimen;
use crate::plane::{Band, Coefficients};
use thon_compute::cholesky::Cholesky;

/// Classes whose sums are made together.
const GROUP: usize = 16;
/// Largest part of the power that is taken for specimen: the model of the specimen, a slab without ends, is no better
/// than that at long periods, and what it cannot explain must not count as signal.
const MOST: f64 = 0.5;

/// Amplitudes of the specimen in each view.
#[derive(Clone, Debug)]
pub(crate) struct Amplitudes {
    /// Per shell: power of the specimen as part of all power, for a view of factor 1.
    pub(crate) shells: Vec<f64>,
    /// Per view: amplitude relative to the others.
    pub(crate) views: Vec<f64>,
}

impl Amplitudes {
    /// The same signal everywhere: `part` of the power.
    pub(crate) fn even(shells: usize, views: usize, part: f64) -> Self {
        Self {
            shells: vec![part; shells],
            views: vec![1.0; views],
        }
    }

    /// a of a view in a shell.
    pub(crate) fn at(&self, view: usize, shell: usize) -> f64 {
        (self.shells[shell].sqrt() * self.views[view]).clamp(0.0, MOST.sqrt())
    }

    /// Fits shells and views to the products of well-correlated pairs of views.
    pub(crate) fn estimate(
        band: &Band,
        coefficients: &Coefficients,
        specimen: &Specimen,
        depths: &[f64],
    ) -> Self {
        let pairs = pair_products(band, coefficients, specimen, depths);
        let count = coefficients.views;
        let mut result = Self::even(band.shells, count, 0.0);
        for round in 0..12 {
            for s in 0..band.shells {
                let (mut up, mut down) = (0.0, 0.0);
                for pair in pairs.iter().filter(|p| p.shell == s) {
                    let v = result.views[pair.i] * result.views[pair.j];
                    up += v * pair.product;
                    down += v * v * pair.weight;
                }
                result.shells[s] = (up / down.max(1e-9)).clamp(0.0, 0.98);
            }
            if round == 11 {
                break;
            }
            let mut sums = vec![[0.0f64; 2]; count];
            for pair in &pairs {
                let rho = result.shells[pair.shell];
                for (this, other) in [(pair.i, pair.j), (pair.j, pair.i)] {
                    sums[this][0] += result.views[other] * rho * pair.product;
                    sums[this][1] += (result.views[other] * rho).powi(2) * pair.weight;
                }
            }
            for (view, [up, down]) in result.views.iter_mut().zip(sums) {
                let target = if down > 0.0 {
                    (up / down).clamp(0.0, 2.0)
                } else {
                    0.0
                };
                *view = 0.5 * (*view + target);
            }
            let mean = result.views.iter().sum::<f64>() / count.max(1) as f64;
            if mean > 0.0 {
                result.views.iter_mut().for_each(|v| *v /= mean);
            }
        }
        result
    }
}

/// Σ c Re(y_i* y_j) and Σ c² of one pair in one shell.
struct Pair {
    i: usize,
    j: usize,
    shell: usize,
    product: f64,
    weight: f64,
}

fn pair_products(
    band: &Band,
    coefficients: &Coefficients,
    specimen: &Specimen,
    depths: &[f64],
) -> Vec<Pair> {
    let count = coefficients.views;
    let rows: Vec<Vec<Pair>> = (0..count)
        .into_par_iter()
        .map(|i| {
            let mut pairs = Vec::new();
            // Neighbours in the order of the views, which is that of their tilt.
            for j in i + 1..count.min(i + 6) {
                let mut sums = vec![[0.0f64; 2]; band.shells];
                for (number, class) in band.classes.iter().enumerate() {
                    let both = coefficients.informed[number * count + i]
                        && coefficients.informed[number * count + j];
                    let c = specimen.correlation(class.kx, depths[i], depths[j]);
                    if !both || c < 0.4 {
                        continue;
                    }
                    let mut product = 0.0f32;
                    for q in class.range.clone() {
                        let a = coefficients.values[q * count + i];
                        let b = coefficients.values[q * count + j];
                        product += a.re * b.re + a.im * b.im;
                    }
                    sums[class.shell][0] += c * f64::from(product);
                    sums[class.shell][1] += c * c * class.range.len() as f64;
                }
                pairs.extend(sums.iter().enumerate().filter(|(_, s)| s[1] > 0.0).map(
                    |(shell, &[product, weight])| Pair {
                        i,
                        j,
                        shell,
                        product,
                        weight,
                    },
                ));
            }
            pairs
        })
        .collect();
    rows.into_iter().flatten().collect()
}

/// Precision matrices of every class, the Fisher information of all displacements, and the log-determinants.
pub(crate) struct Precision {
    /// K of every class, `[class][view][view]`.
    pub(crate) matrices: Vec<f32>,
    /// K∘S − 1 summed with q qᵀ: `[2 view + axis][2 view + axis]`, already times 8π².
    pub(crate) information: Vec<f64>,
    /// Σ over frequencies of log det S.
    pub(crate) log_determinant: f64,
}

impl Precision {
    /// Builds S of every class from its views' amplitudes and inverts it.
    pub(crate) fn new(
        band: &Band,
        coefficients: &Coefficients,
        specimen: &Specimen,
        depths: &[f64],
        amplitudes: &Amplitudes,
    ) -> Self {
        let count = coefficients.views;
        let mut matrices = vec![0.0f32; band.classes.len() * count * count];
        let parts: Vec<(Vec<f64>, f64)> = matrices
            .par_chunks_mut(GROUP * count * count)
            .enumerate()
            .map(|(group, block)| {
                let mut information = vec![0.0f64; 4 * count * count];
                let mut log_determinant = 0.0;
                let mut covariance = vec![0.0f64; count * count];
                let mut inverse = vec![0.0f64; count * count];
                for (offset, out) in block.chunks_mut(count * count).enumerate() {
                    let number = group * GROUP + offset;
                    let class = &band.classes[number];
                    let informed = &coefficients.informed[number * count..(number + 1) * count];
                    fill_covariance(
                        &mut covariance,
                        class.kx,
                        class.shell,
                        informed,
                        specimen,
                        depths,
                        amplitudes,
                    );
                    log_determinant +=
                        invert(&covariance, &mut inverse, count) * class.range.len() as f64;
                    for (value, k) in out.iter_mut().zip(&inverse) {
                        *value = *k as f32;
                    }
                    let members = &band.frequencies[class.range.clone()];
                    add_information(&mut information, members, &covariance, &inverse, count);
                }
                (information, log_determinant)
            })
            .collect();
        let joined = thon_compute::parallel::reduce_tree(parts, |mut a, b| {
            a.0.iter_mut().zip(&b.0).for_each(|(x, y)| *x += y);
            a.1 += b.1;
            a
        });
        let (information, log_determinant) = joined.unwrap_or_default();
        Self {
            matrices,
            information,
            log_determinant,
        }
    }
}

fn fill_covariance(
    out: &mut [f64],
    kx: f64,
    shell: usize,
    informed: &[bool],
    specimen: &Specimen,
    depths: &[f64],
    amplitudes: &Amplitudes,
) {
    let count = depths.len();
    let amplitude: Vec<f64> = (0..count)
        .map(|i| {
            if informed[i] {
                amplitudes.at(i, shell)
            } else {
                0.0
            }
        })
        .collect();
    for i in 0..count {
        out[i * count + i] = 1.0;
        for j in 0..i {
            let value =
                amplitude[i] * amplitude[j] * specimen.correlation(kx, depths[i], depths[j]);
            out[i * count + j] = value;
            out[j * count + i] = value;
        }
    }
}

fn add_information(
    sum: &mut [f64],
    members: &[[f64; 2]],
    covariance: &[f64],
    inverse: &[f64],
    count: usize,
) {
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for [x, y] in members {
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let scale = 8.0 * std::f64::consts::PI.powi(2);
    let stride = 2 * count;
    for i in 0..count {
        for j in 0..count {
            let own = if i == j { 1.0 } else { 0.0 };
            let f = scale * (covariance[i * count + j] * inverse[i * count + j] - own);
            let at = 2 * i * stride + 2 * j;
            sum[at] += f * xx;
            sum[at + 1] += f * xy;
            sum[at + stride] += f * xy;
            sum[at + stride + 1] += f * yy;
        }
    }
}

/// Inverse of a positive definite matrix by Cholesky's factors; gives the logarithm of its determinant. A matrix that rounding has left
/// with a pivot below zero gets a growing share of its trace on the diagonal.
pub(crate) fn invert(matrix: &[f64], inverse: &mut [f64], n: usize) -> f64 {
    let trace: f64 = (0..n).map(|i| matrix[i * n + i].abs()).sum();
    let mut ridge = 0.0;
    loop {
        let mut held = matrix.to_vec();
        for i in 0..n {
            held[i * n + i] += ridge;
        }
        if let Ok(factor) = Cholesky::new(n, held) {
            inverse.copy_from_slice(&factor.inverse());
            return factor.log_determinant();
        }
        ridge = f64::max(10.0 * ridge, 1e-12 * trace.max(1e-12));
        if !ridge.is_finite() {
            inverse.fill(f64::NAN);
            return f64::NAN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let n = 7;
        let matrix: Vec<f64> = (0..n * n)
            .map(|at| {
                let (i, j) = (at / n, at % n);
                let distance = (i as f64 - j as f64).abs();
                (-0.3 * distance).exp() + if i == j { 0.2 } else { 0.0 }
            })
            .collect();
        let mut inverse = vec![0.0; n * n];
        let log = invert(&matrix, &mut inverse, n);
        for i in 0..n {
            for j in 0..n {
                let product: f64 = (0..n).map(|k| matrix[i * n + k] * inverse[k * n + j]).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-12);
            }
        }
        let scaled: Vec<f64> = matrix.iter().map(|v| v * 2.0).collect();
        let twice = invert(&scaled, &mut inverse, n);
        assert!((twice - log - n as f64 * 2f64.ln()).abs() < 1e-12);
    }
}

//! Eigenvectors of symmetric matrices: all of a small one by Jacobi's rotations; the largest of X Xᵀ by subspace iteration.

use rand_distr::{Distribution, StandardNormal};
use thon_compute::parallel;

use thon_compute::product::{Matrix, multiply};

/// Sweeps of Jacobi's rotations; eight suffice for double precision.
const SWEEPS: usize = 30;

/// Eigenvalues, largest first, and eigenvectors (rows) of a symmetric matrix `[n, n]`.
pub(crate) fn eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut a = matrix.to_vec();
    let mut vectors: Vec<f64> = (0..n * n)
        .map(|i| f64::from(u8::from(i / n == i % n)))
        .collect();
    for _ in 0..SWEEPS {
        let square = |i: usize| a[i] * a[i];
        let off: f64 = (0..n * n).filter(|i| i / n != i % n).map(square).sum();
        let all: f64 = (0..n * n).map(square).sum();
        if off <= 1e-30 * all {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[j * n + j].total_cmp(&a[i * n + i]).then(i.cmp(j)));
    let values = order.iter().map(|i| a[i * n + i]).collect();
    let column = |j: &usize| (0..n).map(|i| vectors[i * n + j]).collect();
    (values, order.iter().map(column).collect())
}

/// One rotation that makes element (p, q) zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let off = a[p * n + q];
    if off == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (vectors[k * n + p], vectors[k * n + q]);
        (vectors[k * n + p], vectors[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
}

/// Lower triangle of the Cholesky factor of a symmetric positive definite matrix, in place; false when it is not.
pub(crate) fn cholesky(a: &mut [f64], n: usize) -> bool {
    for j in 0..n {
        for i in j..n {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            if i == j {
                if rest <= 0.0 || !rest.is_finite() {
                    return false;
                }
                a[j * n + j] = rest.sqrt();
            } else {
                a[i * n + j] = rest / a[j * n + j];
            }
        }
    }
    true
}

/// Solves L Lᵀ x = b in place.
pub(crate) fn solve(factor: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| factor[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / factor[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| factor[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / factor[i * n + i];
    }
}

/// Columns of a block of a product.
const COLUMNS: usize = 512;

/// `aᵀ b` for a `[k, m]`, b `[k, n]`, rows of values one after the other; blocks of columns of b in parallel.
pub(crate) fn transposed_product(a: &[f32], m: usize, b: &[f32], n: usize) -> Vec<f32> {
    let k = b.len().checked_div(n).unwrap_or(0);
    let blocks = parallel::map_indices(n.div_ceil(COLUMNS), |block| {
        let start = block * COLUMNS;
        let width = COLUMNS.min(n - start);
        let mut out = vec![0.0; m * width];
        let left = Matrix::rows(a, k, m, m).transposed();
        multiply(
            left,
            Matrix::rows(&b[start..], k, width, n),
            &mut out,
            false,
        );
        out
    });
    let mut product = vec![0.0; m * n];
    for (block, out) in blocks.iter().enumerate() {
        let (start, width) = (block * COLUMNS, out.len() / m.max(1));
        for (row, values) in out.chunks_exact(width.max(1)).enumerate() {
            product[row * n + start..][..width].copy_from_slice(values);
        }
    }
    product
}

/// Rows of a block of a product.
const ROWS: usize = 64;

/// `a bᵀ` for a `[m, k]`, b `[n, k]`; blocks of rows of a in parallel.
pub(crate) fn row_product(a: &[f32], b: &[f32], n: usize, k: usize) -> Vec<f32> {
    let blocks = parallel::map_chunks(a, ROWS * k, |_, part| {
        let rows = part.len() / k;
        let mut out = vec![0.0; rows * n];
        multiply(
            Matrix::rows(part, rows, k, k),
            Matrix::rows(b, n, k, k).transposed(),
            &mut out,
            false,
        );
        out
    });
    blocks.concat()
}

/// Rounds of subspace iteration; starting vectors beyond those wanted speed it up.
const ROUNDS: usize = 12;
const BESIDE: usize = 8;

/// The `wanted` eigenvectors of X Xᵀ with the largest eigenvalues, X `[n, k]`: columns of `[n, wanted]`, of length 1.
pub(crate) fn largest(x: &[f32], n: usize, k: usize, wanted: usize, seed: u64) -> Vec<f32> {
    let width = (wanted + BESIDE).min(n);
    let mut random = thon_compute::seed_stream(seed, "subspace", 0);
    let mut basis: Vec<f32> = (0..n * width)
        .map(|_| -> f32 { StandardNormal.sample(&mut random) })
        .collect();
    orthonormalise(&mut basis, n, width);
    for _ in 0..ROUNDS {
        let half = transposed_product(&basis, width, x, k);
        basis = row_product(x, &half, width, k);
        orthonormalise(&mut basis, n, width);
    }
    let half = transposed_product(&basis, width, x, k);
    let ritz: Vec<f64> = row_product(&half, &half, width, k)
        .iter()
        .map(|v| f64::from(*v))
        .collect();
    let (_, vectors) = eigen(&ritz, width);
    let mut out = vec![0.0; n * wanted.min(width)];
    for (row, values) in out
        .chunks_exact_mut(wanted.min(width))
        .zip(basis.chunks_exact(width))
    {
        for (value, vector) in row.iter_mut().zip(&vectors) {
            *value = values
                .iter()
                .zip(vector)
                .map(|(b, v)| f64::from(*b) * v)
                .sum::<f64>() as f32;
        }
    }
    out
}

/// Gram and Schmidt, twice, over the columns of `[n, width]`.
fn orthonormalise(basis: &mut [f32], n: usize, width: usize) {
    for j in 0..width {
        for _ in 0..2 {
            for i in 0..j {
                let dot: f64 = (0..n)
                    .map(|r| f64::from(basis[r * width + i]) * f64::from(basis[r * width + j]))
                    .sum();
                for r in 0..n {
                    basis[r * width + j] -= (dot * f64::from(basis[r * width + i])) as f32;
                }
            }
        }
        let norm = (0..n)
            .map(|r| f64::from(basis[r * width + j]).powi(2))
            .sum::<f64>()
            .sqrt();
        let scale = if norm > 1e-20 { 1.0 / norm } else { 0.0 };
        for r in 0..n {
            basis[r * width + j] = (f64::from(basis[r * width + j]) * scale) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(count: usize) -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5)
            .collect()
    }

    #[test]
    fn eigenvectors_take_a_matrix_apart() {
        let n = 7;
        let x = made_up(n * n);
        let a: Vec<f64> = (0..n * n)
            .map(|i| f64::from(x[i] + x[i % n * n + i / n]))
            .collect();
        let (values, vectors) = eigen(&a, n);
        assert!(values.windows(2).all(|w| w[0] >= w[1]));
        for (i, expected) in a.iter().enumerate() {
            let (r, c) = (i / n, i % n);
            let again: f64 = (0..n)
                .map(|k| values[k] * vectors[k][r] * vectors[k][c])
                .sum();
            assert!((again - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn cholesky_solves() {
        let a = [4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let mut factor = a;
        assert!(cholesky(&mut factor, 3));
        let mut x = [1.0, 2.0, 3.0];
        solve(&factor, 3, &mut x);
        for i in 0..3 {
            let b: f64 = (0..3).map(|j| a[i * 3 + j] * x[j]).sum();
            assert!((b - (i + 1) as f64).abs() < 1e-12);
        }
        assert!(!cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2));
    }

    #[test]
    fn products_of_blocks_are_products() {
        let (a, b) = (made_up(5 * 3), made_up(5 * 1100));
        let product = transposed_product(&a, 3, &b, 1100);
        for (m, n) in [(0, 0), (2, 600), (1, 1099)] {
            let expected: f32 = (0..5).map(|k| a[k * 3 + m] * b[k * 1100 + n]).sum();
            assert!((product[m * 1100 + n] - expected).abs() < 1e-5);
        }
        let rows = made_up(130 * 4);
        let product = row_product(&rows, &rows, 130, 4);
        let expected: f32 = (0..4).map(|k| rows[129 * 4 + k] * rows[65 * 4 + k]).sum();
        assert!((product[129 * 130 + 65] - expected).abs() < 1e-5);
    }

    #[test]
    fn subspace_iteration_finds_what_jacobi_finds() {
        let (n, k) = (20, 50);
        let mut x = made_up(n * k);
        for (i, row) in x.chunks_exact_mut(k).enumerate() {
            for v in row.iter_mut() {
                *v *= 0.1;
            }
            row[0] += 3.0 * (i as f32).sin();
            row[1] += 2.0 * (i as f32 * 0.7).cos();
        }
        let gram: Vec<f64> = row_product(&x, &x, n, k)
            .iter()
            .map(|v| f64::from(*v))
            .collect();
        let (_, exact) = eigen(&gram, n);
        let found = largest(&x, n, k, 2, 5);
        for j in 0..2 {
            let dot: f64 = (0..n)
                .map(|i| f64::from(found[i * 2 + j]) * exact[j][i])
                .sum();
            assert!((dot.abs() - 1.0).abs() < 1e-4, "{dot}");
        }
    }
}

//! Symmetric 6 × 6 matrices of normal equations: Cholesky factors, solutions, eigenvalues.
#![expect(
    clippy::needless_range_loop,
    reason = "elements of matrices by row and column"
)]

/// A 6 × 6 matrix.
pub(crate) type Matrix6 = [[f64; 6]; 6];

/// The lower Cholesky factor; none unless the matrix is safely positive definite.
pub(crate) fn cholesky(matrix: &Matrix6) -> Option<Matrix6> {
    let mut factor = [[0.0; 6]; 6];
    for i in 0..6 {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let rest = matrix[i][j] - inner;
            if i == j {
                if rest.is_nan() || rest <= 1e-12 * matrix[i][i].abs() {
                    return None;
                }
                factor[i][i] = rest.sqrt();
            } else {
                factor[i][j] = rest / factor[j][j];
            }
        }
    }
    Some(factor)
}

/// x with L Lᵀ x = b.
pub(crate) fn solve(factor: &Matrix6, b: &[f64; 6]) -> [f64; 6] {
    let mut x = *b;
    for i in 0..6 {
        let inner: f64 = (0..i).map(|k| factor[i][k] * x[k]).sum();
        x[i] = (x[i] - inner) / factor[i][i];
    }
    for i in (0..6).rev() {
        let inner: f64 = (i + 1..6).map(|k| factor[k][i] * x[k]).sum();
        x[i] = (x[i] - inner) / factor[i][i];
    }
    x
}

/// The inverse of L Lᵀ.
pub(crate) fn inverse(factor: &Matrix6) -> Matrix6 {
    let mut result = [[0.0; 6]; 6];
    for k in 0..6 {
        let mut unit = [0.0; 6];
        unit[k] = 1.0;
        let column = solve(factor, &unit);
        for i in 0..6 {
            result[i][k] = column[i];
        }
    }
    for i in 0..6 {
        for j in 0..i {
            let mean = f64::midpoint(result[i][j], result[j][i]);
            result[i][j] = mean;
            result[j][i] = mean;
        }
    }
    result
}

/// ln det L Lᵀ.
pub(crate) fn log_determinant(factor: &Matrix6) -> f64 {
    (0..6).map(|i| 2.0 * factor[i][i].ln()).sum()
}

/// Eigenvalues and eigenvectors (in columns) by Jacobi's rotations.
pub(crate) fn eigen(matrix: &Matrix6) -> ([f64; 6], Matrix6) {
    let mut a = *matrix;
    let mut vectors = [[0.0; 6]; 6];
    for (i, row) in vectors.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    for _ in 0..50 {
        let off: f64 = (0..6)
            .map(|i| (0..i).map(|j| a[i][j] * a[i][j]).sum::<f64>())
            .sum();
        let diagonal: f64 = (0..6).map(|i| a[i][i] * a[i][i]).sum();
        if off <= 1e-28 * diagonal {
            break;
        }
        for p in 0..6 {
            for q in p + 1..6 {
                rotate(&mut a, &mut vectors, p, q);
            }
        }
    }
    (std::array::from_fn(|i| a[i][i]), vectors)
}

/// Makes element (p, q) vanish.
fn rotate(a: &mut Matrix6, vectors: &mut Matrix6, p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for row in a.iter_mut().chain(vectors.iter_mut()) {
        let (x, y) = (row[p], row[q]);
        row[p] = c * x - s * y;
        row[q] = s * x + c * y;
    }
    for k in 0..6 {
        let (x, y) = (a[p][k], a[q][k]);
        a[p][k] = c * x - s * y;
        a[q][k] = s * x + c * y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Matrix6 {
        let mut m = [[0.0; 6]; 6];
        for i in 0..6 {
            for j in 0..6 {
                let a = |k: usize| ((7 * i + 3 * k + 1) as f64).sin();
                let b = |k: usize| ((7 * j + 3 * k + 1) as f64).sin();
                m[i][j] = (0..9).map(|k| a(k) * b(k)).sum::<f64>() + if i == j { 0.3 } else { 0.0 };
            }
        }
        m
    }

    #[test]
    fn factors_inverses_and_eigenvalues_agree() {
        let m = sample();
        let factor = cholesky(&m).unwrap();
        let inverse = inverse(&factor);
        let (values, vectors) = eigen(&m);
        let logs: f64 = values.iter().map(|v| v.ln()).sum();
        assert!((logs - log_determinant(&factor)).abs() < 1e-10);
        for i in 0..6 {
            for j in 0..6 {
                let unit: f64 = (0..6).map(|k| m[i][k] * inverse[k][j]).sum();
                assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-9);
                let back: f64 = (0..6)
                    .map(|k| vectors[i][k] * values[k] * vectors[j][k])
                    .sum();
                assert!((back - m[i][j]).abs() < 1e-10);
            }
        }
        let mut singular = m;
        singular[5] = singular[4];
        for row in &mut singular {
            row[5] = row[4];
        }
        assert!(cholesky(&singular).is_none());
    }
}

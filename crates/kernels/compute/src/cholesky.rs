//! Cholesky factor of a dense symmetric positive definite matrix of at most some hundred rows: solve, inverse, determinant.
//! Row-major, lower triangle.

/// The factor L of A = L Lᵀ.
#[derive(Clone, Debug)]
pub struct Cholesky {
    size: usize,
    /// Row-major; only the lower triangle is meaningful.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors a matrix whose lower triangle is given row-major.
    ///
    /// # Errors
    /// The row at which the matrix is not positive definite.
    ///
    /// # Panics
    /// When `matrix` does not hold `size`² numbers.
    pub fn new(size: usize, mut matrix: Vec<f64>) -> Result<Self, usize> {
        assert_eq!(matrix.len(), size * size, "a square matrix");
        for i in 0..size {
            let (above, below) = matrix.split_at_mut(i * size);
            let row = &mut below[..size];
            for j in 0..i {
                let other = &above[j * size..=j * size + j];
                let product = dot(&row[..j], &other[..j]);
                row[j] = (row[j] - product) / other[j];
            }
            let pivot = row[i] - dot(&row[..i], &row[..i]);
            if !(pivot > 1e-13 * row[i].abs() && pivot.is_finite()) {
                return Err(i);
            }
            row[i] = pivot.sqrt();
        }
        Ok(Self {
            size,
            lower: matrix,
        })
    }

    /// x of A x = b.
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (n, l) = (self.size, &self.lower);
        let mut x = right.to_vec();
        for i in 0..n {
            x[i] = (x[i] - dot(&l[i * n..i * n + i], &x[..i])) / l[i * n + i];
        }
        for i in (0..n).rev() {
            x[i] /= l[i * n + i];
            let value = x[i];
            for (before, factor) in x[..i].iter_mut().zip(&l[i * n..i * n + i]) {
                *before -= factor * value;
            }
        }
        x
    }

    /// Logarithm of the determinant of A.
    pub fn log_determinant(&self) -> f64 {
        (0..self.size)
            .map(|i| 2.0 * self.lower[i * self.size + i].ln())
            .sum()
    }

    /// The inverse of A, full and row-major.
    pub fn inverse(&self) -> Vec<f64> {
        let (n, l) = (self.size, &self.lower);
        // Rows of M = L⁻ᵀ: row j holds column j of L⁻¹, non-zero from j on.
        let mut columns = vec![0.0; n * n];
        for (j, column) in columns.chunks_exact_mut(n).enumerate() {
            column[j] = 1.0 / l[j * n + j];
            for i in j + 1..n {
                let product = dot(&l[i * n + j..i * n + i], &column[j..i]);
                column[i] = -product / l[i * n + i];
            }
        }
        let mut inverse = vec![0.0; n * n];
        for a in 0..n {
            for b in 0..=a {
                let value = dot(
                    &columns[a * n + a..a * n + n],
                    &columns[b * n + a..b * n + n],
                );
                inverse[a * n + b] = value;
                inverse[b * n + a] = value;
            }
        }
        inverse
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_inverts() {
        let a = vec![4.0, 1.0, 0.5, 1.0, 3.0, -0.2, 0.5, -0.2, 2.0];
        let factor = Cholesky::new(3, a.clone()).unwrap();
        let x = factor.solve(&[1.0, 2.0, 3.0]);
        for i in 0..3 {
            let back: f64 = (0..3).map(|j| a[i * 3 + j] * x[j]).sum();
            assert!((back - (i + 1) as f64).abs() < 1e-12);
        }
        let determinant: f64 = 4.0 * (6.0 - 0.04) - (2.0 + 0.1) + 0.5 * (-0.2 - 1.5);
        assert!((factor.log_determinant() - determinant.ln()).abs() < 1e-12);
        let inverse = factor.inverse();
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| a[i * 3 + k] * inverse[k * 3 + j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
        assert_eq!(Cholesky::new(2, vec![1.0, 2.0, 2.0, 1.0]).err(), Some(1));
    }
}

//! Small positive definite systems.

/// A symmetric positive definite matrix, row by row, factorised into L·Lᵀ.
pub(crate) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factorises; `None` when the matrix is not positive definite.
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    pub fn new(mut matrix: Vec<f64>, size: usize) -> Option<Self> {
        for row in 0..size {
            for column in 0..=row {
                let mut value = matrix[row * size + column];
                for k in 0..column {
                    value -= matrix[row * size + k] * matrix[column * size + k];
                }
                if row == column {
                    if value <= 0.0 || !value.is_finite() {
                        return None;
                    }
                    matrix[row * size + row] = value.sqrt();
                } else {
                    matrix[row * size + column] = value / matrix[column * size + column];
                }
            }
        }
        Some(Self {
            size,
            lower: matrix,
        })
    }

    /// Solves for one right-hand side.
    pub fn solve(&self, mut right: Vec<f64>) -> Vec<f64> {
        let (n, l) = (self.size, &self.lower);
        for row in 0..n {
            for k in 0..row {
                right[row] -= l[row * n + k] * right[k];
            }
            right[row] /= l[row * n + row];
        }
        for row in (0..n).rev() {
            for k in row + 1..n {
                right[row] -= l[k * n + row] * right[k];
            }
            right[row] /= l[row * n + row];
        }
        right
    }

    /// Logarithm of the determinant of the matrix.
    pub fn log_determinant(&self) -> f64 {
        (0..self.size)
            .map(|i| 2.0 * self.lower[i * self.size + i].ln())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let matrix = vec![4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let solver = Cholesky::new(matrix.clone(), 3).unwrap();
        let x = solver.solve(vec![1.0, -2.0, 0.5]);
        for row in 0..3 {
            let sum: f64 = (0..3).map(|k| matrix[row * 3 + k] * x[k]).sum();
            assert!((sum - [1.0, -2.0, 0.5][row]).abs() < 1e-12);
        }
        let determinant: f64 = 4.0 * (15.0 - 1.0) - 2.0 * (6.0 - 0.6) + 0.6 * (2.0 - 3.0);
        assert!((solver.log_determinant() - determinant.ln()).abs() < 1e-12);
        assert!(Cholesky::new(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}

//! How smooth a trajectory is, learned from itself.
//!
//! Estimated displacements scatter about the true ones with a known variance v. Their second differences y are then drawn from a normal
//! distribution of covariance v·DDᵀ + q²·1, with q the typical change of speed between frames. q is the value that
//! makes y most probable; the precision 1/q² then goes into the fit.

use thon_geometry::glam::DVec2;

use crate::fit::second_differences;
use thon_compute::cholesky::Cholesky;

/// The most probable variance q² of second differences (pixels² along each axis) for displacements of variance `variance` each.
pub(crate) fn roughness(shifts: &[DVec2], variance: f64) -> Option<f64> {
    let second = second_differences(shifts);
    if second.len() < 2 || variance <= 0.0 {
        return None;
    }
    let evidence = |q2: f64| log_evidence(&second, variance, q2);
    // From a hundredth to ten thousand times the scatter, a factor of 1.5 at a time.
    let steps = (0..35).map(|i| variance * 0.01 * 1.5_f64.powi(i));
    steps
        .filter_map(|q2| Some((evidence(q2)?, q2)))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|best| best.1)
}

fn log_evidence(second: &[DVec2], variance: f64, q2: f64) -> Option<f64> {
    let n = second.len();
    let band = [6.0, -4.0, 1.0];
    let mut matrix = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..n {
            let lag = row.abs_diff(column);
            if lag < 3 {
                matrix[row * n + column] = variance * band[lag];
            }
        }
        matrix[row * n + row] += q2;
    }
    let solver = Cholesky::new(n, matrix).ok()?;
    let mut sum = -solver.log_determinant();
    for axis in 0..2 {
        let y: Vec<f64> = second.iter().map(|s| s[axis]).collect();
        let solved = solver.solve(&y);
        sum -= 0.5 * y.iter().zip(&solved).map(|(a, b)| a * b).sum::<f64>();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rough_and_smooth_paths_are_told_apart() {
        let path = |bend: f64| -> Vec<DVec2> {
            (0..12)
                .map(|i| DVec2::new((f64::from(i) * bend).sin() * 5.0, f64::from(i) * 0.3))
                .collect()
        };
        let smooth = roughness(&path(0.02), 1e-2).unwrap();
        let rough = roughness(&path(1.3), 1e-2).unwrap();
        assert!(smooth < 1e-3 && rough > 1.0, "{smooth} {rough}");
    }
}

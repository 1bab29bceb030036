//! Small least-squares problems: a polynomial surface, and a line that outliers do not bend.

use thon_compute::cholesky::Cholesky;

/// Coefficients of 1, x, y, x², xy, y².
pub(crate) const TERMS: usize = 6;

/// The terms at (x, y).
pub(crate) fn terms(x: f64, y: f64) -> [f64; TERMS] {
    [1.0, x, y, x * x, x * y, y * y]
}

/// The quadratic surface through samples (x, y, value); `None` when they do not determine it.
pub(crate) fn fit_surface(samples: &[(f64, f64, f64)]) -> Option<[f64; TERMS]> {
    let (mut normal, mut right) = (vec![0.0; TERMS * TERMS], [0.0; TERMS]);
    for &(x, y, value) in samples {
        let row = terms(x, y);
        for i in 0..TERMS {
            for j in 0..=i {
                normal[i * TERMS + j] += row[i] * row[j];
            }
            right[i] += row[i] * value;
        }
    }
    let solution = Cholesky::new(TERMS, normal).ok()?.solve(&right);
    solution.try_into().ok()
}

/// Theil–Sen line (intercept, slope) through points: the median of all slopes; `None` below two different abscissae.
pub(crate) fn robust_line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let mut slopes = Vec::new();
    for (i, a) in points.iter().enumerate() {
        for b in &points[i + 1..] {
            if (b.0 - a.0).abs() > 1e-9 {
                slopes.push((b.1 - a.1) / (b.0 - a.0));
            }
        }
    }
    let slope = median(&mut slopes)?;
    let mut rest: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    Some((median(&mut rest)?, slope))
}

/// Median of some numbers, which are sorted on the way.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    match count {
        0 => None,
        _ if count % 2 == 1 => Some(values[count / 2]),
        _ => Some(0.5 * (values[count / 2 - 1] + values[count / 2])),
    }
}

/// Median, and the deviation that the median distance from it stands for in a normal distribution.
pub(crate) fn median_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = values.to_vec();
    let middle = median(&mut sorted)?;
    let mut distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    Some((middle, 1.4826 * median(&mut distances)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surfaces_and_lines_are_found_again() {
        let truth = [3.0, -0.5, 0.25, 0.1, -0.2, 0.05];
        let at = |x: f64, y: f64| terms(x, y).iter().zip(truth).map(|(t, c)| t * c).sum();
        let samples: Vec<_> = (0..30)
            .map(|i| (f64::from(i % 6), f64::from(i / 6)))
            .map(|(x, y)| (x, y, at(x, y)))
            .collect();
        let found = fit_surface(&samples).unwrap();
        assert!(
            found.iter().zip(truth).all(|(f, t)| (f - t).abs() < 1e-9),
            "{found:?}"
        );
        assert!(fit_surface(&samples[..4]).is_none());
        let mut line: Vec<_> = (0..11)
            .map(|i| (f64::from(i), 2.0 - 0.5 * f64::from(i)))
            .collect();
        line[3].1 = -40.0;
        line[8].1 = 90.0;
        let (intercept, slope) = robust_line(&line).unwrap();
        assert!((intercept - 2.0).abs() < 1e-9 && (slope + 0.5).abs() < 1e-9);
    }
}

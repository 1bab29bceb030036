//! Correlation curves of few coefficients: made to fall, and read between shells.

/// The falling curve nearest to `curve` in least squares, a shell weighing as many coefficients as it has (∝ shell²): neighbours
/// that rise are replaced by their mean (pool-adjacent-violators; Ayer et al. 1955). Shell 0 stays.
pub(crate) fn falling(curve: &[f64]) -> Vec<f64> {
    // Blocks of (Σ weight·value, Σ weight, shells).
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (shell, &value) in curve.iter().enumerate().skip(1) {
        let weight = (shell * shell) as f64;
        let mut block = (weight * value, weight, 1);
        while let Some(&(sum, total, count)) = blocks.last() {
            if sum / total > block.0 / block.1 {
                break;
            }
            block = (sum + block.0, total + block.1, count + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    let rest = blocks
        .into_iter()
        .flat_map(|(sum, weight, count)| std::iter::repeat_n(sum / weight, count));
    curve.iter().copied().take(1).chain(rest).collect()
}

/// The shell, a fraction of one included, where a curve first falls below `threshold`; the last shell when it never does, 0
/// when shell 1 is below already and shell 0 too.
pub(crate) fn crossing(curve: &[f64], threshold: f64) -> f64 {
    let below = (1..curve.len()).find(|&shell| curve[shell].is_nan() || curve[shell] < threshold);
    match below {
        None => curve.len().saturating_sub(1) as f64,
        Some(shell) if curve[shell].is_nan() => shell as f64 - 1.0,
        Some(shell) => {
            let (above, below) = (curve[shell - 1], curve[shell]);
            let fraction = (above - threshold) / (above - below);
            shell as f64 - 1.0 + fraction.clamp(0.0, 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_curve_is_the_nearest_one() {
        assert_eq!(falling(&[1.0, 0.9, 0.5, 0.2]), [1.0, 0.9, 0.5, 0.2]);
        // Shells 2 and 3 rise; their mean weighs 4 and 9.
        let fallen = falling(&[1.0, 0.9, 0.1, 0.4, 0.0]);
        let mean = (4.0 * 0.1 + 9.0 * 0.4) / 13.0;
        for (a, b) in fallen.iter().zip([1.0, 0.9, mean, mean, 0.0]) {
            assert!((a - b).abs() < 1e-12, "{fallen:?}");
        }
    }

    #[test]
    fn a_crossing_lies_between_shells() {
        assert_eq!(crossing(&[1.0, 0.6, 0.2], 0.4), 1.5);
        assert_eq!(crossing(&[1.0, 0.9, 0.8], 0.4), 2.0);
        assert_eq!(crossing(&[1.0, f64::NAN], 0.4), 0.0);
        assert_eq!(crossing(&[0.1, 0.0], 0.4), 0.0);
    }
}

//! Smooth functions of frequency: cubic B-splines on even knots, orthonormal under a weight.
//!
//! What the basis can express belongs to the background of a spectrum; the rest may be Thon rings. Taking the basis out of a
//! model takes the freedom of every background into account when the model is compared with a spectrum.

/// An orthonormal basis over the rings.
#[derive(Clone, Debug)]
pub(crate) struct SmoothBasis {
    /// `[function][ring]`, orthonormal: Σ weight · f · g = δ.
    functions: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

impl SmoothBasis {
    /// `count` splines (at least 4) over the rings at `x`, orthonormal under `weights`; a constant alone for a count of one.
    pub(crate) fn new(x: &[f64], weights: &[f64], count: usize) -> Self {
        if count == 1 {
            let norm = weights.iter().sum::<f64>().sqrt().max(1e-30);
            return Self {
                functions: vec![vec![1.0 / norm; x.len()]],
                weights: weights.to_vec(),
            };
        }
        let (first, last) = (x[0], x[x.len() - 1]);
        let spans = count.max(4) - 3;
        let step = (last - first).max(1e-12) / spans as f64;
        let mut functions: Vec<Vec<f64>> = Vec::new();
        for index in 0..spans + 3 {
            let centre = first + (index as f64 - 1.0) * step;
            let mut values: Vec<f64> = x.iter().map(|x| cubic((x - centre) / step)).collect();
            // Twice is enough for Gram–Schmidt.
            for _ in 0..2 {
                for other in &functions {
                    let dot = product(weights, other, &values);
                    subtract(&mut values, dot, other);
                }
            }
            let norm = product(weights, &values, &values).sqrt();
            if norm > 1e-9 {
                functions.push(values.iter().map(|v| v / norm).collect());
            }
        }
        Self {
            functions,
            weights: weights.to_vec(),
        }
    }

    /// The part of `values` that the basis expresses.
    pub(crate) fn smooth(&self, values: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; values.len()];
        for function in &self.functions {
            let dot = product(&self.weights, function, values);
            for (out, function) in out.iter_mut().zip(function) {
                *out += dot * function;
            }
        }
        out
    }

    /// Takes the smooth part out of `values`.
    pub(crate) fn remove(&self, values: &mut [f64]) {
        let background = self.smooth(values);
        for (value, smooth) in values.iter_mut().zip(background) {
            *value -= smooth;
        }
    }
}

fn subtract(values: &mut [f64], factor: f64, other: &[f64]) {
    for (value, other) in values.iter_mut().zip(other) {
        *value -= factor * other;
    }
}

fn product(weights: &[f64], a: &[f64], b: &[f64]) -> f64 {
    weights
        .iter()
        .zip(a)
        .zip(b)
        .map(|((w, a), b)| w * a * b)
        .sum()
}

/// The cubic B-spline centred at 0 with unit knots.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        2.0 / 3.0 - x * x + 0.5 * x * x * x
    } else if x < 2.0 {
        (2.0 - x).powi(3) / 6.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubics_are_smooth_and_rings_are_not() {
        let x: Vec<f64> = (0..100).map(|i| 0.02 + 0.001 * f64::from(i)).collect();
        let weights: Vec<f64> = (0..100).map(|i| 10.0 + f64::from(i)).collect();
        let basis = SmoothBasis::new(&x, &weights, 7);
        let mut cubic: Vec<f64> = x
            .iter()
            .map(|x| 1.0 - 20.0 * x + 300.0 * x * x - 900.0 * x.powi(3))
            .collect();
        basis.remove(&mut cubic);
        assert!(cubic.iter().all(|v| v.abs() < 1e-9));
        let rings: Vec<f64> = x.iter().map(|x| (1.2e3 * x).cos()).collect();
        let mut rest = rings.clone();
        basis.remove(&mut rest);
        let kept = product(&weights, &rest, &rest) / product(&weights, &rings, &rings);
        assert!(kept > 0.95, "{kept}");
    }
}

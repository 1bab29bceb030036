//! All displacements at once: Newton steps on the likelihood of the whole series.
//!
//! The gain −Σ yᴴ K y is maximised over the displacement d_i (Å, in the plane) of every view, y_i ← y_i exp(2πi q·d_i). Its
//! gradient is −4π Σ q Im(y_i* (K y)_i); the Fisher information stands for the Hessian, so its inverse gives the
//! standard deviations. A common displacement of all views is free and stays what it was.

use rayon::prelude::*;
use thon_compute::parallel::reduce_tree;

use crate::plane::{Band, Coefficients};
use crate::precision::{Precision, invert};

/// Displacements are taken to lie within this of the start, Å: far wider than any band can follow.
const PRIOR: f64 = 3000.0;
const GROUP: usize = 16;

/// What the views agree on.
#[derive(Clone, Debug)]
pub(crate) struct Joint {
    /// Displacement of each view, Å in the plane.
    pub(crate) displacements: Vec<[f64; 2]>,
    /// −Σ yᴴ K y.
    pub(crate) gain: f64,
    /// Standard deviations of the displacements, Å.
    pub(crate) deviations: Vec<[f64; 2]>,
    /// Correlation of each view with its reprojection from all others, −1 to 1.
    pub(crate) scores: Vec<f64>,
}

/// Sums over frequencies at given displacements.
struct Sums {
    gain: f64,
    gradient: Vec<f64>,
    /// Σ of y·m, y², m² weighted by K_ii, per view.
    products: Vec<[f64; 3]>,
}

/// Solves for the displacements of all views, starting at `start`.
pub(crate) fn solve(
    band: &Band,
    coefficients: &Coefficients,
    precision: &Precision,
    start: Vec<[f64; 2]>,
    steps: usize,
) -> Joint {
    let count = coefficients.views;
    let n = 2 * count;
    let mut information = precision.information.clone();
    for i in 0..n {
        information[i * n + i] += 1.0 / (PRIOR * PRIOR);
    }
    let mut covariance = vec![0.0; n * n];
    invert(&information, &mut covariance, n);
    let longest = 0.3 / band.high;
    let mut at = start;
    let mut sums = evaluate(band, coefficients, precision, &at);
    for _ in 0..steps {
        let mut step: Vec<f64> = covariance
            .chunks(n)
            .map(|row| row.iter().zip(&sums.gradient).map(|(a, b)| a * b).sum())
            .collect();
        let length = step.iter().fold(0.0f64, |m, s| m.max(s.abs()));
        if length > longest {
            for s in &mut step {
                *s *= longest / length;
            }
        }
        let mut factor = 1.0;
        let next = loop {
            let trial: Vec<[f64; 2]> = at
                .iter()
                .zip(step.chunks(2))
                .map(|(d, s)| [d[0] + factor * s[0], d[1] + factor * s[1]])
                .collect();
            let there = evaluate(band, coefficients, precision, &trial);
            if there.gain >= sums.gain || factor < 0.1 {
                break (there.gain >= sums.gain).then_some((trial, there));
            }
            factor *= 0.4;
        };
        let Some((trial, there)) = next else { break };
        at = trial;
        sums = there;
        if length * factor < 0.02 / band.high * 0.1 {
            break;
        }
    }
    remove_common(&mut covariance, n);
    let deviation = |i: usize| covariance[i * n + i].max(0.0).sqrt();
    Joint {
        displacements: at,
        gain: sums.gain,
        deviations: (0..count)
            .map(|i| [deviation(2 * i), deviation(2 * i + 1)])
            .collect(),
        scores: sums.products.iter().map(score).collect(),
    }
}

/// Takes the displacement that all views share out of a covariance `[2 view + axis][2 view + axis]`.
fn remove_common(covariance: &mut [f64], n: usize) {
    let views = (n / 2) as f64;
    for axis in 0..2 {
        for row in covariance.chunks_mut(n) {
            let mean = row[axis..].iter().step_by(2).sum::<f64>() / views;
            row[axis..].iter_mut().step_by(2).for_each(|v| *v -= mean);
        }
        for column in 0..n {
            let rows = || (axis..n).step_by(2).map(|r| r * n + column);
            let mean = rows().map(|at| covariance[at]).sum::<f64>() / views;
            for at in rows() {
                covariance[at] -= mean;
            }
        }
    }
}

fn score([ym, yy, mm]: &[f64; 3]) -> f64 {
    let norm = (yy * mm).sqrt();
    if norm > 0.0 { ym / norm } else { 0.0 }
}

/// y exp(2πi q·d) and K y of every frequency of a class, one after the other.
pub(crate) fn visit_class(
    band: &Band,
    coefficients: &Coefficients,
    precision: &Precision,
    displacements: &[[f64; 2]],
    class: usize,
    mut visit: impl FnMut(usize, &[[f32; 2]], &[[f32; 2]], &[f32]),
) {
    let count = coefficients.views;
    let matrix = &precision.matrices[class * count * count..(class + 1) * count * count];
    let mut moved = vec![[0.0f32; 2]; count];
    let (mut re, mut im) = (vec![0.0f32; count], vec![0.0f32; count]);
    let mut product = vec![[0.0f32; 2]; count];
    for q in band.classes[class].range.clone() {
        let [kx, ky] = band.frequencies[q];
        let values = &coefficients.values[q * count..(q + 1) * count];
        for (i, (value, [dx, dy])) in values.iter().zip(displacements).enumerate() {
            let turns = kx * dx + ky * dy;
            let phase = ((turns - turns.round()) * std::f64::consts::TAU) as f32;
            let (sin, cos) = phase.sin_cos();
            re[i] = value.re * cos - value.im * sin;
            im[i] = value.re * sin + value.im * cos;
            moved[i] = [re[i], im[i]];
        }
        for (row, out) in matrix.chunks(count).zip(&mut product) {
            let (mut a, mut b) = (0.0f32, 0.0f32);
            for ((k, x), y) in row.iter().zip(&re).zip(&im) {
                a += k * x;
                b += k * y;
            }
            *out = [a, b];
        }
        visit(q, &moved, &product, matrix);
    }
}

fn evaluate(
    band: &Band,
    coefficients: &Coefficients,
    precision: &Precision,
    displacements: &[[f64; 2]],
) -> Sums {
    let count = coefficients.views;
    let groups = band.classes.len().div_ceil(GROUP);
    let parts: Vec<Sums> = (0..groups)
        .into_par_iter()
        .map(|group| {
            let mut sums = Sums {
                gain: 0.0,
                gradient: vec![0.0; 2 * count],
                products: vec![[0.0; 3]; count],
            };
            for class in group * GROUP..((group + 1) * GROUP).min(band.classes.len()) {
                visit_class(
                    band,
                    coefficients,
                    precision,
                    displacements,
                    class,
                    |q, y, ky, matrix| sums.add(band.frequencies[q], y, ky, matrix),
                );
            }
            sums
        })
        .collect();
    reduce_tree(parts, Sums::join).unwrap_or(Sums {
        gain: 0.0,
        gradient: vec![0.0; 2 * count],
        products: vec![[0.0; 3]; count],
    })
}

impl Sums {
    fn add(&mut self, [qx, qy]: [f64; 2], y: &[[f32; 2]], ky: &[[f32; 2]], matrix: &[f32]) {
        let count = y.len();
        let scale = -4.0 * std::f64::consts::PI;
        for i in 0..count {
            let ([a, b], [c, d]) = (y[i], ky[i]);
            let imaginary = f64::from(a * d - b * c);
            self.gain -= f64::from(a * c + b * d);
            self.gradient[2 * i] += scale * qx * imaginary;
            self.gradient[2 * i + 1] += scale * qy * imaginary;
            // A view that nothing is known of predicts nothing and is not scored.
            let own = matrix[i * count + i];
            let m = [a - c / own, b - d / own];
            let products = &mut self.products[i];
            products[0] += f64::from(own * (a * m[0] + b * m[1]));
            products[1] += f64::from(own * (a * a + b * b));
            products[2] += f64::from(own * (m[0] * m[0] + m[1] * m[1]));
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "the signature that reduce_tree asks for"
    )]
    fn join(mut self, other: Self) -> Self {
        self.gain += other.gain;
        for (a, b) in self.gradient.iter_mut().zip(&other.gradient) {
            *a += b;
        }
        for (a, b) in self.products.iter_mut().zip(&other.products) {
            for (x, y) in a.iter_mut().zip(b) {
                *x += y;
            }
        }
        self
    }
}

//! The maximum of a posterior near a start: Levenberg–Marquardt on three rotations and three shifts.
//!
//! Steps solve (I + λ diag I) x = gradient with Fisher's information I of likelihood and prior (Marquardt 1963, J. SIAM
//! 11:431; Nielsen's update of λ). The covariance at the maximum is I⁻¹ (Laplace's approximation). Directions that the data
//! do not determine (an axis of symmetry, junk) are bounded by what is known beforehand: turns by 1 rad, shifts by the box.

use crate::derivatives::{Derivatives, derivatives};
use crate::matrix6::{Matrix6, cholesky, eigen, inverse, log_determinant, solve};
use crate::{Placement, Prior, Reference, Whitened};

/// When polishing ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolishOptions {
    /// Evaluations at most.
    pub evaluations: usize,
    /// A step shorter than this in standard deviations of the posterior is the last, and is taken without another look.
    pub tolerance: f64,
    /// Largest turn of one step, radians.
    pub largest_turn: f64,
    /// Largest shift of one step, voxels.
    pub largest_shift: f64,
}

impl Default for PolishOptions {
    fn default() -> Self {
        Self {
            evaluations: 20,
            tolerance: 0.05,
            largest_turn: 0.15,
            largest_shift: 1.5,
        }
    }
}

/// Where polishing ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Polished {
    /// The maximum.
    pub placement: Placement,
    /// Log-likelihood relative to no particle plus log prior (without that of the class).
    pub log_posterior: f64,
    /// Log-likelihood alone.
    pub log_likelihood: f64,
    /// Information of likelihood and prior over (ω, t), made positive definite if need be: inverse of the covariance.
    pub information: [[f64; 6]; 6],
    /// Covariance over (ω in radians, t in voxels).
    pub covariance: [[f64; 6]; 6],
    /// ln det 2πΣ.
    pub log_volume: f64,
    /// The last step was within the tolerance.
    pub converged: bool,
    /// The data and the prior determine all six directions; false: some are bounded by [`UNDETERMINED`] alone.
    pub positive_definite: bool,
    /// Evaluations of likelihood and derivatives.
    pub evaluations: usize,
}

impl Polished {
    /// Laplace's approximation of ln ∫ posterior around the maximum: log posterior + ½ ln det 2πΣ.
    pub fn log_evidence(&self) -> f64 {
        self.log_posterior + 0.5 * self.log_volume
    }
}

/// Standard deviations beyond which nothing is believed: a turn of 1 rad, a shift in shares of the box.
pub const UNDETERMINED: (f64, f64) = (1.0, 0.25);

/// Polishes a placement over shells 1 … band.
pub fn polish(
    reference: &Reference,
    particle: &Whitened,
    start: &Placement,
    band: usize,
    prior: &Prior,
    options: &PolishOptions,
) -> Polished {
    let problem = Problem {
        reference,
        particle,
        band,
        prior,
        floor: floor(reference.box_size()),
    };
    let mut here = problem.at(*start);
    let (mut damping, mut growth) = (1e-3, 2.0);
    let (mut evaluations, mut converged) = (1, false);
    while evaluations < options.evaluations && !converged {
        let Some(step) = problem.step(&here, damping, options) else {
            damping *= growth;
            growth *= 2.0;
            if damping > 1e12 {
                break;
            }
            continue;
        };
        let expected = 0.5 * dot(&step, &here.slopes.gradient).max(1e-300);
        if mahalanobis(&here.slopes.information, &step) < options.tolerance.powi(2) {
            if damping < 1.0 {
                here.placement = here.placement.moved(&step);
                here.value += expected;
                here.log_likelihood += expected;
            }
            converged = true;
            continue;
        }
        let there = problem.at(here.placement.moved(&step));
        evaluations += 1;
        let gain = (there.value - here.value) / expected;
        if gain > 0.0 {
            here = there;
            damping = (damping * (1.0 - (gain - 1.0).powi(3)).clamp(0.1, 1.0)).max(1e-6);
            growth = 2.0;
        } else {
            damping *= growth * 4.0;
            growth *= 2.0;
        }
    }
    problem.finish(&here, converged, evaluations)
}

struct Problem<'a> {
    reference: &'a Reference,
    particle: &'a Whitened,
    band: usize,
    prior: &'a Prior,
    /// Least information of each direction.
    floor: [f64; 6],
}

struct Point {
    placement: Placement,
    /// Log posterior.
    value: f64,
    log_likelihood: f64,
    /// Of the posterior.
    slopes: Derivatives,
}

impl Problem<'_> {
    fn at(&self, placement: Placement) -> Point {
        let mut slopes = derivatives(self.reference, self.particle, &placement, self.band);
        self.prior
            .add_to(&placement, &mut slopes.gradient, &mut slopes.information);
        let prior =
            self.prior.of_shift(placement.shift) + self.prior.of_rotation(placement.rotation);
        if let Some(own) = &self.prior.own {
            let (value, slope) = own.value_and_gradient(&placement, self.band);
            slopes.log_likelihood -= value;
            for (gradient, slope) in slopes.gradient.iter_mut().zip(slope) {
                *gradient -= slope;
            }
        }
        Point {
            placement,
            value: slopes.log_likelihood + prior,
            log_likelihood: slopes.log_likelihood,
            slopes,
        }
    }

    /// The damped step, no longer than allowed.
    fn step(&self, here: &Point, damping: f64, options: &PolishOptions) -> Option<[f64; 6]> {
        let mut damped = here.slopes.information;
        for (k, row) in damped.iter_mut().enumerate() {
            row[k] += damping * row[k] + self.floor[k];
        }
        let step = solve(&cholesky(&damped)?, &here.slopes.gradient);
        let length = |range: std::ops::Range<usize>| {
            step[range]
                .iter()
                .map(|v| v * v)
                .sum::<f64>()
                .sqrt()
                .max(1e-300)
        };
        let fits = (options.largest_turn / length(0..3))
            .min(options.largest_shift / length(3..6))
            .min(1.0);
        Some(step.map(|v| v * fits))
    }

    fn finish(&self, here: &Point, converged: bool, evaluations: usize) -> Polished {
        let (information, positive_definite) = bounded(&here.slopes.information, &self.floor);
        let factor = cholesky(&information).expect("bounded from below");
        let two_pi = 6.0 * std::f64::consts::TAU.ln();
        Polished {
            placement: here.placement,
            log_posterior: here.value,
            log_likelihood: here.log_likelihood,
            information,
            covariance: inverse(&factor),
            log_volume: two_pi - log_determinant(&factor),
            converged,
            positive_definite,
            evaluations,
        }
    }
}

/// Information of [`UNDETERMINED`] for a box.
fn floor(box_size: usize) -> [f64; 6] {
    let turn = UNDETERMINED.0.powi(-2);
    let shift = (UNDETERMINED.1 * box_size as f64).powi(-2);
    [turn, turn, turn, shift, shift, shift]
}

/// Raises the eigenvalues of an information matrix, in units of the floor, to 1; true if none had to be.
fn bounded(information: &Matrix6, floor: &[f64; 6]) -> (Matrix6, bool) {
    let unit = floor.map(f64::sqrt);
    let scaled: Matrix6 =
        std::array::from_fn(|i| std::array::from_fn(|j| information[i][j] / (unit[i] * unit[j])));
    let (values, vectors) = eigen(&scaled);
    if values.iter().all(|v| *v >= 1.0) {
        return (*information, true);
    }
    let raised = values.map(|v| if v >= 1.0 { v } else { 1.0 });
    let matrix = std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let sum: f64 = (0..6)
                .map(|k| vectors[i][k] * raised[k] * vectors[j][k])
                .sum();
            sum * unit[i] * unit[j]
        })
    });
    (matrix, false)
}

fn dot(a: &[f64; 6], b: &[f64; 6]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// xᵀ I x.
pub(crate) fn mahalanobis(information: &Matrix6, x: &[f64; 6]) -> f64 {
    information
        .iter()
        .zip(x)
        .map(|(row, v)| v * dot(row, x))
        .sum()
}

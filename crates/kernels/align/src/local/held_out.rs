//! Which local model, if any: residuals of points that were left out of the fit.
//!
//! Every point is left out once; the model fitted to the others moves it, and its own place is solved anew. The gain of one model
//! over another is the mean over points of the difference of their weighted mean squares; it counts when it exceeds
//! [`LEAST_ADVANTAGE`] standard errors and [`LEAST_GAIN`] of the residual's square.

use super::system::{Terms, can_be_left_out, fit};
use super::{Course, Field, LocalInput, LocalModel, LocalOptions, Motion, Trial};
use crate::AlignError;

/// Standard errors by which a model must be better.
const LEAST_ADVANTAGE: f64 = 2.5;
/// Fraction of the mean square by which a model must be better.
const LEAST_GAIN: f64 = 0.03;
/// Fewest points that can decide.
const LEAST_POINTS: usize = 8;

/// The model that points left out ask for, and all that were tried; the first is the rigid chain.
pub(super) fn choose(
    input: &LocalInput<'_>,
    options: &LocalOptions,
) -> Result<(LocalModel, Vec<Trial>), AlignError> {
    let court = Court::new(input, options.folds);
    let mut best = LocalModel::default();
    let mut squares = court.squares(best)?;
    let mut trials = vec![Trial {
        model: best,
        residual: court.rms(&squares),
        advantage: 0.0,
    }];
    if court.judges.len() < LEAST_POINTS {
        return Ok((best, trials));
    }
    let mut consider = |models: &[LocalModel], best: &mut LocalModel| -> Result<(), AlignError> {
        let start = squares.clone();
        let mut lowest = f64::INFINITY;
        for &model in models {
            let own = court.squares(model)?;
            let advantage = advantage(&start, &own);
            let mean = mean(&own);
            trials.push(Trial {
                model,
                residual: court.rms(&own),
                advantage,
            });
            let enough =
                advantage > LEAST_ADVANTAGE && mean < (1.0 - LEAST_GAIN) * self::mean(&start);
            if enough && mean < lowest {
                lowest = mean;
                *best = model;
                squares = own;
            }
        }
        Ok(())
    };
    if options.motion && input.doses.iter().any(|dose| *dose > 0.0) {
        let courses = [
            Course::Steady,
            Course::Settling(0.3),
            Course::Settling(0.1),
            Course::Settling(0.03),
            Course::Both(0.3),
            Course::Both(0.1),
        ];
        let motions = courses.map(|course| moving(2, false, course));
        consider(&motions, &mut best)?;
        if let Some(motion) = best.motion {
            consider(&[moving(3, false, motion.course)], &mut best)?;
        }
        if let Some(motion) = best.motion {
            consider(&[moving(motion.degree, true, motion.course)], &mut best)?;
        }
    }
    if options.field {
        let motion = best.motion;
        let with = |degree, width| LocalModel {
            field: Some(Field { degree, width }),
            motion,
        };
        consider(&[with(1, 4.0), with(2, 1.5), with(2, 5.0)], &mut best)?;
        if let Some(field) = best.field.filter(|field| field.degree == 2) {
            consider(&[with(3, field.width)], &mut best)?;
        }
    }
    Ok((best, trials))
}

fn moving(degree: usize, layered: bool, course: Course) -> LocalModel {
    LocalModel {
        motion: Some(Motion {
            degree,
            layered,
            course,
        }),
        field: None,
    }
}

/// The points that judge, and the parts they are left out in.
struct Court<'a> {
    input: &'a LocalInput<'a>,
    judges: Vec<usize>,
    folds: usize,
}

impl<'a> Court<'a> {
    fn new(input: &'a LocalInput<'a>, folds: usize) -> Self {
        let judges: Vec<usize> = (0..input.tracks.len())
            .filter(|&t| can_be_left_out(&input.tracks[t], input.solution.points[t].is_some()))
            .collect();
        Self {
            input,
            folds: folds.clamp(2, judges.len().max(2)),
            judges,
        }
    }

    /// Weighted mean square of the residual of each point while it was left out, in units of the noise, one coordinate.
    fn squares(&self, model: LocalModel) -> Result<Vec<f64>, AlignError> {
        let terms = Terms::of(self.input, self.input.solution, model);
        let mut squares = vec![0.0; self.judges.len()];
        for fold in 0..self.folds {
            let mut kept = vec![true; self.input.tracks.len()];
            for (rank, &track) in self.judges.iter().enumerate() {
                kept[track] = rank % self.folds != fold;
            }
            let fitted = fit(&terms, Some(&kept))?;
            for (rank, &track) in self.judges.iter().enumerate() {
                if rank % self.folds == fold {
                    squares[rank] = mean_square(&fitted.residuals(track));
                }
            }
        }
        Ok(squares)
    }

    /// In Å, by the noise of all views.
    fn rms(&self, squares: &[f64]) -> f64 {
        mean(squares).sqrt() * self.input.solution.noise
    }
}

fn mean_square(residuals: &[(glam::DVec2, f64)]) -> f64 {
    let sum: f64 = residuals.iter().map(|(r, w)| w * r.length_squared()).sum();
    sum / (2 * residuals.len()).max(1) as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Standard errors by which the mean of `after` lies below that of `before`, by their differences.
fn advantage(before: &[f64], after: &[f64]) -> f64 {
    let gains: Vec<f64> = before.iter().zip(after).map(|(b, a)| b - a).collect();
    let (count, mean) = (gains.len() as f64, mean(&gains));
    let variance: f64 =
        gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    mean / (variance / count).sqrt().max(1e-12)
}

//! What a rigid alignment leaves in the residuals: motion of the specimen with the exposure, and local displacements of images.
//!
//! ```text
//!   specimen motion  u(x, d) = Σ_k Σ_t c_kt m_k(x) f_t(d)       m: polynomials in x, y (z);  f: courses in the dose d, mean 0
//!   image field      w_i(v)  = Σ_k d_ik m_k(v)                  one polynomial per view, held near 0 by a prior
//! ```
//!
//! A motion that is the same in all views is the specimen's own shape and cannot be told from it: courses have mean 0 over the
//! views, so that the specimen frame is that of the mean state.
//!
//! Under the beam the specimen domes and relaxes, fast at first (Brilot et al. 2012, J. Struct. Biol. 177:630; in tilt series
//! Fernandez et al. 2018, J. Struct. Biol. 202:200). Terms, points and the views' own variables are solved together by linear
//! least squares around the rigid solution ([`system`]), the rigid alignment is repeated on the corrected positions, and so on
//! until nothing moves. Which model is taken, if any, **points left out of the fit decide**: their residuals must fall by more than
//! chance allows ([`held_out`]). Lengths in Å, doses in e/Å².

mod held_out;
mod system;
#[cfg(test)]
mod tests;

use glam::{DVec2, DVec3};
use serde::{Deserialize, Serialize};
use thon_geometry::{Deformation, Point, TiltGeometry};

use crate::adjust::{Adjustment, Observation, Solution, Track, adjust};
use crate::{AlignError, Variable};
use system::Terms;

/// Rounds of fit and rigid alignment at most.
const ROUNDS: usize = 4;
/// Change of the displacements at which the rounds end, Å.
const SETTLED: f64 = 0.02;

/// How the specimen's motion goes on with the exposure. Fractions are of the whole dose of the series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Course {
    /// In proportion to the dose.
    Steady,
    /// 1 − exp(−d/τ), with τ this fraction of the whole dose.
    Settling(f64),
    /// Both, with terms of their own: a fast settling and a steady creep.
    Both(f64),
}

impl Course {
    /// The functions at a dose, given as a fraction of the whole, from 0 to 1; the second is 0 where there is only one.
    pub fn at(self, dose: f64) -> [f64; 2] {
        let settling = |tau: f64| (1.0 - (-dose / tau).exp()) / (1.0 - (-1.0 / tau).exp());
        match self {
            Self::Steady => [dose, 0.0],
            Self::Settling(tau) => [settling(tau), 0.0],
            Self::Both(tau) => [settling(tau), dose],
        }
    }

    /// Number of functions.
    pub fn count(self) -> usize {
        match self {
            Self::Both(_) => 2,
            _ => 1,
        }
    }
}

/// Polynomial of the specimen's motion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Degree in x and y, 2 or 3.
    pub degree: usize,
    /// Whether the motion may differ between the heights of the specimen.
    pub layered: bool,
    /// How it goes on with the dose.
    pub course: Course,
}

/// Polynomials of the images' local displacements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Degree, 1 to 3.
    pub degree: usize,
    /// Standard deviation of a term before the measurements, Å at half the field of view.
    pub width: f64,
}

/// A model of what the rigid chain leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LocalModel {
    /// The specimen's motion.
    pub motion: Option<Motion>,
    /// Local displacements of the images.
    pub field: Option<Field>,
}

/// What may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalOptions {
    /// Motion of the specimen with the dose.
    pub motion: bool,
    /// Local displacements of every image.
    pub field: bool,
    /// Parts of the points that are left out in turn.
    pub folds: usize,
}

impl Default for LocalOptions {
    /// Both, sixths left out.
    fn default() -> Self {
        Self {
            motion: true,
            field: true,
            folds: 6,
        }
    }
}

/// A model that was tried on points left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// The model; the first trial is the rigid chain alone.
    pub model: LocalModel,
    /// Root mean square residual (one coordinate, weighted) of the points left out, Å.
    pub residual: f64,
    /// How many standard errors it is better than the model before it that was kept.
    pub advantage: f64,
}

/// Result of [`align_locally`].
#[derive(Clone, Debug, PartialEq)]
pub struct LocalAlignment {
    /// The alignment; its geometry carries deformations when a model was taken.
    pub solution: Solution,
    /// The model taken: nothing in it when the rigid chain stands.
    pub model: LocalModel,
    /// Everything that was tried, in order.
    pub trials: Vec<Trial>,
    /// Root mean square displacement of the tracked points by the deformation, Å in the images.
    pub displacement: f64,
}

/// What the search is made from.
pub struct LocalInput<'a> {
    /// The tracks of the rigid alignment.
    pub tracks: &'a [Track],
    /// Where its views started.
    pub start: &'a [TiltGeometry],
    /// What it solved for.
    pub options: &'a Adjustment,
    /// Its solution.
    pub solution: &'a Solution,
    /// Exposure of the specimen in the middle of each image, e/Å².
    pub doses: &'a [f64],
    /// Half of the field of view, Å: the length that polynomials are written in.
    pub half_field: f64,
}

/// Looks for motion of the specimen and local displacements in the residuals of a rigid alignment. Without a model that points left
/// out ask for, the rigid solution comes back as it was.
///
/// # Errors
/// [`AlignError`] as for [`adjust`]; numbers of views that do not agree.
pub fn align_locally(
    input: &LocalInput<'_>,
    options: &LocalOptions,
) -> Result<LocalAlignment, AlignError> {
    let views = input.start.len();
    if input.doses.len() != views || input.solution.geometry.len() != views {
        return Err(AlignError::UnknownView {
            track: 0,
            view: input.doses.len().min(input.solution.geometry.len()),
            views,
        });
    }
    let (model, trials) = held_out::choose(input, options)?;
    if model == LocalModel::default() {
        return Ok(LocalAlignment {
            solution: input.solution.clone(),
            model,
            trials,
            displacement: 0.0,
        });
    }
    let mut solution = input.solution.clone();
    let mut deformations = vec![None; views];
    let mut before: Vec<DVec2> = Vec::new();
    let mut displacement = 0.0;
    for _ in 0..ROUNDS {
        let terms = Terms::of(input, &solution, model);
        let fitted = system::fit(&terms, None)?;
        deformations = (0..views)
            .map(|view| Some(fitted.deformation(view)))
            .collect();
        let moves = displacements(input.tracks, &solution, &deformations);
        let (corrected, flat) = without(input.tracks, &moves);
        solution = adjust(&corrected, input.start, input.options)?;
        displacement = rms(&flat);
        let change = rms(&difference(&flat, &before));
        before = flat;
        if change < SETTLED {
            break;
        }
    }
    for (geometry, deformation) in solution.geometry.iter_mut().zip(deformations) {
        if let Some(geometry) = geometry {
            geometry.deformation = deformation;
        }
    }
    Ok(LocalAlignment {
        solution,
        model,
        trials,
        displacement,
    })
}

/// By how much the deformations move every observed position, Å; `None` for points without a place.
fn displacements(
    tracks: &[Track],
    solution: &Solution,
    deformations: &[Option<Deformation>],
) -> Vec<Vec<Option<DVec2>>> {
    let of = |place: Option<DVec3>, view: usize| {
        let rigid = solution.geometry[view]?;
        let bent = TiltGeometry {
            deformation: deformations[view],
            ..rigid
        };
        let point = Point::from_vector(place?);
        Some(bent.project(point).position - rigid.project(point).position)
    };
    let all = tracks.iter().zip(&solution.points);
    all.map(|(track, place)| track.points.iter().map(|p| of(*place, p.view)).collect())
        .collect()
}

/// The tracks with the displacements taken off, and the displacements in one list.
fn without(tracks: &[Track], moves: &[Vec<Option<DVec2>>]) -> (Vec<Track>, Vec<DVec2>) {
    let mut flat = Vec::new();
    let corrected = tracks
        .iter()
        .zip(moves)
        .map(|(track, moves)| {
            let points = track.points.iter().zip(moves).map(|(point, by)| {
                flat.extend(*by);
                Observation {
                    position: point.position - by.unwrap_or_default(),
                    ..*point
                }
            });
            Track {
                points: points.collect(),
            }
        })
        .collect();
    (corrected, flat)
}

fn difference(now: &[DVec2], before: &[DVec2]) -> Vec<DVec2> {
    let old = |k: usize| before.get(k).copied().unwrap_or_default();
    now.iter().enumerate().map(|(k, v)| *v - old(k)).collect()
}

fn rms(values: &[DVec2]) -> f64 {
    let sum: f64 = values.iter().map(|v| v.length_squared()).sum();
    (sum / values.len().max(1) as f64).sqrt()
}

/// Standard deviation of a variable before the measurements, as the local system holds it; `None` when it is fixed.
fn width(variable: &Variable, spread: Option<f64>, free: f64) -> Option<f64> {
    match variable.grouping {
        // One change for all is the rigid alignment's affair.
        crate::Grouping::Fixed | crate::Grouping::One => None,
        _ => Some(spread.unwrap_or(free)),
    }
}

//! The factor that brings a reference to the grey scale of the data.
//!
//! With b = Σ Re(D̄ V)/P and a = Σ W|V|²/P at the best poses, the likeliest factor is Σb/Σa. Poses are first found by
//! correlation alone (a factor near 0), then once more with the factor found.

use glam::DVec3;
use thon_compute::Progress;
use thon_likelihood::{ParticleSource, Placement};

use super::candidates::best_poses;
use super::expect::overlap;
use super::prepare::Prepared;
use super::read::read_unit;
use crate::report::Search;
use crate::{AverageError, State};

/// Particles that the factor is fitted to, at most.
const PARTICLES: usize = 32;

/// Multiplies the references of a state, which has no posteriors yet, by their factors.
///
/// # Errors
/// [`AverageError::Option`] for a reference of the opposite contrast at given poses; what reading meets.
pub(crate) fn to_grey_scale(
    source: &dyn ParticleSource,
    state: &State,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f32>>, AverageError> {
    let mut trial = state.clone();
    trial.head.offset_sigma = 1e6;
    trial.head.class_shares = vec![1.0];
    trial.head.classes = 1;
    trial.halves.fill(0);
    let halves = state.head.task.halves();
    let classes = state.references.len() / halves;
    let mut factors = Vec::with_capacity(classes);
    for class in 0..classes {
        thon_compute::check(progress)?;
        trial.references = vec![state.references[class].clone(); halves];
        factors.push(factor(source, &trial)?);
    }
    let maps = state.references.iter().enumerate();
    Ok(maps
        .map(|(i, map)| map.iter().map(|v| v * factors[i % classes]).collect())
        .collect())
}

fn factor(source: &dyn ParticleSource, trial: &State) -> Result<f32, AverageError> {
    let unit = 0..source.len().min(PARTICLES);
    let mut prepared = Prepared::new(trial)?;
    let seen = read_unit(source, &prepared, unit.clone())?;
    let reference = prepared.references[0].clone();
    let fitted = |poses: &[Placement], band: usize| {
        let mut sums = [0.0; 2];
        for (one, pose) in seen.iter().zip(poses) {
            let [cross, power] = overlap(&reference, &one.whitened, pose, band);
            sums[0] += cross;
            sums[1] += power;
        }
        sums
    };
    let band = trial.head.band;
    if trial.head.search != Search::Global {
        let [cross, power] = fitted(&trial.starts[unit], band);
        let factor = (cross / power) as f32;
        return if factor.is_finite() && factor > 0.0 {
            Ok(factor)
        } else {
            Err(AverageError::option(
                "grey scale of the reference",
                factor,
                "a positive factor: at the given poses the reference has the opposite contrast of the data, or nothing in \
                 common with them",
            ))
        };
    }
    // Far below the amplitude that all of the data's power would give.
    let mut total = [0.0; 2];
    for one in &seen {
        for i in 0..one.whitened.geometry.count_to(band) {
            let q = DVec3::from_array(one.whitened.geometry.positions[i].map(f64::from));
            let weight = f64::from(one.observation.weights[i]);
            total[0] += f64::from(one.observation.products[i].norm_sqr());
            total[1] += weight * weight * f64::from(reference.value(q).norm_sqr());
        }
    }
    let mut factor = ((total[0] / total[1].max(f64::MIN_POSITIVE)).sqrt() * 1e-3) as f32;
    for _ in 0..2 {
        let scaled = reference.scaled(factor);
        prepared.references.fill(scaled);
        let poses = best_poses(&prepared, &seen)?;
        let [cross, power] = fitted(&poses, band);
        factor = (cross / power) as f32;
        if !(factor.is_finite() && factor > 0.0) {
            return Err(AverageError::option(
                "grey scale of the reference",
                factor,
                "a positive factor: the reference has nothing in common with the data",
            ));
        }
    }
    Ok(factor)
}

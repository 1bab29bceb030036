//! The hand of a map by the particles: its mirror image climbs as well, and both are compared particle by particle.
//!
//! A subtomogram of a single-axis tilt series is no projection: it tells a structure from its mirror image. The difference
//! of the log-evidence of both, summed over particles, decides; its mean over its standard error says how clearly.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_likelihood::{PosteriorOptions, candidates, posterior};

use crate::InitialModelError;
use crate::climb::{Climb, Step, explore, grid, prior, references, whiten};
use crate::data::Data;
use crate::maps::mirrored;

/// What the particles say about the hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandEvidence {
    /// Mean over particles of ln L(map) − ln L(mirror image), nats, for the map as it was found.
    pub mean_difference: f64,
    /// That over its standard error.
    pub significance: f64,
    /// True when the mirror image explained the particles better and was taken.
    pub mirrored: bool,
}

/// Poses of each particle that are polished before the comparison.
const CANDIDATES: usize = 4;
/// Iterations that each hand climbs before the comparison.
const ITERATIONS: usize = 4;

/// Lets the mirror image climb beside the map, and keeps the better of the two.
pub(crate) fn decide(
    climb: Climb,
    data: &Data,
    step: &Step<'_>,
    progress: &dyn Progress,
) -> Result<(Climb, HandEvidence), InitialModelError> {
    let mut own = climb.clone();
    let mut other = climb;
    for map in &mut other.maps {
        *map = mirrored(map, data.box_size);
    }
    for i in 0..ITERATIONS {
        thon_compute::check(progress)?;
        let step = Step {
            seed: step.seed.wrapping_add(i as u64),
            ..*step
        };
        own.advance(data, &step)?;
        other.advance(data, &step)?;
    }
    let differences = differences(&own, &other, data, step)?;
    let count = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / count;
    let variance =
        differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let evidence = HandEvidence {
        mean_difference: mean,
        significance: mean / (variance / count).sqrt().max(1e-12),
        mirrored: mean < 0.0,
    };
    Ok((if evidence.mirrored { other } else { own }, evidence))
}

/// Log-posterior of the best pose of every particle under one climb less that under another, with one noise for both.
fn differences(
    own: &Climb,
    other: &Climb,
    data: &Data,
    step: &Step<'_>,
) -> Result<Vec<f64>, InitialModelError> {
    let whitened = whiten(data, step.rows, &own.noise);
    let grid = grid(data, step);
    let evidence = |climb: &Climb| -> Result<Vec<f64>, InitialModelError> {
        let references = references(&climb.maps, data.box_size)?;
        let found = explore(&references, &grid, &whitened, data, step.options)?;
        // What the grid leaves out differs by tens of nats from particle to particle: the best poses are polished.
        let prior = prior(data, step.options);
        let options = PosteriorOptions::bands(step.band, data.band);
        let polished = (whitened.par_iter().zip(&found)).map(|(particle, found)| {
            let candidates = candidates(&grid, found, &prior, CANDIDATES);
            let posterior = posterior(&references, particle, &candidates, &prior, &options);
            posterior.best().log_posterior
        });
        Ok(polished.collect())
    };
    let (own, other) = (evidence(own)?, evidence(other)?);
    Ok(own.iter().zip(&other).map(|(a, b)| a - b).collect())
}

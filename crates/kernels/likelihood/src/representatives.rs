//! A few placements with weights that stand for a posterior, so that expectation–maximisation stays what it is.
//!
//! A mode that is narrow against the band is its maximum. A wide one is drawn from: the map must be blurred by what is
//! not known of the placement. Draws come in pairs m ± L z (L Lᵀ = Σ), which keeps the mean of the mode exactly.

use rand_distr::{Distribution, StandardNormal};

use crate::matrix6::cholesky;
use crate::{Mode, Posterior, Representative};

/// How many placements stand for a posterior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepresentativeOptions {
    /// Edge of the box, voxels.
    pub box_size: usize,
    /// Largest shell that the placements are used for.
    pub band: usize,
    /// Radius of the particle, voxels: how far a turn moves its rim.
    pub radius: f64,
    /// Spread of phases at the band's edge, radians, from which on a mode is drawn from.
    pub blur: f64,
    /// Placements at most (at least one per mode).
    pub maximum: usize,
    /// Seed of the draws; the same for all particles of an iteration.
    pub seed: u64,
}

/// Standard deviation of the phase, radians, that the width of a mode gives to the shell `band` of a box of `box_size`
/// voxels, averaged over directions, for density at ⅗ of the squared radius (a homogeneous ball).
pub fn phase_spread(mode: &Mode, box_size: usize, band: usize, radius: f64) -> f64 {
    let sum = |range: std::ops::Range<usize>| range.map(|k| mode.covariance[k][k]).sum::<f64>();
    // A turn ω moves a point r by ω × r: on average over r ⅔ of |ω|²|r|², a third of it along one direction.
    let turned = sum(0..3) * (0.6 * radius * radius) * 2.0 / 9.0;
    let shifted = sum(3..6) / 3.0;
    std::f64::consts::TAU * band as f64 / box_size as f64 * (turned + shifted).sqrt()
}

/// The placements that stand for the posterior of particle number `index`; weights sum to 1.
pub fn representatives(
    posterior: &Posterior,
    index: u64,
    options: &RepresentativeOptions,
) -> Vec<Representative> {
    let mut random = thon_compute::seed_stream(options.seed, "representatives", index);
    let spare = options.maximum.saturating_sub(posterior.modes.len());
    let mut chosen = Vec::with_capacity(options.maximum.max(posterior.modes.len()));
    for mode in &posterior.modes {
        // Heavier modes may have more draws; always whole pairs.
        let pairs = ((spare as f64 * mode.weight).round() as usize).div_ceil(2);
        let spread = phase_spread(mode, options.box_size, options.band, options.radius);
        let factor = cholesky(&mode.covariance).filter(|_| spread > options.blur && pairs > 0);
        let Some(factor) = factor else {
            chosen.push(Representative {
                class: mode.class,
                placement: mode.placement,
                weight: mode.weight,
            });
            continue;
        };
        for _ in 0..pairs {
            let z: [f64; 6] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
            let step: [f64; 6] =
                std::array::from_fn(|i| (0..=i).map(|k| factor[i][k] * z[k]).sum());
            for step in [step, step.map(|v| -v)] {
                chosen.push(Representative {
                    class: mode.class,
                    placement: mode.placement.moved(&step),
                    weight: mode.weight / (2 * pairs) as f64,
                });
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Placement;

    fn mode(deviation: f64, weight: f64) -> Mode {
        let mut covariance = [[0.0; 6]; 6];
        for (i, row) in covariance.iter_mut().enumerate() {
            row[i] = if i < 3 { deviation * deviation } else { 0.01 };
        }
        covariance[0][1] = 0.5 * deviation * deviation;
        covariance[1][0] = covariance[0][1];
        Mode {
            placement: Placement::default(),
            class: 0,
            log_posterior: 1.0,
            covariance,
            weight,
        }
    }

    #[test]
    fn wide_modes_are_drawn_from_and_narrow_ones_are_not() {
        let options = RepresentativeOptions {
            box_size: 64,
            band: 20,
            radius: 16.0,
            blur: 0.7,
            maximum: 9,
            seed: 3,
        };
        let posterior = Posterior {
            modes: vec![mode(0.15, 0.7), mode(0.005, 0.3)],
        };
        let chosen = representatives(&posterior, 5, &options);
        assert_eq!(chosen, representatives(&posterior, 5, &options));
        assert!(chosen != representatives(&posterior, 6, &options));
        assert_eq!(chosen.len(), 7);
        let total: f64 = chosen.iter().map(|c| c.weight).sum();
        assert!((total - 1.0).abs() < 1e-12);
        assert_eq!(chosen.last().unwrap().placement, Placement::default());
    }

    #[test]
    fn draws_have_the_covariance_of_the_mode() {
        let options = RepresentativeOptions {
            box_size: 64,
            band: 20,
            radius: 16.0,
            blur: 0.1,
            maximum: 2001,
            seed: 1,
        };
        let posterior = Posterior {
            modes: vec![mode(0.05, 1.0)],
        };
        let drawn = representatives(&posterior, 0, &options);
        let start = Placement::default();
        let mut covariance = [[0.0; 6]; 6];
        for one in &drawn {
            let x = crate::posterior::difference(&one.placement, &start);
            for i in 0..6 {
                for j in 0..6 {
                    covariance[i][j] += one.weight * x[i] * x[j];
                }
            }
        }
        let expected = posterior.modes[0].covariance;
        for i in 0..6 {
            for j in 0..6 {
                let scale = (expected[i][i] * expected[j][j]).sqrt();
                assert!(
                    (covariance[i][j] - expected[i][j]).abs() < 0.1 * scale,
                    "{i} {j}"
                );
            }
        }
    }
}

//! The search by products against scores computed one by one; blocks and threads make no difference.

use glam::{DQuat, DVec3};
use thon_geometry::Symmetry;

use super::*;
use crate::simulated::{Scheme, SimulatedParticles, phantom};
use crate::{
    NoiseModel, Observe, ParticleSource, Placement, PosteriorOptions, Reference, angle_between,
    log_likelihood, posterior,
};

const BAND: usize = 6;

fn particles(count: usize, signal_to_noise: f64) -> (SimulatedParticles, Vec<Whitened>, Reference) {
    let scheme = Scheme {
        particles: count,
        box_size: 32,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 2.0,
        seed: 21,
    };
    let map = phantom(32, 1);
    let particles = SimulatedParticles::new(std::slice::from_ref(&map), scheme);
    let noise = NoiseModel {
        shells: vec![vec![particles.noise_power(); 11]],
        ..NoiseModel::default()
    };
    let wanted = Observe {
        band: 10,
        mask: None,
    };
    let observe = |i| noise.whiten(&particles.observe(i, &wanted).unwrap());
    let data = (0..count).map(observe).collect();
    (particles, data, Reference::new(&map, 32).unwrap())
}

fn grid(order: u8) -> SearchGrid {
    let perturbation = DQuat::from_rotation_x(0.05);
    SearchGrid::global(order, Symmetry::Cyclic(1), perturbation, 2.0, 2.0, BAND)
}

#[test]
fn scores_are_log_posteriors() {
    let (_, data, reference) = particles(3, 0.2);
    let grid = grid(1);
    let priors = vec![
        Prior::about(DVec3::new(0.5, -0.25, 0.0), 2.0),
        Prior::default(),
        Prior {
            class_log_weights: vec![0.0, -2.5],
            rotation: Some(crate::RotationPrior {
                centre: DQuat::from_rotation_z(0.4),
                deviation: 0.8,
            }),
            ..Prior::default()
        },
    ];
    let dictionary = Dictionary::new(&reference, &grid, 1);
    let found = search(
        &[dictionary],
        &grid,
        &data,
        &priors,
        &SearchOptions::default(),
    )
    .unwrap();
    for ((found, data), prior) in found.iter().zip(&data).zip(&priors) {
        let mut all = Vec::new();
        for rotation in &grid.rotations {
            for shift in &grid.shifts {
                let placement = Placement {
                    rotation: *rotation,
                    shift: prior.shift + *shift,
                };
                let likelihood = log_likelihood(&reference, data, &placement, BAND);
                all.push(likelihood + prior.of(1, &placement));
            }
        }
        let best = all.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        let sum: f64 = all.iter().map(|v| (v - best).exp()).sum();
        let square: f64 = all.iter().map(|v| (2.0 * (v - best)).exp()).sum();
        assert!((found.log_evidence - best - sum.ln()).abs() < 0.01);
        assert!((found.effective / (sum * sum / square) - 1.0).abs() < 0.02);
        let near = all.iter().filter(|v| **v > best - 11.9).count();
        assert!(
            found.entries.len() >= near,
            "{} {near}",
            found.entries.len()
        );
        for entry in &found.entries {
            let index = entry.rotation as usize * grid.shifts.len() + entry.shift as usize;
            assert!((f64::from(entry.log_posterior) - all[index]).abs() < 0.01);
        }
        let order = found.entries.windows(2);
        assert!(
            order
                .into_iter()
                .all(|w| w[0].log_posterior >= w[1].log_posterior)
        );
    }
}

#[test]
fn search_and_polishing_find_the_truth() {
    let (particles, data, reference) = particles(24, 1.0);
    let grid = grid(2);
    let dictionary = [Dictionary::new(&reference, &grid, 0)];
    let priors = vec![Prior::about(DVec3::ZERO, 2.0); data.len()];
    let options = SearchOptions::default();
    let found = search(&dictionary, &grid, &data, &priors, &options).unwrap();
    let bands = PosteriorOptions::bands(BAND, 10);
    let references = [reference];
    for (i, found) in found.iter().enumerate() {
        let candidates = candidates(&grid, found, &priors[i], 8);
        let posterior = posterior(&references, &data[i], &candidates, &priors[i], &bands);
        let (best, truth) = (posterior.best().placement, particles.truth[i]);
        let angle = angle_between(best.rotation, truth.rotation).to_degrees();
        let shift = best.shift.distance(truth.shift);
        assert!(
            angle < 12.0 && shift < 1.0,
            "particle {i}: {angle}°, {shift} voxels"
        );
    }
}

#[test]
fn neither_threads_nor_blocks_nor_capacity_change_the_best() {
    nothing_changes(&grid(1));
    let octahedral: Symmetry = "O".parse().unwrap();
    let few = SearchGrid::global(1, octahedral, DQuat::IDENTITY, 0.0, 1.0, BAND);
    assert!((1..80).contains(&few.rotations.len()));
    nothing_changes(&few);
}

fn nothing_changes(grid: &SearchGrid) {
    let (_, data, reference) = particles(7, 0.1);
    let dictionary = [Dictionary::new(&reference, grid, 0)];
    let priors = vec![Prior::about(DVec3::ZERO, 2.0); data.len()];
    let options = SearchOptions::default();
    let run = |threads: usize, options: &SearchOptions| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| search(&dictionary, grid, &data, &priors, options).unwrap())
    };
    let first = run(1, &options);
    assert_eq!(first, run(3, &options));
    let few = SearchOptions {
        entries: 10,
        ..options
    };
    for (many, few) in first.iter().zip(&run(2, &few)) {
        let length = many.entries.len().min(10);
        assert_eq!(many.entries[..length], few.entries[..]);
        assert_eq!(many.log_evidence, few.log_evidence);
    }
    let split = SearchOptions {
        particles: 3,
        ..options
    };
    assert_eq!(first, run(2, &split));
    let alone = |i: usize| {
        let (one, prior) = (&data[i..=i], &priors[i..=i]);
        search(&dictionary, grid, one, prior, &options).unwrap()
    };
    assert_eq!(first[4..5], alone(4));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_, data, reference) = particles(1, 0.2);
    let (grid, other) = (
        grid(0),
        SearchGrid {
            band: 4,
            ..self::grid(0)
        },
    );
    let dictionary = [Dictionary::new(&reference, &other, 0)];
    let options = SearchOptions::default();
    let one = [Prior::default()];
    assert!(search(&dictionary, &grid, &data, &one, &options).is_err());
    assert!(search(&[], &grid, &data, &one, &options).is_err());
    let dictionary = [Dictionary::new(&reference, &grid, 0)];
    assert!(search(&dictionary, &grid, &data, &[], &options).is_err());
    let narrow = SearchGrid {
        band: 12,
        ..grid.clone()
    };
    let dictionary = [Dictionary::new(&reference, &narrow, 0)];
    let refused = search(&dictionary, &narrow, &data, &one, &options).unwrap_err();
    assert!(refused.to_string().contains("band 10"), "{refused}");
}

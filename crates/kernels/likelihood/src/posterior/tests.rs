//! Stated covariances and weights of modes against the errors that simulated particles really have.

use glam::{DQuat, DVec3};

use super::*;
use crate::simulated::{Scheme, SimulatedParticles, phantom};
use crate::{NoiseModel, Observe, ParticleSource, angle_between};

const N: usize = 32;
const BAND: usize = 13;

fn simulated(
    map: &[f32],
    count: usize,
    signal_to_noise: f64,
) -> (SimulatedParticles, Vec<Whitened>) {
    let scheme = Scheme {
        particles: count,
        box_size: N,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 2.0,
        seed: 77,
    };
    let particles = SimulatedParticles::new(&[map.to_vec()], scheme);
    // White noise whose power falls with the density of tilts, known exactly.
    let wanted = Observe {
        band: BAND,
        mask: None,
    };
    let first = particles.observe(0, &wanted).unwrap();
    let relative = |p: &[f32; 3]| (0.3 * p[0].hypot(p[2])).max(1.0).recip();
    let shape = first.geometry.positions.iter().map(relative).collect();
    let noise = NoiseModel {
        shells: vec![vec![particles.noise_power(); BAND + 1]],
        shapes: [(first.geometry.label, shape)].into(),
    };
    let observe = |i| noise.whiten(&particles.observe(i, &wanted).unwrap());
    let data = (0..count).map(observe).collect();
    (particles, data)
}

fn start(truth: &Placement, index: usize) -> Candidate {
    let x: [f64; 6] = std::array::from_fn(|k| ((7 * index + k) as f64 * 1.7).sin());
    let step: [f64; 6] = std::array::from_fn(|k| x[k] * if k < 3 { 0.07 } else { 0.5 });
    Candidate {
        class: 0,
        placement: truth.moved(&step),
    }
}

/// Mean of (x − x̂)ᵀ Σ⁻¹ (x − x̂), root mean square angle and shift.
fn errors(signal_to_noise: f64, count: usize) -> [f64; 3] {
    let map = phantom(N, 1);
    let (particles, data) = simulated(&map, count, signal_to_noise);
    let reference = [Reference::new(&map, N).unwrap()];
    let options = PosteriorOptions::bands(BAND, BAND);
    let mut sums = [0.0; 3];
    for (i, data) in data.iter().enumerate() {
        let truth = particles.truth[i];
        let found = posterior(
            &reference,
            data,
            &[start(&truth, i)],
            &Prior::default(),
            &options,
        );
        let mode = found.best();
        let away = difference(&truth, &mode.placement);
        let factor = crate::matrix6::cholesky(&mode.covariance).unwrap();
        let solved = crate::matrix6::solve(&factor, &away);
        sums[0] += (0..6).map(|k| away[k] * solved[k]).sum::<f64>();
        sums[1] += away[..3].iter().map(|v| v * v).sum::<f64>();
        sums[2] += away[3..].iter().map(|v| v * v).sum::<f64>();
    }
    let mean = sums.map(|s| s / count as f64);
    [mean[0], mean[1].sqrt().to_degrees(), mean[2].sqrt()]
}

#[test]
fn stated_covariances_are_those_of_the_errors() {
    for signal_to_noise in [100.0, 10.0, 1.0, 0.3] {
        let [normalised, angle, shift] = errors(signal_to_noise, 150);
        println!("SNR {signal_to_noise}: {normalised:.2} of 6, {angle:.2}°, {shift:.3} voxels");
        assert!(
            (normalised / 6.0 - 1.0).abs() < 0.2,
            "SNR {signal_to_noise}: {normalised}"
        );
    }
}

/// A map that a half turn about z nearly brings to itself.
fn nearly_twofold(asymmetry: f32) -> Vec<f32> {
    let map = phantom(N, 4);
    let half = N / 2;
    let mirrored = |i: usize| {
        let turn = |c: usize| (2 * half - c) % N;
        (i / N / N * N + turn(i / N % N)) * N + turn(i % N)
    };
    (0..N * N * N)
        .map(|i| (0.5 + asymmetry) * map[i] + (0.5 - asymmetry) * map[mirrored(i)])
        .collect()
}

#[test]
fn weights_of_competing_modes_are_calibrated() {
    let map = nearly_twofold(0.015);
    let count = 120;
    let (particles, data) = simulated(&map, count, 1.0);
    let reference = [Reference::new(&map, N).unwrap()];
    let options = PosteriorOptions::bands(6, BAND);
    let (mut expected, mut variance, mut hits) = (0.0, 0.0, 0.0);
    for (i, data) in data.iter().enumerate() {
        let truth = particles.truth[i];
        let near = start(&truth, i);
        let other = Candidate {
            placement: Placement {
                rotation: near.placement.rotation * DQuat::from_rotation_z(std::f64::consts::PI),
                ..near.placement
            },
            ..near
        };
        let found = posterior(
            &reference,
            data,
            &[other, near],
            &Prior::default(),
            &options,
        );
        let total: f64 = found.modes.iter().map(|m| m.weight).sum();
        assert!((total - 1.0).abs() < 1e-12);
        let best = found.best();
        expected += best.weight;
        variance += best.weight * (1.0 - best.weight);
        hits += f64::from(u8::from(
            angle_between(best.placement.rotation, truth.rotation) < 0.5,
        ));
    }
    println!(
        "best mode right {hits} of {count}, stated {expected:.1} ± {:.1}",
        variance.sqrt()
    );
    assert!(variance > 4.0, "ambiguous enough to tell: {variance}");
    assert!((hits - expected).abs() < 3.0 * variance.sqrt());
}

#[test]
fn what_the_data_do_not_determine_is_said() {
    // A body of revolution about z: nothing tells the turn about its axis.
    let at = |i: usize| i as f64 - (N / 2) as f64;
    let map: Vec<f32> = (0..N * N * N)
        .map(|i| {
            let (x, y, z) = (at(i % N), at(i / N % N), at(i / N / N));
            (-(x * x + y * y) / 18.0 - (z - 1.0).powi(2) / 60.0 + z / 12.0).exp() as f32
        })
        .collect();
    let (particles, data) = simulated(&map, 4, 0.02);
    let reference = Reference::new(&map, N).unwrap();
    for (truth, data) in particles.truth.iter().zip(&data) {
        let options = PolishOptions::default();
        let found = polish(&reference, data, truth, BAND, &Prior::default(), &options);
        assert!(!found.positive_definite);
        let axis = truth.rotation * DVec3::Z;
        let along: f64 = (0..3)
            .map(|k| {
                (0..3)
                    .map(|l| axis[k] * found.covariance[k][l] * axis[l])
                    .sum::<f64>()
            })
            .sum();
        assert!((0.5..1.1).contains(&along), "{along}");
    }
}

#[test]
fn junk_has_a_posterior_too() {
    let map = phantom(N, 1);
    let (_, mut data) = simulated(&map, 2, 1e-7);
    let reference = [Reference::new(&map, N).unwrap()];
    let candidate = Candidate {
        class: 0,
        placement: Placement::default(),
    };
    let prior = Prior::about(DVec3::ZERO, 2.0);
    let options = PosteriorOptions::bands(6, BAND);
    let noise = posterior(
        &reference,
        &data[0],
        &[candidate, candidate],
        &prior,
        &options,
    );
    assert_eq!(noise.modes.len(), 1);
    data[1].products.fill(num_complex::Complex32::default());
    data[1].weights.fill(0.0);
    let nothing = posterior(&reference, &data[1], &[candidate], &prior, &options);
    let mode = nothing.best();
    assert_eq!(mode.weight, 1.0);
    assert!(mode.log_posterior.abs() < 1e-9);
    // What is left is the prior: σ = 2 voxels, and a turn of 1 rad.
    assert!(
        (mode.covariance[4][4] - 4.0).abs() < 0.5 && (mode.covariance[0][0] - 1.0).abs() < 1e-6
    );
}

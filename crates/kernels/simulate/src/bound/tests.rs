//! The bound against a simulated average in Fourier space.

use super::*;
use crate::phantom::Gaussian;
use crate::{Phantom, SimulationOptions};
use rand::RngExt;
use rand_distr::StandardNormal;
use thon_compute::random::ChaCha8Rng;
use thon_compute::seed_stream;
use thon_geometry::Point;
use thon_geometry::glam::DVec3;
use thon_units::{Degrees, Dose};

fn phantom() -> Phantom {
    let mut random = seed_stream(5, "phantom", 0);
    let mut uniform = || 60.0 * (random.random::<f64>() - 0.5);
    let points: Vec<Gaussian> = (0..80)
        .map(|_| Gaussian {
            position: Point::new(uniform(), uniform(), uniform()),
            weight: 4000.0,
            sigma: Angstrom(3.0),
        })
        .collect();
    Phantom::from_gaussians(points).unwrap()
}

fn options() -> SimulationOptions {
    SimulationOptions {
        image_width: 400,
        image_height: 400,
        pixel_size: PixelSize(4.0),
        tilt_step: Degrees(6.0),
        dose_per_tilt: Dose(5.0),
        particles: 60,
        ice_thickness: Angstrom(400.0),
        defocus: Angstrom(15000.0),
        ..SimulationOptions::default()
    }
}

/// Sums Σ A·X/N and Σ A²/N of one particle's planes into the nearest voxels of a `[size; 3]` transform.
fn insert(
    simulation: &Simulation,
    row: usize,
    size: i64,
    random: &mut ChaCha8Rng,
    sums: &mut [[f64; 3]],
) {
    let edge = size as f64 * simulation.options.pixel_size.0;
    let pose = simulation.particles.poses[row];
    for (tilt, image) in simulation.tilt_series.images.iter().enumerate() {
        let geometry = image.geometry.unwrap();
        let back = (geometry.matrix() * pose.rotation.matrix()).transpose();
        let depth = geometry.project(pose.position).depth;
        for ky in 1 - size / 2..size / 2 {
            for kx in 1 - size / 2..size / 2 {
                let voxel = (back * DVec3::new(kx as f64, ky as f64, 0.0)).round();
                if voxel.abs().max_element() > (size / 2 - 1) as f64 {
                    continue;
                }
                let (x, y) = (kx as f64 / edge, ky as f64 / edge);
                let transfer = simulation.image_transfer(tilt, depth, x, y);
                // Noise alone: signal and noise are independent, so their powers are compared.
                let sigma = (0.5 * transfer.noise * edge * edge).sqrt();
                let mut deviate = || random.sample::<f64, _>(StandardNormal) * sigma;
                let weight = transfer.amplitude / transfer.noise;
                let index = |v: f64| (v as i64).rem_euclid(size) as usize;
                let n = size as usize;
                let cell = (index(voxel.z) * n + index(voxel.y)) * n + index(voxel.x);
                sums[cell][0] += weight * deviate();
                sums[cell][1] += weight * deviate();
                sums[cell][2] += weight * transfer.amplitude;
            }
        }
    }
}

#[test]
fn the_noise_of_a_real_average_is_the_predicted_one() {
    let simulation = Simulation::prepare("TS", &options(), &phantom(), 11).unwrap();
    let size = 32;
    let bound = ResolutionBound::of(&[&simulation], size, PixelSize(4.0), None);
    let mut random = seed_stream(1, "noise", 0);
    let mut sums = vec![[0.0; 3]; size * size * size];
    for row in 0..simulation.particles.len() {
        insert(&simulation, row, size as i64, &mut random, &mut sums);
    }
    let mut shells = vec![(0.0, 0); size];
    for (cell, [re, im, weight]) in sums.iter().enumerate() {
        let centred = |i: usize| {
            if i < size / 2 {
                i as f64
            } else {
                i as f64 - size as f64
            }
        };
        let k = DVec3::new(
            centred(cell % size),
            centred(cell / size % size),
            centred(cell / size / size),
        );
        let shell = k.length().round() as usize;
        if *weight > 0.0 {
            shells[shell].0 += (re * re + im * im) / (weight * weight);
            shells[shell].1 += 1;
        }
    }
    let shells = shells.iter().zip(&bound.noise_power).take(14).skip(4);
    let ratios: Vec<f64> = shells
        .map(|((sum, count), expected)| sum / f64::from(*count) / expected)
        .collect();
    // Uneven coverage costs a few per cent (about 900 planes, 1/(2·shell) of them at a voxel); CTF zeros cost more.
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((0.95..1.25).contains(&mean), "{mean}: {ratios:?}");
    assert!(ratios.iter().all(|r| (0.85..1.6).contains(r)), "{ratios:?}");
}

#[test]
fn the_curves_are_those_of_the_formula() {
    let bound = ResolutionBound {
        frequency: vec![0.0, 0.01, 0.02, 0.03],
        signal_power: vec![1.0, 1.0, 1.0, 1.0],
        noise_power: vec![0.01, 1.0, 3.0, 30.0],
    };
    let curve = bound.fsc_with_truth();
    assert!((curve[1] - 0.5f64.sqrt()).abs() < 1e-12 && (curve[2] - 0.5).abs() < 1e-12);
    assert!((bound.fsc_of_halves()[1] - 1.0 / 3.0).abs() < 1e-12);
    assert!((bound.resolution(0.5 - 1e-9).unwrap().0 - 50.0).abs() < 1e-3);
    assert_eq!(bound.resolution(0.01), None);
}

#[test]
fn more_particles_and_a_tighter_mask_go_further() {
    let few = Simulation::prepare(
        "few",
        &SimulationOptions {
            particles: 5,
            ..options()
        },
        &phantom(),
        2,
    );
    let many = Simulation::prepare("many", &options(), &phantom(), 2);
    let (few, many) = (few.unwrap(), many.unwrap());
    let bound = |s: &Simulation, mask| ResolutionBound::of(&[s], 32, PixelSize(4.0), mask);
    let snr = |b: &ResolutionBound| b.spectral_snr()[6];
    let ratio = snr(&bound(&many, None)) / snr(&bound(&few, None));
    assert!((9.0..15.0).contains(&ratio), "{ratio}");
    let masked = snr(&bound(&many, Some(4.0f64.powi(3) * 4096.0))) / snr(&bound(&many, None));
    assert!((masked - 8.0).abs() < 1e-9);
}

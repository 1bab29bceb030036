//! Maps from sums: the truth, the scale of noise and prior, symmetry, half sets.

use ndarray::Array3;
use thon_geometry::Symmetry;
use thon_signal::fft::Fft3;
use thon_signal::shells::{joined_fsc, shell_power};

use super::*;
use crate::half_space::GriddingResponse;

/// Power by shell of a map.
fn power(map: &[f32], n: usize) -> Vec<f64> {
    let map = Array3::from_shape_vec((n, n, n), map.to_vec()).unwrap();
    shell_power(&Fft3::plan([n; 3]).forward(&map), [n; 3]).mean()
}

#[test]
fn the_map_is_the_truth() {
    for (n, band) in [(32, 16), (33, 16), (32, 10)] {
        let truth = white(n, 1);
        let sums = sums_of(n, band, 1e-7, &particles(&truth, n, band, 40, 1e-7));
        let map = sums.solve(&Regulariser::none()).unwrap();
        let fsc = fsc(&map, &truth, n);
        let least = fsc[1..band].iter().fold(1.0_f64, |a, b| a.min(*b));
        assert!(least > 0.99, "box {n} band {band}: {fsc:?}");
        // On one scale, too.
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let pairs = a.iter().zip(b);
            pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let scale = dot(&map, &truth) / dot(&map, &map);
        assert!((scale - 1.0).abs() < 0.02, "box {n}: scale {scale}");
    }
}

/// The noise of an unregularised map has the power that the weights say: the factor of the padding is right.
#[test]
fn the_noise_of_the_map_is_what_the_weights_say() {
    let (n, band) = (32, 12);
    let particles = particles(&vec![0.0; n * n * n], n, band, 60, 40.0);
    let sums = sums_of(n, band, 40.0, &particles);
    let map = sums.solve(&Regulariser::none()).unwrap();
    let weights = sums.shell_weights();
    let ratios: Vec<f64> = (3..band).map(|s| power(&map, n)[s] * weights[s]).collect();
    assert!(ratios.iter().all(|r| (0.75..1.3).contains(r)), "{ratios:?}");
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((mean - 1.0).abs() < 0.06, "{mean}: {ratios:?}");
}

/// Wiener: with equal weights in a shell the map is multiplied by W/(W + 1/(padding³·τ²)), from the first shell on.
#[test]
fn the_prior_is_a_wiener_filter() {
    let (n, band) = (24, 12);
    let volume = FourierVolume::new(&white(n, 3), n, 2).unwrap();
    let positions = lattice(band);
    let weight = 0.75_f32;
    let value = |q: &[f32; 3]| volume.value(DVec3::from_array(q.map(f64::from))) * weight;
    let particle = Particle {
        products: positions.iter().map(value).collect(),
        weights: vec![weight; positions.len()],
        positions,
        placements: vec![WeightedPlacement {
            rotation: DQuat::IDENTITY,
            shift: DVec3::ZERO,
            weight: 1.0,
        }],
    };
    let sums = sums_of(n, band, 1.0, &[particle]);
    let tau2: Vec<f64> = (0..=band).map(|shell| 0.5 / (1 + shell) as f64).collect();
    let regulariser = Regulariser {
        tau2: Some(tau2.clone()),
        first_shell: 3,
        weight_floor: 1e-9,
    };
    let plain = Regulariser {
        tau2: None,
        ..regulariser.clone()
    };
    let response = GriddingResponse::new(n, 2);
    let spectrum = |regulariser: &Regulariser| {
        let map = sums.solve(regulariser).unwrap();
        let at = |i: usize| [i / n / n, i / n % n, i % n];
        let even: Vec<f32> = (0..map.len())
            .map(|i| map[i] * response.at(at(i)))
            .collect();
        power(&even, n)
    };
    let (with, without) = (spectrum(&regulariser), spectrum(&plain));
    for shell in 1..band {
        let weight = f64::from(weight);
        let expected = if shell < 3 {
            1.0
        } else {
            weight / (weight + 1.0 / (8.0 * tau2[shell]))
        };
        let found = (with[shell] / without[shell]).sqrt();
        assert!(
            (found / expected - 1.0).abs() < 1e-4,
            "shell {shell}: {found}, not {expected}"
        );
    }
}

/// T and the padding in the gold standard: SSNR/(SSNR + 1/T) times the unregularised map where weights are even.
#[test]
fn the_gold_standard_prior_is_the_ratio_of_signal_to_noise() {
    let tau2 = gold_standard_tau2(
        &[1.0, 0.5, -0.2, f64::NAN, 0.5],
        &[2.0, 2.0, 2.0, 2.0, 0.0],
        2.0,
    );
    let expected = [
        2.0 * 0.999 / 0.001 / 2.0,
        1.0,
        0.001 / 0.999,
        0.001 / 0.999,
        0.0,
    ];
    for (found, expected) in tau2.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-9 * expected.max(1.0),
            "{found} {expected}"
        );
    }
    assert_eq!(data_over_prior(&[2.0, 3.0], &[0.5, 2.0]), [1.0, 6.0]);
    assert_eq!(class_tau2(&[2.0, 3.0], 4.0), [8.0, 12.0]);
}

/// Noisy half sets: the regularised map of both is nearer to the truth than the plain one, and joined shells agree.
#[test]
fn half_sets_say_how_much_to_trust() {
    let (n, band) = (32, 15);
    let truth = white(n, 2);
    let noise = 60.0 * power(&truth, n)[8];
    let particles = particles(&truth, n, band, 80, noise);
    let mut a = sums_of(n, band, noise, &particles[..40]);
    let mut b = sums_of(n, band, noise, &particles[40..]);
    let found = a.correlation(&b).unwrap();
    let plain = Regulariser::none();
    let slow = fsc(&a.solve(&plain).unwrap(), &b.solve(&plain).unwrap(), n);
    assert!(found.len() == band + 1 && found[2..] == slow[2..=band]);
    let mut both = a.clone();
    both.add(&b).unwrap();
    let joined: Vec<f64> = found.iter().map(|fsc| joined_fsc(fsc.max(0.0))).collect();
    let tau2 = gold_standard_tau2(&joined, &both.shell_weights(), 1.0);
    let error = |map: Vec<f32>| -> f64 {
        let pairs = map.iter().zip(&truth);
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let regularised = error(both.solve(&Regulariser::tau2(tau2)).unwrap());
    let unregularised = error(both.solve(&plain).unwrap());
    assert!(
        regularised < 0.95 * unregularised,
        "{regularised} {unregularised}"
    );

    ExpectedSums::join_below(&mut a, &mut b, 6).unwrap();
    let joined = a.correlation(&b).unwrap();
    assert!(joined[1..5].iter().all(|fsc| *fsc > 0.8), "{joined:?}");
    assert!((8..band).all(|s| (joined[s] - found[s]).abs() < 1e-2));
    let centre = |sums: &ExpectedSums| sums.elements[sums.space().index(3, 4, -5)];
    let edge = |sums: &ExpectedSums| sums.elements[sums.space().index(13, 0, 0)];
    assert!(centre(&a) == centre(&b) && edge(&a) != edge(&b));
}

/// Symmetrised sums give the map of particles that were inserted in all orientations that look alike.
#[test]
fn symmetry_is_expansion() {
    let (n, band) = (32, 13);
    let rotations = "D3".parse::<Symmetry>().unwrap().rotations();
    let mut particles = particles(&white(n, 5), n, band, 30, 0.1);
    let mut sums = sums_of(n, band, 0.1, &particles);
    sums.symmetrise(&rotations).unwrap();
    for particle in &mut particles {
        let placement = particle.placements[0];
        let turned = rotations.iter().map(|s| WeightedPlacement {
            rotation: placement.rotation * *s,
            ..placement
        });
        particle.placements = turned.collect();
    }
    let expanded = sums_of(n, band, 0.1, &particles);
    for (shell, (a, b)) in sums
        .shell_weights()
        .iter()
        .zip(expanded.shell_weights())
        .enumerate()
    {
        if shell > 1 && shell < band {
            assert!((a / b - 1.0).abs() < 0.02, "shell {shell}: {a} {b}");
        }
    }
    let plain = Regulariser::none();
    let fsc = fsc(
        &sums.solve(&plain).unwrap(),
        &expanded.solve(&plain).unwrap(),
        n,
    );
    let least = fsc[1..band - 1].iter().fold(1.0_f64, |a, b| a.min(*b));
    assert!(least > 0.97, "{fsc:?}");
}

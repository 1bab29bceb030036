//! Gains at stated frequencies, waves kept and stopped, point spread of a B factor, whitening.

use ndarray::Array3;

use super::*;
use crate::fft::Fft3;
use crate::shells::shell_power;
use crate::testing::{in_pool, noise3};

#[test]
fn gains_have_their_stated_values() {
    let step = RadialFilter::LowPass {
        cutoff: 0.1,
        edge: Edge::RaisedCosine(0.0),
    };
    assert_eq!(
        [step.gain(0.0999), step.gain(0.1), step.gain(0.1001)],
        [1.0, 1.0, 0.0]
    );
    let soft = Edge::Gaussian(0.02);
    let band = RadialFilter::BandPass {
        low: 0.05,
        high: 0.1,
        edge: soft,
    };
    let fall = (-0.5_f64).exp();
    for (k, expected) in [(0.03, fall), (0.05, 1.0), (0.1, 1.0), (0.12, fall)] {
        assert!((band.gain(k) - expected).abs() < 1e-12, "{k}");
    }
    let pair = |k| {
        let edge = Edge::RaisedCosine(0.04);
        RadialFilter::LowPass { cutoff: 0.1, edge }.gain(k)
            + RadialFilter::HighPass { cutoff: 0.1, edge }.gain(k)
    };
    assert!((0..50).all(|i| (pair(f64::from(i) * 0.005) - 1.0).abs() < 1e-12));
    assert!((RadialFilter::BFactor(100.0).gain(0.2) - (-1.0_f64).exp()).abs() < 1e-12);
    let curve = RadialFilter::Curve(vec![(0.1, 2.0), (0.2, 4.0)]);
    assert!(
        [(0.0, 2.0), (0.15, 3.0), (0.2, 4.0), (1.0, 4.0)]
            .iter()
            .all(|&(k, g)| (curve.gain(k) - g).abs() < 1e-12)
    );
    assert_eq!(RadialFilter::Curve(Vec::new()).gain(0.3), 1.0);
}

#[test]
fn a_low_pass_keeps_a_slow_wave_and_stops_a_fast_one() {
    let wave = |cycles: f64| {
        Array3::from_shape_fn((16, 20, 24), |(_, y, _)| {
            (2.0 * std::f64::consts::PI * cycles * y as f64 / 20.0).cos() as f32
        })
    };
    let low = [RadialFilter::LowPass {
        cutoff: 0.1,
        edge: Edge::RaisedCosine(0.02),
    }];
    // Voxels of 2 Å: 2 cycles in 40 Å are 0.05/Å, 6 are 0.15/Å.
    let result = apply_filters3(&(&wave(2.0) + &wave(6.0)), 2.0, &low);
    assert!(
        result
            .iter()
            .zip(&wave(2.0))
            .all(|(a, b)| (a - b).abs() < 1e-5)
    );
}

#[test]
fn blurring_and_sharpening_cancel_in_two_dimensions_too() {
    let image = noise3([1, 30, 33], 4).index_axis_move(ndarray::Axis(0), 0);
    let there = apply_filters2(&image, 1.5, &[RadialFilter::BFactor(40.0)]);
    let back = apply_filters2(&there, 1.5, &[RadialFilter::BFactor(-40.0)]);
    assert!(back.iter().zip(&image).all(|(a, b)| (a - b).abs() < 1e-3));
    assert!(there.iter().zip(&image).any(|(a, b)| (a - b).abs() > 0.1));
}

#[test]
fn a_gaussian_point_spread_has_the_width_its_b_factor_says() {
    // exp(−B k²/4) is a real-space Gaussian of variance B/(8π²).
    let mut volume = Array3::zeros((32, 32, 32));
    volume[[16, 16, 16]] = 1.0_f32;
    let blurred = apply_filters3(&volume, 1.0, &[RadialFilter::BFactor(400.0)]);
    let variance: f64 = blurred
        .indexed_iter()
        .map(|((_, _, x), &v)| f64::from(v) * (x as f64 - 16.0).powi(2))
        .sum();
    let expected = 400.0 / (8.0 * std::f64::consts::PI.powi(2));
    assert!(
        (variance - expected).abs() < 1e-3 * expected,
        "{variance} {expected}"
    );
}

#[test]
fn whitening_flattens_every_shell() {
    let dims = [32, 36, 32];
    let coloured = apply_filters3(&noise3(dims, 1), 1.0, &[RadialFilter::BFactor(20.0)])
        .mapv(|v| v * 7.0 + 3.0);
    let power = shell_power(&Fft3::plan(dims).forward(&whiten3(&coloured)), dims);
    let level = (32 * 36 * 32) as f64;
    assert!(power.sum[0].abs() < 1e-6 * level);
    assert!(
        power.mean()[2..]
            .iter()
            .all(|p| (p / level - 1.0).abs() < 0.2),
        "{:?}",
        power.mean()
    );
    assert!((power.mean()[10] / level - 1.0).abs() < 0.03);
    assert!(
        whiten3(&Array3::from_elem((4, 4, 4), 2.0))
            .iter()
            .all(|v| v.abs() < 1e-6)
    );
}

#[test]
fn shell_gains_are_interpolated_and_continue() {
    let dims = [8, 8, 8];
    let mut ones = Array3::from_elem((8, 8, 5), crate::fft::Complex32::new(1.0, 0.0));
    multiply_shell_gain(&mut ones, dims, &[0.0, 1.0, 3.0]);
    assert_eq!(
        [ones[[0, 0, 1]].re, ones[[0, 0, 2]].re, ones[[4, 4, 4]].re],
        [1.0, 3.0, 3.0]
    );
    assert!((f64::from(ones[[0, 1, 1]].re) - (1.0 + 2.0 * (2.0_f64.sqrt() - 1.0))).abs() < 1e-6);
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let volume = noise3([20, 22, 24], 1);
    let filters = [
        RadialFilter::BFactor(30.0),
        RadialFilter::HighPass {
            cutoff: 0.05,
            edge: Edge::Gaussian(0.01),
        },
    ];
    let results = [1, 2, 4].map(|n| {
        in_pool(n, || {
            (apply_filters3(&volume, 1.0, &filters), whiten3(&volume))
        })
    });
    assert!(results.iter().all(|result| *result == results[0]));
}

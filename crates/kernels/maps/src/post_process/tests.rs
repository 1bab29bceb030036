//! Post-processing against maps whose signal, noise and B factor are known.

use ndarray::Array3;
use thon_compute::seed_stream;
use thon_model::{Map, Mask};
use thon_signal::fft::Fft3;
use thon_units::{Angstrom, PixelSize, SquareAngstrom};

use super::*;

const N: usize = 48;
const VOXEL: f64 = 2.0;

/// White noise under exp(−B k²/4), scaled.
fn noise(seed: u64, b_factor: f64, scale: f32) -> Array3<f32> {
    use rand::RngExt;
    let mut rng = seed_stream(seed, "test", 0);
    let white = Array3::from_shape_simple_fn((N, N, N), || {
        scale * (0..12).map(|_| rng.random_range(-0.5f32..0.5)).sum::<f32>()
    });
    let plan = Fft3::plan([N; 3]);
    let mut spectrum = plan.forward(&white);
    shell_filter(&mut spectrum, [N; 3], |f, _| {
        (-b_factor * (f / VOXEL).powi(2) / 4.0).exp()
    });
    plan.inverse(&spectrum)
}

fn map(data: Array3<f32>) -> Map {
    Map::new(data, PixelSize(VOXEL))
}

fn full_mask() -> Mask {
    Mask(map(Array3::ones((N, N, N))))
}

/// Half maps: one signal falling with `b_factor`, independent white noise.
fn halves(b_factor: f64, noise_scale: f32) -> [Map; 2] {
    let signal = noise(1, b_factor, 1.0);
    [2, 3].map(|seed| map(&signal + &noise(seed, 0.0, noise_scale)))
}

#[test]
fn the_b_factor_of_the_signal_comes_back() {
    let [a, b] = halves(150.0, 0.02);
    let result =
        post_process([&a, &b], &full_mask(), None, &PostProcessOptions::default()).unwrap();
    let fit = result.fit.unwrap();
    assert!(
        (result.b_factor.0 + 150.0).abs() < 12.0,
        "{}",
        result.b_factor
    );
    assert!(fit.correlation < -0.98);
}

#[test]
fn the_resolution_is_where_signal_and_noise_say() {
    // FSC = S/(S+N) with S = exp(−B k²/2), N = s²: 0.143 at S/N = 1/6.
    let (b_factor, scale): (f64, f64) = (300.0, 0.05);
    let [a, b] = halves(b_factor, scale as f32);
    let result =
        post_process([&a, &b], &full_mask(), None, &PostProcessOptions::default()).unwrap();
    let k = (-2.0 / b_factor * (scale * scale / 6.0).ln()).sqrt();
    let shell = 1.0 / (N as f64 * VOXEL);
    assert!(
        (1.0 / result.resolution.0 - k).abs() < 1.6 * shell,
        "{} against {}",
        result.resolution,
        1.0 / k
    );
}

#[test]
fn a_tight_mask_does_not_fake_resolution() {
    // Pure noise in both halves beyond a low-resolution signal, seen through a small sphere.
    let [a, b] = halves(3000.0, 0.2);
    let centre = (N / 2) as f64;
    let sphere = Array3::from_shape_fn((N, N, N), |(z, y, x)| {
        let r2 = [z, y, x]
            .iter()
            .map(|&i| (i as f64 - centre).powi(2))
            .sum::<f64>();
        if r2 < 64.0 { 1.0 } else { 0.0 }
    });
    let result = post_process(
        [&a, &b],
        &Mask(map(sphere)),
        None,
        &PostProcessOptions::default(),
    )
    .unwrap();
    let beyond = result.correlation.randomised_from + 4;
    let mean = |curve: &[f64]| curve[beyond..N / 2].iter().sum::<f64>() / (N / 2 - beyond) as f64;
    assert!(mean(&result.correlation.corrected.fsc).abs() < 0.1);
}

#[test]
fn a_given_b_factor_is_applied_as_given() {
    let [a, b] = halves(0.0, 0.01);
    let run = |given: f64| {
        let b_factor = BFactorChoice {
            given: Some(SquareAngstrom(given)),
            ..Default::default()
        };
        let options = PostProcessOptions {
            b_factor,
            low_pass: Some(Angstrom(4.2)),
            ..Default::default()
        };
        post_process([&a, &b], &full_mask(), None, &options).unwrap()
    };
    let slope = |r: &PostProcessed| r.guinier[2].fit(20.0, 5.0).unwrap().slope;
    // A shell holds a range of frequencies, so its mean amplitude is not exactly that of its centre.
    let applied = 4.0 * (slope(&run(-80.0)) - slope(&run(0.0)));
    assert!((applied - 80.0).abs() < 1.0, "{applied}");
}

#[test]
fn dividing_by_the_transfer_function_undoes_it() {
    let [a, b] = halves(100.0, 0.0);
    let plan = Fft3::plan([N; 3]);
    let curve = TransferCurve::new(vec![(0.0, 1.0), (0.5, 0.3)], 1.0).unwrap();
    let blur = |m: &Map| {
        let mut spectrum = plan.forward(&m.data);
        shell_filter(&mut spectrum, [N; 3], |f, _| curve.at(f));
        map(plan.inverse(&spectrum))
    };
    let options = PostProcessOptions {
        low_pass: Some(Angstrom(4.5)),
        ..Default::default()
    };
    let sharp = post_process([&a, &b], &full_mask(), None, &options).unwrap();
    let restored =
        post_process([&blur(&a), &blur(&b)], &full_mask(), Some(&curve), &options).unwrap();
    assert!((sharp.b_factor.0 - restored.b_factor.0).abs() < 0.5);
}

#[test]
fn bad_input_is_named() {
    let [a, b] = halves(100.0, 0.1);
    let options = PostProcessOptions::default();
    let small = map(Array3::ones((8, 8, 8)));
    let error = post_process([&a, &small], &full_mask(), None, &options).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("box sizes (z, y, x) differ: [48, 48, 48] against [8, 8, 8]"),
        "{error}"
    );
    let other = Map::new(b.data.clone(), PixelSize(2.1));
    assert!(
        post_process([&a, &other], &full_mask(), None, &options)
            .unwrap_err()
            .to_string()
            .contains("voxel sizes")
    );
    let black = Mask(map(Array3::zeros((N, N, N))));
    assert!(matches!(
        post_process([&a, &b], &black, None, &options),
        Err(PostProcessError::BlackMask(_))
    ));
    let stranger = map(noise(9, 0.0, 1.0));
    let loner = map(-&stranger.data);
    assert!(matches!(
        post_process([&stranger, &loner], &full_mask(), None, &options),
        Err(PostProcessError::NoAgreement(_))
    ));
}

#[test]
fn doubtful_results_are_told_apart_from_sound_ones() {
    let options = PostProcessOptions {
        b_factor: BFactorChoice {
            fitted: false,
            ..Default::default()
        },
        ..Default::default()
    };
    let doubts = |[a, b]: [Map; 2], mask: &Mask| {
        post_process([&a, &b], mask, None, &options)
            .unwrap()
            .doubts()
    };
    assert_eq!(doubts(halves(300.0, 0.05), &full_mask()), [""; 0]);
    // The halves differ by nothing: signal to the end of the box.
    let never = doubts(halves(50.0, 0.0), &full_mask());
    assert!(never[0].contains("never drops below 0.8"), "{never:?}");
    // A filter applied to both halves alike lets signal and noise vanish together.
    let [a, b] = halves(300.0, 0.05);
    let plan = Fft3::plan([N; 3]);
    let smoothed = [a, b].map(|m| {
        let mut spectrum = plan.forward(&m.data);
        shell_filter(&mut spectrum, [N; 3], |f, _| {
            (-2500.0 * (f / VOXEL).powi(2) / 4.0).exp()
        });
        map(plan.inverse(&spectrum))
    });
    let sirt = doubts(smoothed, &full_mask());
    assert!(sirt[0].contains("SIRT"), "{sirt:?}");
}

#[test]
fn fsc_weights_stop_where_the_signal_stops() {
    assert_eq!(fsc_weights(&[1.0, 1.0, -0.1, 0.5]), [1.0, 1.0, 0.0, 0.0]);
    assert!((fsc_weights(&[1.0, 0.5])[1] - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
}

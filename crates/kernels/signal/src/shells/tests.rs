//! Shell sums against the full spectrum, correlations known by construction, B factors put in and recovered.

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::fft::{Fft3, signed_index};
use crate::testing::{in_pool, noise3};

/// Low-pass by exp(−B k²/4), k in cycles per Å.
fn blurred(volume: &Array3<f32>, b_factor: f64, voxel_size: f64) -> Array3<f32> {
    let (nz, ny, nx) = volume.dim();
    let plan = Fft3::plan([nz, ny, nx]);
    let mut spectrum = plan.forward(volume);
    for ((z, y, x), value) in spectrum.indexed_iter_mut() {
        let k = |i: usize, n: usize| signed_index(i, n) as f64 / n as f64 / voxel_size;
        let square =
            k(z, nz).powi(2) + k(y, ny).powi(2) + (x as f64 / nx as f64 / voxel_size).powi(2);
        *value *= (-b_factor * square / 4.0).exp() as f32;
    }
    plan.inverse(&spectrum)
}

/// 1 inside a ball of `radius` with a cosine edge of `edge` voxels.
fn ball(n: usize, radius: f64, edge: f64) -> Array3<f32> {
    let c = (n / 2) as f64;
    Array3::from_shape_fn((n, n, n), |(z, y, x)| {
        let r = ((z as f64 - c).powi(2) + (y as f64 - c).powi(2) + (x as f64 - c).powi(2)).sqrt();
        let t = ((r - radius) / edge).clamp(0.0, 1.0);
        (0.5 + 0.5 * (std::f64::consts::PI * t).cos()) as f32
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn counts_and_sums_equal_the_full_spectrum(nz in 1_usize..9, ny in 1_usize..9, nx in 1_usize..9, seed: u64) {
        let dims = [nz, ny, nx];
        let n = nz.max(ny).max(nx);
        let volume = noise3(dims, seed);
        let full = crate::fft::ComplexFft3::plan(dims).forward(&volume.mapv(|v| crate::fft::Complex32::new(v, 0.0)));
        let (mut sum, mut count) = (vec![0.0; n / 2 + 1], vec![0_u64; n / 2 + 1]);
        for ((z, y, x), value) in full.indexed_iter() {
            let k = |i, length| signed_index(i, length) as f64 / length as f64 * n as f64;
            let shell = (k(z, nz).powi(2) + k(y, ny).powi(2) + k(x, nx).powi(2)).sqrt().round() as usize;
            if shell <= n / 2 {
                sum[shell] += f64::from(value.norm_sqr());
                count[shell] += 1;
            }
        }
        let power = shell_power(&Fft3::plan(dims).forward(&volume), dims);
        prop_assert_eq!(&power.count, &count);
        prop_assert!(power.sum.iter().zip(&sum).all(|(a, b)| (a - b).abs() < 1e-3 * b.max(1.0)));
        prop_assert_eq!(power.frequency.len(), n / 2 + 1);
    }

    #[test]
    fn randomised_phases_keep_amplitudes_and_stay_real(nz in 1_usize..10, ny in 1_usize..10, nx in 1_usize..10, from in 0_usize..6, seed: u64) {
        let dims = [nz, ny, nx];
        let volume = noise3(dims, seed);
        let plan = Fft3::plan(dims);
        let (before, mut after) = (plan.forward(&volume), plan.forward(&volume));
        randomise_spectrum_phases(&mut after, dims, from, seed);
        let again = plan.forward(&plan.inverse(&after));
        let shells = Shells::new(dims);
        for (index, a) in after.indexed_iter() {
            prop_assert!((a - again[index]).norm() < 1e-4, "not the spectrum of a real field");
            prop_assert!((a.norm() - before[index].norm()).abs() < 1e-4);
            if (shells.radius([index.0, index.1, index.2]).round() as usize) < from {
                prop_assert!((a - before[index]).norm() < 1e-4);
            }
        }
    }
}

#[test]
fn identical_maps_correlate_fully_and_opposite_ones_inversely() {
    let volume = noise3([16, 18, 17], 1);
    assert!(
        fsc(&volume, &volume)
            .fsc
            .iter()
            .all(|c| (c - 1.0).abs() < 1e-9)
    );
    assert!(
        fsc(&volume, &volume.mapv(|v| -3.0 * v))
            .fsc
            .iter()
            .all(|c| (c + 1.0).abs() < 1e-9)
    );
    assert!(
        fsc(&volume, &Array3::zeros((16, 18, 17)))
            .fsc
            .iter()
            .all(|c| *c == 0.0)
    );
}

#[test]
fn independent_noise_correlates_as_chance_has_it() {
    let curve = fsc(&noise3([48, 48, 48], 1), &noise3([48, 48, 48], 2));
    // Half the coefficients are independent, each with two components: σ = 1/√count.
    let z: Vec<f64> = curve
        .fsc
        .iter()
        .zip(&curve.count)
        .skip(1)
        .map(|(c, &n)| c * (n as f64).sqrt())
        .collect();
    let mean_square = z.iter().map(|v| v * v).sum::<f64>() / z.len() as f64;
    assert!(z.iter().all(|v| v.abs() < 4.5), "{z:?}");
    assert!((0.4..2.0).contains(&mean_square), "{mean_square}");
}

#[test]
fn signal_with_noise_correlates_as_its_ratio_says() {
    // FSC = SSNR/(1 + SSNR) for signal of variance 1 and noise of variance 0.5 in each half: 2/3.
    let signal = noise3([40, 40, 40], 1);
    let half = |seed| &signal + &(noise3([40, 40, 40], seed) * 0.5_f32.sqrt());
    let curve = fsc(&half(2), &half(3));
    assert!(
        curve.fsc[8..].iter().all(|c| (c - 2.0 / 3.0).abs() < 0.06),
        "{:?}",
        curve.fsc
    );
    let mean = curve.fsc[8..].iter().sum::<f64>() / (curve.fsc.len() - 8) as f64;
    assert!((mean - 2.0 / 3.0).abs() < 0.015, "{mean}");
}

#[test]
fn resolution_by_rule_and_by_line() {
    let fsc = vec![1.0, 0.9, 0.5, 0.1, 0.6, 0.0];
    let curve = ShellCorrelation {
        frequency: (0..6).map(|s| f64::from(s) / 10.0).collect(),
        count: vec![1; 6],
        fsc,
    };
    assert_eq!(curve.last_shell_above(0.143), 2);
    assert_eq!(curve.resolution(0.143, 2.0), Some(10.0));
    let between = 0.2 + 0.1 * (0.5 - 0.143) / 0.4;
    assert!((curve.interpolated_resolution(0.143, 2.0).unwrap() - 2.0 / between).abs() < 1e-12);
    let broken = ShellCorrelation {
        fsc: vec![1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0],
        ..curve.clone()
    };
    assert_eq!(broken.resolution(0.143, 2.0), None);
    let cut = ShellCorrelation {
        fsc: vec![1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0],
        ..curve.clone()
    };
    assert_eq!(cut.interpolated_resolution(0.143, 2.0), Some(20.0));
    assert_eq!(curve.resolution(0.95, 2.0), None);
    assert_eq!(curve.resolution(-0.1, 2.0), Some(4.0));
    assert_eq!(curve.interpolated_resolution(-0.1, 2.0), Some(4.0));
}

#[test]
fn a_mask_alone_makes_correlation_and_the_correction_takes_it_out() {
    let n = 48;
    let signal = blurred(&noise3([n, n, n], 1), 300.0, 1.0) * &ball(n, 14.0, 4.0);
    let half = |seed| &signal + &(noise3([n, n, n], seed) * 0.02);
    let mask = ball(n, 8.0, 1.0);
    let how = MaskCorrection {
        seed: 7,
        ..MaskCorrection::default()
    };
    let curves = corrected_fsc(&half(2), &half(3), &mask, how);
    let mean = |curve: &ShellCorrelation| {
        curve.fsc[18..].iter().sum::<f64>() / (curve.fsc.len() - 18) as f64
    };
    assert!(mean(&curves.masked) > 0.12, "{:?}", curves.masked.fsc);
    // Far beyond the signal nothing is left but the mask.
    assert!(
        mean(&curves.corrected).abs() < 0.05,
        "{:?}",
        curves.corrected.fsc
    );
    assert_eq!(
        curves.masked.fsc[..curves.randomised_from + 2],
        curves.corrected.fsc[..curves.randomised_from + 2]
    );
    assert!(curves.unmasked.fsc[curves.randomised_from] < 0.8);
    assert!(
        curves.randomised.fsc[1..curves.randomised_from - 1]
            .iter()
            .all(|c| *c > 0.8)
    );
    assert!(curves.corrected.fsc[3] > 0.95);
}

#[test]
fn averaged_randomisations_scatter_less() {
    let n = 32;
    let half = |seed| noise3([n, n, n], seed);
    let mask = ball(n, 8.0, 3.0);
    let scatter = |randomisations| {
        let how = MaskCorrection {
            randomisations,
            ..MaskCorrection::default()
        };
        let curve = corrected_fsc(&half(2), &half(3), &mask, how).randomised.fsc;
        curve[4..].iter().map(|r| r * r).sum::<f64>()
    };
    let ratio = scatter(8) / scatter(1);
    assert!(
        (0.04..0.4).contains(&ratio),
        "expected about 1/8, found {ratio:.2}"
    );
}

#[test]
fn stored_coefficients_weigh_the_plane_of_no_x_twice() {
    // Two waves on shell 4, of equal strength in both volumes: one along x agrees, one along y is reversed.
    let n = 16;
    let wave = |sign: f64| {
        Array3::from_shape_fn((n, n, n), |(_, y, x)| {
            let phase = |i: usize| std::f64::consts::TAU * 4.0 * i as f64 / n as f64;
            (phase(x).cos() + sign * phase(y).cos()) as f32
        })
    };
    let [a, b] = [wave(1.0), wave(-1.0)];
    let whole = fsc(&a, &b);
    let stored = fsc_counting(&a, &b, Counting::Stored);
    assert!(whole.fsc[4].abs() < 1e-6, "{:?}", whole.fsc);
    assert!((stored.fsc[4] + 1.0 / 3.0).abs() < 1e-6, "{:?}", stored.fsc);
    assert!(stored.count[4] < whole.count[4] && stored.count[4] * 2 > whole.count[4]);
}

#[test]
fn the_b_factor_put_in_comes_out() {
    let (dims, voxel_size) = ([64, 64, 64], 1.5);
    for b_factor in [40.0, 90.0] {
        let map = blurred(&noise3(dims, 5), b_factor, voxel_size);
        let curve = guinier_curve(
            &Fft3::plan(dims).forward(&map),
            dims,
            voxel_size,
            Counting::Whole,
        );
        let fit = curve.fit(12.0, 3.2).unwrap();
        assert!((fit.b_factor() - b_factor).abs() < 1.5, "{fit:?}");
        assert!(fit.correlation < -0.99);
        assert!(curve.fit(3.0, 3.1).is_none() && curve.fit(3.2, 12.0).is_none());
    }
    let line = fit_line(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap();
    assert!(
        (line.slope - 2.0).abs() < 1e-12
            && (line.intercept - 1.0).abs() < 1e-12
            && (line.correlation - 1.0).abs() < 1e-12
    );
    assert_eq!(fit_line(&[]), None);
    assert_eq!(fit_line(&[(1.0, 1.0), (1.0, 2.0)]), None);
}

#[test]
fn rings_and_radial_averages() {
    let image = noise3([1, 20, 24], 3).index_axis_move(ndarray::Axis(0), 0);
    let ring = frc(&image, &image);
    assert_eq!(ring.fsc.len(), 13);
    assert!(ring.fsc.iter().all(|c| (c - 1.0).abs() < 1e-9));
    let cone = Array3::from_shape_fn((9, 9, 9), |(z, y, x)| {
        let r = |i: usize| (i as f64 - 4.0).powi(2);
        (r(z) + r(y) + r(x)).sqrt().round() as f32
    });
    assert_eq!(radial_average3(&cone), [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let (a, b) = (noise3([30, 32, 34], 1), noise3([30, 32, 34], 2));
    let mask = Array3::from_elem((30, 32, 34), 0.5);
    let results = [1, 2, 4].map(|n| {
        in_pool(n, || {
            (
                corrected_fsc(&a, &b, &mask, MaskCorrection::default()),
                randomise_phases(&a, 4, 9),
                radial_average3(&a),
            )
        })
    });
    assert!(results.iter().all(|result| *result == results[0]));
    assert_ne!(randomise_phases(&a, 4, 9), randomise_phases(&a, 4, 10));
}

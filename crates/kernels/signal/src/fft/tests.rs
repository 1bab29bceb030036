//! Transforms against direct sums in f64, Parseval, shift theorem, phase origin, threads; timings on request.

use ndarray::{Array2, Array3};
use proptest::prelude::*;

use super::*;
use crate::testing::{in_pool, noise3};

/// F(k) summed directly in f64.
fn direct(volume: &Array3<f32>, k: [isize; 3]) -> Complex<f64> {
    let n = volume.shape();
    volume
        .indexed_iter()
        .map(|((z, y, x), &value)| {
            let turns = [z, y, x]
                .iter()
                .zip(k)
                .zip(n)
                .map(|((&r, k), &n)| (r as isize * k) as f64 / n as f64)
                .sum::<f64>();
            Complex::from_polar(f64::from(value), -2.0 * std::f64::consts::PI * turns)
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn real_and_complex_transforms_equal_the_direct_sum(nz in 1_usize..7, ny in 1_usize..8, nx in 1_usize..10, seed: u64) {
        let volume = noise3([nz, ny, nx], seed);
        let real = Fft3::plan([nz, ny, nx]).forward(&volume);
        let full = ComplexFft3::plan([nz, ny, nx]).forward(&volume.mapv(|v| Complex32::new(v, 0.0)));
        for ((z, y, x), value) in full.indexed_iter() {
            let k = [signed_index(z, nz), signed_index(y, ny), signed_index(x, nx)];
            let expected = direct(&volume, k);
            prop_assert!((f64::from(value.re) - expected.re).hypot(f64::from(value.im) - expected.im) < 1e-4);
            if x < half_length(nx) {
                prop_assert!((value - real[[z, y, x]]).norm() < 1e-4);
            }
            let mirror = full[[mirrored_index(z, nz), mirrored_index(y, ny), mirrored_index(x, nx)]];
            prop_assert!((value - mirror.conj()).norm() < 1e-4);
        }
    }

    #[test]
    fn inverse_undoes_forward_and_parseval_holds(nz in 1_usize..20, ny in 1_usize..40, nx in 1_usize..40, seed: u64) {
        let volume = noise3([nz, ny, nx], seed);
        let plan = Fft3::plan([nz, ny, nx]);
        let spectrum = plan.forward(&volume);
        let back = plan.inverse(&spectrum);
        prop_assert!(volume.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-5));
        let power: f64 = spectrum.indexed_iter().map(|((_, _, x), v)| {
            let twice = x > 0 && 2 * x != nx;
            f64::from(v.norm_sqr()) * if twice { 2.0 } else { 1.0 }
        }).sum::<f64>() / volume.len() as f64;
        let energy: f64 = volume.iter().map(|&v| f64::from(v).powi(2)).sum();
        prop_assert!((power - energy).abs() < 1e-5 * energy.max(1.0), "{} {}", power, energy);
    }

    #[test]
    fn whole_shifts_move_elements(nz in 1_usize..6, ny in 1_usize..8, nx in 1_usize..9,
                                  sx in -9_i32..9, sy in -9_i32..9, sz in -9_i32..9, seed: u64) {
        let volume = noise3([nz, ny, nx], seed);
        let plan = Fft3::plan([nz, ny, nx]);
        let mut spectrum = plan.forward(&volume);
        shift_phases(&mut spectrum, [nz, ny, nx], [sx, sy, sz].map(f64::from));
        let shifted = plan.inverse(&spectrum);
        for ((z, y, x), value) in shifted.indexed_iter() {
            let from = |i: usize, s: i32, n: usize| (i as i64 - i64::from(s)).rem_euclid(n as i64) as usize;
            let expected = volume[[from(z, sz, nz), from(y, sy, ny), from(x, sx, nx)]];
            prop_assert!((value - expected).abs() < 1e-5);
        }
    }
}

#[test]
fn images_and_rows_are_slices_of_the_same_transform() {
    let volume = noise3([1, 12, 15], 3);
    let image: Array2<f32> = volume.index_axis(ndarray::Axis(0), 0).to_owned();
    let by3 = Fft3::plan([1, 12, 15]).forward(&volume);
    let plan = Fft2::plan([12, 15]);
    let by2 = plan.forward(&image);
    assert_eq!(
        by3.iter().collect::<Vec<_>>(),
        by2.iter().collect::<Vec<_>>()
    );
    assert!(
        plan.inverse(&by2)
            .iter()
            .zip(&image)
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );

    let rows = Fft1::plan(15);
    let spectra = rows.forward(&image);
    let one = Fft3::plan([1, 1, 15]).forward(
        &noise3([1, 12, 15], 3)
            .slice(ndarray::s![.., 4..5, ..])
            .to_owned(),
    );
    assert!(
        spectra
            .row(4)
            .iter()
            .zip(&one)
            .all(|(a, b)| (a - b).norm() < 1e-6)
    );
    assert!(
        rows.inverse(&spectra)
            .iter()
            .zip(&image)
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );

    let complex = image.mapv(|v| Complex32::new(v, -2.0 * v));
    let plan = ComplexFft2::plan([12, 15]);
    assert!(
        plan.inverse(&plan.forward(&complex))
            .iter()
            .zip(&complex)
            .all(|(a, b)| (a - b).norm() < 1e-5)
    );
    let mut data = complex.clone().into_raw_vec_and_offset().0;
    let plan = ComplexFft1::plan(15);
    plan.forward_in_place(&mut data);
    plan.inverse_in_place(&mut data);
    assert!(
        data.iter()
            .zip(&complex)
            .all(|(a, b)| (a - b).norm() < 1e-5)
    );
}

#[test]
fn non_standard_layouts_are_understood() {
    let volume = noise3([4, 6, 8], 5);
    let reversed = volume.clone().reversed_axes();
    let spectrum = Fft3::plan([8, 6, 4]).forward(&reversed);
    let expected = Fft3::plan([8, 6, 4]).forward(&reversed.as_standard_layout().into_owned());
    assert_eq!(spectrum, expected);
}

#[test]
fn a_delta_at_the_centre_voxel_has_no_phase_about_it() {
    for dims in [[8, 8, 8], [7, 9, 5], [6, 5, 8], [1, 4, 7]] {
        let mut volume = Array3::zeros(dims);
        volume[dims.map(|n| n / 2)] = 1.0_f32;
        let mut spectrum = Fft3::plan(dims).forward(&volume);
        centre_phases(&mut spectrum, dims, Origin::CentreVoxel);
        assert!(
            spectrum
                .iter()
                .all(|v| (v - Complex32::new(1.0, 0.0)).norm() < 1e-5),
            "{dims:?}"
        );
        centre_phases(&mut spectrum, dims, Origin::FirstVoxel);
        let back = Fft3::plan(dims).inverse(&spectrum);
        assert!(
            back.iter().zip(&volume).all(|(a, b)| (a - b).abs() < 1e-5),
            "{dims:?}"
        );
    }
}

#[test]
fn empty_arrays_and_fast_lengths() {
    assert_eq!(
        Fft3::plan([0, 4, 4])
            .forward(&Array3::zeros((0, 4, 4)))
            .shape(),
        [0, 4, 3]
    );
    assert_eq!(
        Fft3::plan([4, 4, 0])
            .inverse(&Array3::zeros((4, 4, 1)))
            .shape(),
        [4, 4, 0]
    );
    assert_eq!(
        [0, 1, 11, 13, 97, 511, 4093].map(next_fast_length),
        [1, 1, 12, 14, 98, 512, 4096]
    );
    assert!((1..9).all(|n| (0..n).all(|i| wrapped_index(signed_index(i, n), n) == i)));
    assert_eq!(next_fast_even_length(75), 80);
    assert_eq!(next_fast_even_length(97), 98);
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let volume = noise3([40, 48, 50], 9);
    let plan = Fft3::plan([40, 48, 50]);
    let results: Vec<_> = [1, 2, 4]
        .iter()
        .map(|&n| {
            in_pool(n, || {
                let s = plan.forward(&volume);
                let v = plan.inverse(&s);
                (s, v)
            })
        })
        .collect();
    assert!(results.iter().all(|r| *r == results[0]));
}

/// Figures, not a test of anything: `cargo test -p thon-signal --release -- --ignored --nocapture figures`.
#[test]
#[ignore = "prints timings"]
fn figures() {
    for dims in [
        [64, 64, 64],
        [128, 128, 128],
        [160, 160, 160],
        [256, 256, 256],
        [1, 4096, 4096],
    ] {
        let mut work = timing::RealRoundTrip::prepare(dims);
        let best = |f: &mut dyn FnMut()| {
            (0..8)
                .map(|_| {
                    let start = std::time::Instant::now();
                    f();
                    start.elapsed().as_secs_f64()
                })
                .fold(f64::MAX, f64::min)
        };
        in_pool(1, || {
            let forward = best(&mut || work.forward());
            let inverse = best(&mut || work.inverse());
            println!(
                "{dims:?}: forward {:.2} ms ({:.1} GFLOP/s), inverse {:.2} ms",
                forward * 1e3,
                work.operations() / forward * 1e-9,
                inverse * 1e3
            );
        });
    }
}

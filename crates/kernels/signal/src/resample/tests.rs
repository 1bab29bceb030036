//! Grids changed under band-limited fields and Gaussian blobs whose values are formulas; exact quarter turns.

use glam::{DMat3, DVec3};
use ndarray::{Array2, Array3, Axis};
use proptest::prelude::*;

use super::*;
use crate::testing::{in_pool, noise3};

/// A band-limited periodic field on `dims`, whose value at the continuous position of each voxel is known: a few
/// waves of at most 2 cycles a box. `origin` is the fraction of the box the phases count from.
fn waves(dims: [usize; 3], about: Origin) -> Array3<f32> {
    let origin = match about {
        Origin::FirstVoxel => [0.0; 3],
        Origin::CentreVoxel => dims.map(|n| (n / 2) as f64 / n as f64),
    };
    Array3::from_shape_fn(dims, |(z, y, x)| {
        let u = [z, y, x]
            .iter()
            .zip(dims)
            .zip(origin)
            .map(|((&i, n), o)| i as f64 / n as f64 - o)
            .collect::<Vec<_>>();
        let wave = |k: [f64; 3], phase: f64| {
            (2.0 * std::f64::consts::PI * (k[0] * u[0] + k[1] * u[1] + k[2] * u[2]) + phase).cos()
        };
        (1.5 + wave([1.0, -2.0, 1.0], 0.3)
            + 2.0 * wave([2.0, 1.0, -2.0], 1.1)
            + 0.5 * wave([0.0, 0.0, 2.0], 2.0)) as f32
    })
}

fn close(a: &Array3<f32>, b: &Array3<f32>, tolerance: f32) -> bool {
    a.shape() == b.shape() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < tolerance)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn band_limited_fields_are_resampled_exactly(fz in 5_usize..12, fy in 5_usize..12, fx in 5_usize..12,
                                                 tz in 5_usize..12, ty in 5_usize..12, tx in 5_usize..12, corner: bool) {
        let about = if corner { Origin::FirstVoxel } else { Origin::CentreVoxel };
        let result = fourier_resample3(&waves([fz, fy, fx], about), [tz, ty, tx], about);
        prop_assert!(close(&result, &waves([tz, ty, tx], about), 2e-5));
    }

    #[test]
    fn cropping_undoes_padding(nz in 1_usize..8, ny in 1_usize..9, nx in 1_usize..10, more in 0_usize..6, corner: bool, seed: u64) {
        let about = if corner { Origin::FirstVoxel } else { Origin::CentreVoxel };
        let volume = noise3([nz, ny, nx], seed);
        let large = fourier_resample3(&volume, [nz + more, ny + more / 2, nx + more], about);
        prop_assert!(close(&fourier_resample3(&large, [nz, ny, nx], about), &volume, 2e-5));
    }

    #[test]
    fn cropping_and_padding_are_adjoint(h in 1_usize..4, more in 1_usize..6, seed: u64, corner: bool) {
        // Odd small grids: no shared Nyquist element. ⟨Cx, y⟩/m = ⟨x, Py⟩/n per voxel count.
        let about = if corner { Origin::FirstVoxel } else { Origin::CentreVoxel };
        let (small, large) = ([2 * h + 1, 2 * h + 3, 2 * h + 1], [2 * h + 1 + more, 2 * h + 4, 2 * h + 2 + more]);
        let (x, y) = (noise3(large, seed), noise3(small, seed ^ 1));
        let dot = |a: &Array3<f32>, b: &Array3<f32>| a.iter().zip(b).map(|(p, q)| f64::from(p * q)).sum::<f64>() / a.len() as f64;
        let left = dot(&fourier_resample3(&x, small, about), &y);
        let right = dot(&x, &fourier_resample3(&y, large, about));
        prop_assert!((left - right).abs() < 1e-5, "{} {}", left, right);
    }

    #[test]
    fn resampled_spectra_belong_to_real_fields(f in 3_usize..10, t in 3_usize..10, corner: bool, seed: u64) {
        // Going to the real field and back must not change the spectrum: it is Friedel-symmetric already.
        let about = if corner { Origin::FirstVoxel } else { Origin::CentreVoxel };
        let (from, to) = ([f, f + 1, f], [t, t, t + 1]);
        let spectrum = resample_spectrum3(&crate::fft::Fft3::plan(from).forward(&noise3(from, seed)), from, to, about);
        let plan = crate::fft::Fft3::plan(to);
        let again = plan.forward(&plan.inverse(&spectrum));
        let scale = spectrum.iter().map(|v| v.norm()).fold(0.0, f32::max);
        prop_assert!(spectrum.iter().zip(&again).all(|(a, b)| (a - b).norm() < 1e-5 * scale));
    }
}

#[test]
fn images_resample_and_shift_as_volumes_do() {
    let image: Array2<f32> = waves([1, 9, 10], Origin::CentreVoxel)
        .index_axis(Axis(0), 0)
        .to_owned();
    let resampled = fourier_resample2(&image, [12, 7], Origin::CentreVoxel);
    assert!(close(
        &resampled.insert_axis(Axis(0)),
        &waves([1, 12, 7], Origin::CentreVoxel),
        1e-5
    ));
    let back = fourier_shift2(&fourier_shift2(&image, [0.3, -1.7]), [-0.3, 1.7]);
    assert!(back.iter().zip(&image).all(|(a, b)| (a - b).abs() < 1e-5));
}

fn blob(dims: [usize; 3], centre: DVec3, sigma: f64) -> Array3<f32> {
    let origin = DVec3::new(
        (dims[2] / 2) as f64,
        (dims[1] / 2) as f64,
        (dims[0] / 2) as f64,
    ) + centre;
    Array3::from_shape_fn(dims, |(z, y, x)| {
        let square = (DVec3::new(x as f64, y as f64, z as f64) - origin).length_squared();
        (-square / (2.0 * sigma * sigma)).exp() as f32
    })
}

#[test]
fn sub_pixel_shifts_move_a_blob_where_it_belongs() {
    let shifted = fourier_shift3(&blob([32, 30, 31], DVec3::ZERO, 2.0), [1.25, -2.6, 0.4]);
    assert!(close(
        &shifted,
        &blob([32, 30, 31], DVec3::new(1.25, -2.6, 0.4), 2.0),
        1e-5
    ));
}

#[test]
fn rescaling_recovers_the_continuous_blob() {
    let place = DVec3::new(1.5, -2.0, 0.7);
    for (size, to) in [
        (1.37, [24, 25, 26]),
        (0.61, [40, 41, 44]),
        (1.0, [20, 33, 32]),
    ] {
        let result = rescale3(&blob([32, 33, 32], place, 2.2), 1.0, size, to, 0.0);
        assert!(
            close(&result, &blob(to, place / size, 2.2 / size), 2e-4),
            "{size}"
        );
    }
    let whole = noise3([16, 15, 16], 1);
    let cropped = rescale3(&whole, 1.0, 2.0, [8, 7, 8], 0.0);
    assert!(close(
        &rescale3(&whole, 3.0, 3.0, [16, 15, 16], 0.7),
        &whole,
        1e-5
    ));
    let even = noise3([16, 16, 16], 2);
    assert!(close(
        &rescale3(&even, 1.0, 2.0, [8, 8, 8], 0.0),
        &fourier_resample3(&even, [8, 8, 8], Origin::CentreVoxel),
        1e-5
    ));
    assert_eq!(cropped.shape(), [8, 7, 8]);
    let beyond = rescale3(
        &Array3::from_elem((8, 8, 8), 5.0),
        1.0,
        1.0,
        [12, 12, 12],
        3.0,
    );
    assert!((beyond[[6, 6, 6]] - 5.0).abs() < 1e-5 && (beyond[[0, 6, 6]] - 3.0).abs() < 1e-6);
}

#[test]
fn quarter_turns_are_exact() {
    let volume = noise3([9, 9, 9], 4);
    for how in [Interpolation::Linear, Interpolation::Cubic] {
        let turned = rotate3(
            &volume,
            DMat3::from_rotation_z(std::f64::consts::FRAC_PI_2),
            [0.0; 3],
            how,
            0.0,
        );
        // x̂ → ŷ: what was at (x, y) about the centre is now at (−y, x).
        for ((z, y, x), value) in volume.indexed_iter() {
            assert_eq!(turned[[z, x, 8 - y]], *value, "{how:?}");
        }
        let turned = rotate3(
            &volume,
            DMat3::from_rotation_x(std::f64::consts::FRAC_PI_2),
            [0.0; 3],
            how,
            0.0,
        );
        for ((z, y, x), value) in volume.indexed_iter() {
            assert_eq!(turned[[y, 8 - z, x]], *value, "{how:?}");
        }
    }
}

#[test]
fn rotation_takes_a_blob_to_its_place_and_cubic_is_better() {
    let (place, shift) = (DVec3::new(5.0, -3.0, 2.0), DVec3::new(0.6, -1.3, 2.2));
    let rotation = DMat3::from_euler(glam::EulerRot::ZYZ, 0.5, 1.1, -0.7);
    let expected = blob([32, 32, 32], rotation * place + shift, 2.0);
    let worst = |how| {
        let result = rotate3(
            &blob([32, 32, 32], place, 2.0),
            rotation,
            shift.to_array(),
            how,
            0.0,
        );
        result
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    };
    let (linear, cubic) = (worst(Interpolation::Linear), worst(Interpolation::Cubic));
    assert!(
        linear < 0.1 && cubic < 0.015 && cubic < linear / 5.0,
        "{linear} {cubic}"
    );
}

#[test]
fn interpolation_reproduces_polynomials_and_knows_its_borders() {
    let plane = Array3::from_shape_fn((6, 7, 8), |(z, y, x)| {
        1.0 + x as f32 - 2.0 * y as f32 + 0.5 * z as f32
    });
    let at = |p: [f64; 3]| sample3(&plane, p, Interpolation::Linear).unwrap();
    assert!((at([2.3, 4.6, 1.5]) - (1.0 + 2.3 - 9.2 + 0.75)).abs() < 1e-5);
    let bowl = Array2::from_shape_fn((8, 9), |(y, x)| (x * x) as f32 - 0.5 * (y * x) as f32);
    let value = sample2(&bowl, [3.4, 4.7], Interpolation::Cubic).unwrap();
    assert!(
        (value - (3.4_f32 * 3.4 - 0.5 * 4.7 * 3.4)).abs() < 1e-4,
        "{value}"
    );
    for how in [Interpolation::Linear, Interpolation::Cubic] {
        assert!(sample2(&bowl, [8.4, 2.0], how).is_some());
        assert_eq!(sample2(&bowl, [8.5, 2.0], how), None);
        assert_eq!(sample2(&bowl, [-0.51, 2.0], how), None);
        assert_eq!(sample2(&bowl, [f64::NAN, 2.0], how), None);
        assert_eq!(sample2(&bowl, [3.0, 2.0], how), Some(bowl[[2, 3]]));
    }
}

#[test]
fn crop_and_pad_keep_the_centre_voxel() {
    for from in 1..8 {
        for to in 1..8 {
            let volume = blob([from, from, from], DVec3::ZERO, 1.0);
            assert!(close(
                &crop_or_pad3(&volume, [to, to, to], 0.0).mapv(|v| if v > 0.99 { v } else { 0.0 }),
                &blob([to, to, to], DVec3::ZERO, 1.0).mapv(|v| if v > 0.99 { v } else { 0.0 }),
                1e-6
            ));
        }
    }
    assert_eq!(
        crop_or_pad2(&Array2::ones((2, 3)), [4, 2], 7.0),
        ndarray::array![[7.0, 7.0], [1.0, 1.0], [1.0, 1.0], [7.0, 7.0]]
    );
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let volume = noise3([20, 21, 24], 3);
    let work = || {
        let rotation = DMat3::from_rotation_y(0.4);
        (
            fourier_resample3(&volume, [15, 26, 20], Origin::CentreVoxel),
            rescale3(&volume, 1.0, 1.3, [16, 16, 16], 0.0),
            rotate3(&volume, rotation, [0.5; 3], Interpolation::Cubic, 0.0),
        )
    };
    let results: Vec<_> = [1, 2, 4].map(|threads| in_pool(threads, work)).into();
    assert!(results.iter().all(|result| *result == results[0]));
}

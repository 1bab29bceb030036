//! Correlation against direct sums, shifts put in and recovered, peak lists.

use ndarray::{Array1, Array2, Array3, Axis};
use proptest::prelude::*;

use super::*;
use crate::filter::{RadialFilter, apply_filters3};
use crate::resample::{fourier_shift2, fourier_shift3};
use crate::testing::{in_pool, noise3};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_map_equals_the_direct_sum(nz in 1_usize..4, ny in 1_usize..6, nx in 1_usize..7, seed: u64) {
        let (image, reference) = (noise3([nz, ny, nx], seed), noise3([nz, ny, nx], seed ^ 1));
        let map = correlate3(&image, &reference, Correlation::Plain);
        for ((z, y, x), value) in map.indexed_iter() {
            // Shift of this voxel, taken modulo the box.
            let from = |r: usize, at: usize, n: usize| (r + at + n - n / 2) % n;
            let direct: f32 = reference
                .indexed_iter()
                .map(|((c, b, a), v)| v * image[[from(c, z, nz), from(b, y, ny), from(a, x, nx)]])
                .sum();
            prop_assert!((value - direct).abs() < 1e-4, "{} {}", value, direct);
        }
    }

    #[test]
    fn shifts_come_back(sx in -4.0_f64..4.0, sy in -4.0_f64..4.0, sz in -4.0_f64..4.0, seed: u64) {
        let reference = apply_filters3(&noise3([18, 20, 21], seed), 1.0, &[RadialFilter::BFactor(80.0)]);
        let image = fourier_shift3(&reference, [sx, sy, sz]).mapv(|v| 3.0 * v + 1.0);
        let (found, height) = estimate_shift3(&image, &reference, Correlation::Normalised, 8.0).unwrap();
        let error = found.iter().zip([sx, sy, sz]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        prop_assert!(error < 1e-3, "{:?} for {:?}", found, [sx, sy, sz]);
        prop_assert!((height - 1.0).abs() < 2e-3, "{}", height);
    }
}

#[test]
fn normalised_correlation_is_pearsons() {
    let image = noise3([6, 7, 8], 3).mapv(|v| 40.0 * v - 300.0);
    let map = correlate3(&image, &image, Correlation::Normalised);
    assert!((map[[3, 3, 4]] - 1.0).abs() < 1e-4);
    assert!(map.iter().all(|v| v.abs() < 1.0001));
    let opposite = correlate3(&image, &image.mapv(|v| -v), Correlation::Normalised);
    assert!((opposite[[3, 3, 4]] + 1.0).abs() < 1e-4);
    let flat = correlate3(
        &image,
        &Array3::from_elem((6, 7, 8), 1000.3),
        Correlation::Normalised,
    );
    assert!(
        flat.iter().all(|v| v.abs() < 1e-6),
        "{:?}",
        flat.iter().copied().fold(0.0, f32::max)
    );
}

#[test]
fn phase_correlation_is_a_delta_for_whole_shifts() {
    let reference = noise3([1, 24, 30], 1).index_axis_move(Axis(0), 0);
    let image = fourier_shift2(&reference, [5.0, -3.0]);
    let map = correlate2(&image, &reference, Correlation::Phase);
    let peak = highest_peak3(&map.clone().insert_axis(Axis(0)), 10.0).unwrap();
    assert_eq!(peak.shift([1, 24, 30]).map(f64::round), [5.0, -3.0, 0.0]);
    assert!(peak.value > 0.99 && map.iter().filter(|v| **v > 0.05).count() == 1);
}

#[test]
fn images_are_registered_under_noise() {
    let signal = apply_filters3(&noise3([1, 64, 72], 5), 1.0, &[RadialFilter::BFactor(60.0)])
        .index_axis_move(Axis(0), 0);
    let scale = 1.0 / crate::statistics::mean_and_deviation(signal.as_slice().unwrap()).1 as f32;
    let noisy = |shift, seed| {
        fourier_shift2(&signal, shift).mapv(|v| v * scale)
            + noise3([1, 64, 72], seed).index_axis_move(Axis(0), 0)
    };
    let (found, _) = estimate_shift2(
        &noisy([2.3, -6.6], 6),
        &noisy([0.0; 2], 7),
        Correlation::Normalised,
        20.0,
    )
    .unwrap();
    assert!(
        (found[0] - 2.3).abs() < 0.25 && (found[1] + 6.6).abs() < 0.25,
        "{found:?}"
    );
    let near = estimate_shift2(
        &noisy([2.3, -6.6], 6),
        &noisy([0.0; 2], 7),
        Correlation::Normalised,
        3.0,
    )
    .unwrap();
    assert!(near.0[0].hypot(near.0[1]) < 5.0);
}

#[test]
fn rows_correlate_and_bad_input_gives_nothing() {
    let row = Array1::from_iter(noise3([1, 1, 32], 1));
    let moved = Array1::from_shape_fn(32, |i| row[(i + 32 - 6) % 32]);
    let map = correlate1(&moved, &row, Correlation::Normalised);
    let best = map
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .unwrap()
        .0;
    assert_eq!(best as i32 - 16, 6);
    let broken = Array3::from_elem((4, 4, 4), f32::NAN);
    assert_eq!(
        estimate_shift3(&broken, &broken, Correlation::Normalised, 9.0),
        None
    );
    assert_eq!(highest_peak3(&Array3::zeros((0, 0, 0)), 3.0), None);
}

#[test]
fn peaks_are_listed_by_height_and_keep_their_distance() {
    let mut map = Array3::zeros((12, 14, 30));
    for (at, value) in [
        ([3, 4, 5], 5.0),
        ([3, 4, 8], 4.0),
        ([8, 9, 20], 3.0),
        ([0, 0, 29], 2.0),
        ([6, 6, 12], 0.5),
    ] {
        map[at] = value;
    }
    let at = |peaks: &[Peak]| {
        peaks
            .iter()
            .map(|p| (p.position, p.value))
            .collect::<Vec<_>>()
    };
    let found = at(&find_peaks3(&map, 1.0, 4.0, 10));
    assert_eq!(
        found,
        [
            ([5.0, 4.0, 3.0], 5.0),
            ([20.0, 9.0, 8.0], 3.0),
            ([29.0, 0.0, 0.0], 2.0)
        ]
    );
    assert_eq!(find_peaks3(&map, 1.0, 3.0, 10).len(), 4);
    assert_eq!(find_peaks3(&map, 1.0, 0.0, 2).len(), 2);
    // A plateau is one peak; NaN is none.
    let mut plateau = Array2::zeros((6, 6));
    plateau[[2, 2]] = 1.0;
    plateau[[2, 3]] = 1.0;
    plateau[[5, 5]] = f32::NAN;
    assert_eq!(find_peaks2(&plateau, 0.5, 1.0, 10).len(), 1);
}

#[test]
fn a_parabola_finds_the_top_of_a_blob() {
    let map = Array3::from_shape_fn((16, 16, 16), |(z, y, x)| {
        let square = (x as f64 - 6.3).powi(2) + (y as f64 - 8.8).powi(2) + (z as f64 - 7.5).powi(2);
        (-square / 18.0).exp() as f32
    });
    let [x, y, z] = find_peaks3(&map, 0.5, 3.0, 1)[0].position;
    assert!(
        (x - 6.3).abs() < 0.02 && (y - 8.8).abs() < 0.02 && (z - 7.5).abs() < 0.02,
        "{x} {y} {z}"
    );
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let (a, b) = (noise3([20, 24, 18], 1), noise3([20, 24, 18], 2));
    let work = || {
        let map = correlate3(&a, &b, Correlation::Normalised);
        (
            estimate_shift3(&a, &b, Correlation::Phase, 5.0),
            find_peaks3(&map, 0.01, 3.0, 50),
            map,
        )
    };
    let results = [1, 2, 4].map(|threads| in_pool(threads, work));
    assert!(results.iter().all(|result| *result == results[0]));
}

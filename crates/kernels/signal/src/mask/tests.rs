//! Distances against exhaustive search, volumes and edges of shapes, masks from maps.

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::testing::{in_pool, noise3};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_distance_transform_equals_the_search(nz in 1_usize..7, ny in 1_usize..8, nx in 1_usize..20, level in 0.0_f32..3.0, seed: u64) {
        let inside = threshold(&noise3([nz, ny, nx], seed), level);
        let found = distance_squared_to(&inside);
        for ((z, y, x), &square) in found.indexed_iter() {
            let nearest = inside
                .indexed_iter()
                .filter(|(_, is)| **is)
                .map(|((a, b, c), _)| a.abs_diff(z).pow(2) + b.abs_diff(y).pow(2) + c.abs_diff(x).pow(2))
                .min();
            prop_assert_eq!(square, nearest.map_or(f32::INFINITY, |n| n as f32));
        }
    }
}

#[test]
fn shapes_have_their_volumes() {
    let dims = [60, 62, 64];
    let centre = box_centre(dims);
    let voxels = |mask: &Array3<f32>| volume_fraction(mask) * (60 * 62 * 64) as f64;
    let ball = 4.0 / 3.0 * std::f64::consts::PI * 20.0_f64.powi(3);
    assert!((voxels(&sphere(dims, centre, 20.0, 0.0)) / ball - 1.0).abs() < 0.005);
    let tube = std::f64::consts::PI * 15.0_f64.powi(2) * 21.0;
    assert!((voxels(&cylinder(dims, centre, 15.0, 20.0, 0.0)) / tube - 1.0).abs() < 0.005);
    assert_eq!(
        voxels(&cuboid(dims, centre, [10.0, 20.0, 4.0], 0.0)).round(),
        11.0 * 21.0 * 5.0
    );
}

#[test]
fn edges_are_half_a_cosine_of_the_distance() {
    let dims = [32, 32, 32];
    let mask = sphere(dims, [16.0; 3], 6.0, 4.0);
    assert_eq!(
        [mask[[16, 16, 22]], mask[[16, 24, 16]], mask[[26, 16, 16]]],
        [1.0, 0.5, 0.0]
    );
    let corner = cuboid(dims, [16.0; 3], [6.0, 6.0, 6.0], 10.0);
    // 3 and 4 voxels beyond two faces: 5 voxels from the edge, half of 10.
    assert!((corner[[16, 22, 23]] - 0.5).abs() < 1e-6);
    let tube = cylinder(dims, [16.0; 3], 5.0, 8.0, 10.0);
    assert!((tube[[24, 16, 24]] - 0.5).abs() < 1e-6);
}

#[test]
fn a_mask_from_a_map_extends_and_softens_by_distance() {
    let mut map = Array3::zeros((24, 24, 24));
    map[[12, 12, 12]] = 2.0_f32;
    let mask = mask_from_map(
        &map,
        MaskShape {
            threshold: 1.0,
            extend: 3.0,
            edge: 4.0,
        },
    );
    assert!(
        mask.iter()
            .zip(&sphere([24; 3], [12.0; 3], 3.0, 4.0))
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );
    let ball = sphere([24; 3], [12.0; 3], 8.0, 0.0).mapv(|v| v > 0.5);
    let small = soften(&ball, -3.0, 0.0);
    let fraction =
        volume_fraction(&small) / volume_fraction(&ball.mapv(|is| f32::from(u8::from(is))));
    assert!(
        (fraction - (5.0_f64 / 8.0).powi(3)).abs() < 0.07,
        "{fraction}"
    );
    assert!(
        soften(&Array3::from_elem((3, 3, 3), false), 2.0, 2.0)
            .iter()
            .all(|v| *v == 0.0)
    );
    assert!(
        soften(&Array3::from_elem((3, 3, 3), true), -2.0, 2.0)
            .iter()
            .all(|v| *v == 1.0)
    );
}

#[test]
fn applying_fills_with_zero_or_with_the_mean_outside() {
    let volume = Array3::from_shape_fn((8, 8, 8), |(z, _, _)| if z < 4 { 10.0 } else { 2.0 });
    let mask = Array3::from_shape_fn((8, 8, 8), |(z, _, _)| if z < 4 { 1.0 } else { 0.0 });
    assert_eq!(apply(&volume, &mask).sum(), 10.0 * 256.0);
    assert_eq!(apply_with_mean(&volume, &mask), volume);
    assert_eq!(apply_with_mean(&volume, &Array3::ones((8, 8, 8))), volume);
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let map = noise3([30, 31, 33], 1);
    let shape = MaskShape {
        threshold: 2.5,
        extend: 1.5,
        edge: 3.0,
    };
    let results = [1, 2, 4].map(|n| in_pool(n, || mask_from_map(&map, shape)));
    assert!(results.iter().all(|result| *result == results[0]));
}

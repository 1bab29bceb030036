//! The fit of rise and twist: recovered from noisy halves, and left alone without evidence.

use rand_distr::{Distribution, StandardNormal};
use thon_signal::shells::fsc;

use super::*;

const N: usize = 40;
const VOXEL: f64 = 2.0;

/// Rise 6 Å, twist 40°, a blob per subunit; or blobs anywhere.
fn tube(helical: bool) -> Vec<f32> {
    let c = (N / 2) as f64;
    let mut map = vec![0.0_f32; N.pow(3)];
    let mut random = thon_compute::seed_stream(4, "tube", 0);
    for j in -20..=20_i32 {
        let turn = (40.0 * f64::from(j)).to_radians();
        let mut centre = [8.0 * turn.cos(), 8.0 * turn.sin(), 3.0 * f64::from(j)];
        if !helical {
            let mut away = || -> f64 { StandardNormal.sample(&mut random) };
            centre = [6.0 * away(), 6.0 * away(), 10.0 * away()];
        }
        for (i, value) in map.iter_mut().enumerate() {
            let p = [i % N, i / N % N, i / N / N].map(|v| v as f64 - c);
            let d2: f64 = p.iter().zip(centre).map(|(a, b)| (a - b).powi(2)).sum();
            *value += (-d2 / 4.5).exp() as f32;
        }
    }
    map
}

fn noisy(map: &[f32], deviation: f32, seed: u64) -> Vec<f32> {
    let mut random = thon_compute::seed_stream(seed, "noise", 0);
    let noise = map.iter().map(|value| {
        let noise: f32 = StandardNormal.sample(&mut random);
        value + deviation * noise
    });
    noise.collect()
}

fn found(map: &[f32], deviation: f32, seed: u64, stated: [f64; 2]) -> HelixFit {
    let halves = [2 * seed, 2 * seed + 1].map(|seed| noisy(map, deviation, seed));
    let cube = |map: &[f32]| ndarray::Array3::from_shape_vec((N, N, N), map.to_vec()).unwrap();
    let curve = fsc(&cube(&halves[0]), &cube(&halves[1])).fsc;
    let helix = Helix {
        rise: Angstrom(stated[0]),
        twist: Degrees(stated[1]),
        central_part: 0.5,
        radius: Angstrom(26.0),
        refine: true,
        rise_range: Angstrom(0.0),
        twist_range: Degrees(0.0),
    };
    helix.fit([&halves[0], &halves[1]], &curve, N, VOXEL)
}

#[test]
fn rise_and_twist_are_found_with_and_without_noise() {
    let map = tube(true);
    // Blobs nearly touch along the path of the helix: noise moves rise and twist together, which leaves the pitch.
    for (deviation, along, pitch) in [(0.0, 0.005, 0.003), (0.3, 0.04, 0.02)] {
        for (seed, stated) in [[5.7, 41.5], [6.3, 38.0], [5.9, 36.8]]
            .into_iter()
            .enumerate()
        {
            let fit = found(&map, deviation, seed as u64, stated);
            let found_pitch = fit.rise.0 * 360.0 / fit.twist.0;
            println!("noise {deviation}, from {stated:?}: pitch {found_pitch:.2} Å, {fit:?}");
            assert!(fit.convinces(), "{fit:?}");
            assert!((fit.rise.0 / 6.0 - 1.0).abs() < along, "{fit:?}");
            assert!((fit.twist.0 / 40.0 - 1.0).abs() < along, "{fit:?}");
            assert!((found_pitch / 54.0 - 1.0).abs() < pitch, "{fit:?}");
        }
    }
}

#[test]
fn what_is_no_helix_or_lies_outside_the_ranges_does_not_convince() {
    let nothing = vec![0.0; N.pow(3)];
    let (helical, random) = (tube(true), tube(false));
    for seed in 0..2 {
        let empty = found(&nothing, 1.0, seed, [6.0, 40.0]);
        let other = found(&random, 0.3, seed, [6.0, 40.0]);
        let outside = found(&helical, 0.3, seed, [6.0, 48.0]);
        println!("{empty:?}\n{other:?}\n{outside:?}");
        for fit in [empty, other, outside] {
            assert!(!fit.convinces(), "{fit:?}");
        }
    }
}

#[test]
fn an_axis_that_is_off_is_found() {
    let map = tube(true);
    let axis = Axis {
        shift: [0.3, -0.2],
        tilt: [0.01, 0.02],
    };
    let c = (N / 2) as f64;
    let cube = ndarray::Array3::from_shape_vec((N, N, N), map).unwrap();
    // The inverse of a small motion is its negative, nearly.
    let [x, y] = axis.shift;
    let [a, b] = axis.tilt;
    let moved: Vec<f32> = (0..N.pow(3))
        .map(|i| {
            let p = [i % N, i / N % N, i / N / N].map(|v| v as f64 - c);
            let [px, py, pz] = [p[0] - x, p[1] - y, p[2]];
            let at = [px - b * pz + c, py + a * pz + c, pz + b * px - a * py + c];
            thon_signal::resample::sample3(&cube, at, thon_signal::resample::Interpolation::Cubic)
                .unwrap_or(0.0)
        })
        .collect();
    let fit = found(&moved, 0.02, 1, [5.7, 41.5]);
    println!("{fit:?}");
    let off = [
        fit.axis.shift[0] - x,
        fit.axis.shift[1] - y,
        10.0 * (fit.axis.tilt[0] - a),
        10.0 * (fit.axis.tilt[1] - b),
    ];
    assert!(off.iter().all(|v| v.abs() < 0.06), "{off:?}");
    assert!(
        (fit.rise.0 - 6.0).abs() < 0.04 && (fit.twist.0 - 40.0).abs() < 0.25,
        "{fit:?}"
    );
}

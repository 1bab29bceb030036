//! The search against its definition written out, against itself cut otherwise, and on one thread against several.

use super::*;
use rand::RngExt;
use thon_compute::Quiet;
use thon_geometry::Symmetry;
use thon_units::Degrees;

fn noise(dims: [usize; 3], seed: u64) -> Array3<f32> {
    let mut random = thon_compute::seed_stream(seed, "noise", 0);
    Array3::from_shape_fn(dims, |_| random.random::<f32>() - 0.5)
}

/// Three balls of different heights: no symmetry, a hand.
fn lopsided(n: usize) -> Map {
    let c = (n / 2) as f64;
    let balls = [
        ([0.0, 0.0, 0.0], 1.0),
        ([4.0, 1.0, 0.0], 0.7),
        ([0.0, 3.5, 2.0], -0.6),
        ([-1.0, -2.0, 4.0], 0.9),
    ];
    let data = Array3::from_shape_fn((n, n, n), |(z, y, x)| {
        let ball = |(at, height): &([f64; 3], f64)| {
            let d = (x as f64 - c - at[0]).powi(2)
                + (y as f64 - c - at[1]).powi(2)
                + (z as f64 - c - at[2]).powi(2);
            height * (-d / 4.0).exp()
        };
        balls.iter().map(ball).sum::<f64>() as f32
    });
    Map::new(data, PixelSize(10.0))
}

fn options() -> MatchOptions {
    MatchOptions {
        mask_diameter: Angstrom(130.0),
        mask_edge: Angstrom(20.0),
        contrast: Some(ContrastState::UnusedBright),
        high_pass: None,
        significance: false,
        ..MatchOptions::default()
    }
}

fn run(volume: &Array3<f32>, grid: &Orientations, options: &MatchOptions) -> Matches {
    match_template(
        volume.clone(),
        &lopsided(32),
        &[],
        grid,
        PixelSize(10.0),
        options,
        &Quiet,
    )
    .unwrap()
}

/// Roseman's coefficient of one voxel and template, written out; zeros outside the tomogram.
fn written_out(volume: &Array3<f32>, template: &[f32], mask: &Array3<f32>, at: [usize; 3]) -> f64 {
    let reach = (mask.dim().0 / 2) as i64;
    let (mut product, mut sum, mut square, mut weight) = (0.0, 0.0, 0.0, 0.0);
    for (((z, y, x), m), t) in mask.indexed_iter().zip(template) {
        let place = [z, y, x].map(|i| i as i64 - reach);
        let index = [0, 1, 2].map(|a| (at[a] as i64 + place[a]) as usize);
        let v = f64::from(volume.get(index).copied().unwrap_or(0.0));
        product += f64::from(*t) * v;
        sum += f64::from(*m) * v;
        square += f64::from(*m) * v * v;
        weight += f64::from(*m);
    }
    product / (square - sum * sum / weight).sqrt()
}

#[test]
fn scores_are_local_correlation_coefficients() {
    let mut volume = noise([24, 30, 27], 1);
    let grid = Orientations::even(Degrees(60.0).radians(), Symmetry::Cyclic(1));
    for low_pass in [None, Some(Angstrom(30.0))] {
        let options = MatchOptions {
            low_pass,
            ..options()
        };
        let found = run(&volume, &grid, &options);
        let mut filtered = volume.clone();
        let search = ready(
            &mut filtered,
            &lopsided(32),
            &[],
            PixelSize(10.0),
            None,
            &options,
        )
        .unwrap();
        let mask = search.ball.mask();
        for at in [
            [12, 15, 13],
            [0, 0, 0],
            [23, 29, 26],
            [3, 17, 25],
            [20, 2, 9],
        ] {
            let score = |rotation: &glam::DQuat| {
                written_out(
                    &filtered,
                    &search.templates[0].normalised(*rotation),
                    &mask,
                    at,
                )
            };
            let all: Vec<f64> = grid.rotations().iter().map(score).collect();
            let best = (0..all.len()).fold(0, |best, i| if all[i] > all[best] { i } else { best });
            // Near a face the tile's band limit sees the zeros beyond it.
            let tolerance = 6e-3;
            assert!(
                (f64::from(found.template.score[at]) - all[best]).abs() < tolerance,
                "{at:?}: {} {}",
                found.template.score[at],
                all[best]
            );
            let which = found.template.orientation[at] as usize;
            assert!(all[which] > all[best] - tolerance);
        }
        volume.mapv_inplace(|v| v * 3.0 + 7.0);
    }
}

#[test]
fn a_planted_particle_scores_one_in_its_own_orientation_and_less_mirrored() {
    let grid = Orientations::even(Degrees(45.0).radians(), Symmetry::Cyclic(1));
    let options = MatchOptions {
        whiten: false,
        significance: true,
        ..options()
    };
    let mut empty = noise([40, 44, 36], 5);
    let search = ready(
        &mut empty,
        &lopsided(32),
        &[],
        PixelSize(10.0),
        None,
        &options,
    )
    .unwrap();
    let wanted = 17;
    let turned = search.templates[0].turned(grid.rotations()[wanted]);
    let n = turned.dim().0;
    let mut volume = noise([40, 44, 36], 5) * 1e-3;
    let first = [20 - n / 2, 22 - n / 2, 18 - n / 2];
    for ((z, y, x), value) in turned.indexed_iter() {
        let index = [z + first[0], y + first[1], x + first[2]];
        if let Some(voxel) = volume.get_mut(index) {
            *voxel += value;
        }
    }
    let found = run(&volume, &grid, &options);
    let at = [20, 22, 18];
    assert!(
        found.template.score[at] > 0.97,
        "{}",
        found.template.score[at]
    );
    assert_eq!(found.template.orientation[at] as usize, wanted);
    let highest = found.template.score.iter().copied().fold(0.0, f32::max);
    assert_eq!(highest, found.template.score[at]);
    let other = |map: &Option<ScoreMap>| map.as_ref().unwrap().score[at];
    assert!(other(&found.mirrored) < 0.93, "{}", other(&found.mirrored));
}

#[test]
fn tiles_agree_with_the_whole_and_threads_to_the_last_bit() {
    let volume = noise([30, 120, 90], 2);
    let grid = Orientations::even(Degrees(60.0).radians(), Symmetry::Cyclic(2));
    let whole = run(
        &volume,
        &grid,
        &MatchOptions {
            memory: 512,
            ..options()
        },
    );
    let mut filtered = volume.clone();
    let search = ready(
        &mut filtered,
        &lopsided(32),
        &[],
        PixelSize(10.0),
        None,
        &options(),
    )
    .unwrap();
    assert_eq!(
        Layout::choose([30, 120, 90], search.ball.reach(), 512 << 20)
            .unwrap()
            .tiles
            .len(),
        1
    );
    assert!(
        Layout::choose([30, 120, 90], search.ball.reach(), 3 << 20)
            .unwrap()
            .tiles
            .len()
            > 3
    );
    let tiled = search_filtered(&filtered, &search, &[0], &grid, 3, &Quiet)
        .unwrap()
        .remove(0);
    let worst = whole
        .template
        .score
        .iter()
        .zip(&tiled.score)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst < 2e-3, "{worst}");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let single = pool.install(|| {
        run(
            &volume,
            &grid,
            &MatchOptions {
                memory: 512,
                ..options()
            },
        )
    });
    assert_eq!(single, whole);
}

#[test]
fn bad_input_is_refused_by_name() {
    let grid = Orientations::even(Degrees(90.0).radians(), Symmetry::Cyclic(1));
    let refused = |volume: Array3<f32>, options: &MatchOptions| {
        match_template(
            volume,
            &lopsided(32),
            &[],
            &grid,
            PixelSize(10.0),
            options,
            &Quiet,
        )
        .unwrap_err()
        .to_string()
    };
    let mut broken = noise([20; 3], 1);
    broken[[1, 2, 3]] = f32::NAN;
    assert!(refused(broken, &options()).contains("1 voxels of the tomogram"));
    assert!(refused(Array3::ones((20, 20, 20)), &options()).contains("no contrast"));
    let small = MatchOptions {
        mask_diameter: Angstrom(5.0),
        ..options()
    };
    assert!(refused(noise([20; 3], 1), &small).contains("mask_diameter"));
    let tight = MatchOptions {
        memory: 0,
        ..options()
    };
    assert!(refused(noise([20; 3], 1), &tight).contains("MiB"));
}

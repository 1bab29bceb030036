//! A first map from nothing recovers the phantom in its own hand; same seed, same bytes; nonsense is refused.

use glam::DVec3;
use thon_compute::Quiet;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_likelihood::{HalfBall, Placement, Reference};

use super::*;

const N: usize = 32;

fn particles(seed: u64, count: usize) -> SimulatedParticles {
    let scheme = Scheme {
        particles: count,
        box_size: N,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise: 0.3,
        largest_shift: 1.5,
        seed,
    };
    SimulatedParticles::new(&[phantom(N, 1)], scheme)
}

fn options(seed: u64) -> InitialModelOptions {
    InitialModelOptions {
        particle_diameter: 200.0,
        resolution: 40.0,
        shift_range: 20.0,
        starts: 2,
        start_iterations: 12,
        iterations: 4,
        subset: 40,
        seed,
        ..InitialModelOptions::default()
    }
}

/// Correlation of a map with the truth in the best of many rotations, shells 1 to 6.
fn agreement(map: &Map, truth: &Map) -> f64 {
    let (map, truth) = (
        Reference::new(map, N).unwrap(),
        Reference::new(truth, N).unwrap(),
    );
    let points: Vec<DVec3> = HalfBall::new(6)
        .points
        .iter()
        .map(|p| DVec3::from_array(p.map(f64::from)))
        .collect();
    let grid = thon_likelihood::SearchGrid::global(
        2,
        thon_geometry::Symmetry::Cyclic(1),
        glam::DQuat::IDENTITY,
        2.0,
        1.0,
        6,
    );
    let correlation = |placement: &Placement| {
        let (mut cross, mut own, mut other) = (0.0, 0.0, 0.0);
        for &q in &points {
            let a = truth.value(q);
            let b = map.seen(placement.rotation, placement.shift, q);
            cross += f64::from((a * b.conj()).re);
            own += f64::from(a.norm_sqr());
            other += f64::from(b.norm_sqr());
        }
        cross / (own * other).sqrt()
    };
    let best = |rotations: &[glam::DQuat], shifts: &[DVec3]| {
        let all = rotations.iter().flat_map(|&rotation| {
            shifts
                .iter()
                .map(move |&shift| Placement { rotation, shift })
        });
        all.map(|p| (correlation(&p), p))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap()
    };
    let (_, coarse) = best(&grid.rotations, &[DVec3::ZERO]);
    let turns: Vec<glam::DQuat> = (0..343)
        .map(|i| {
            let at = |k: i32| f64::from(k % 7 - 3) * 0.07;
            let turn = DVec3::new(at(i), at(i / 7), at(i / 49));
            glam::DQuat::from_scaled_axis(turn) * coarse.rotation
        })
        .collect();
    best(&turns, &grid.shifts).0
}

#[test]
fn the_structure_comes_out_of_random_orientations_in_its_own_hand() {
    let truth = phantom(N, 1);
    for seed in [1, 2] {
        let found = find_initial_model(&particles(9, 60), &options(seed), &Quiet).unwrap();
        let right = agreement(&found.maps[0], &truth);
        let wrong = agreement(&found.maps[0], &crate::maps::mirrored(&truth, N));
        println!(
            "seed {seed}: {right:.3}, mirrored {wrong:.3}; {:?}",
            found.hand
        );
        println!(
            "  {:?}",
            found.starts.iter().map(|s| s.evidence).collect::<Vec<_>>()
        );
        assert!(
            right > 0.95 && right > wrong + 0.005 && found.hand.significance.abs() > 3.0,
            "seed {seed}: {right} {wrong}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let quick = InitialModelOptions {
        starts: 1,
        start_iterations: 2,
        iterations: 1,
        ..options(3)
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| find_initial_model(&particles(9, 12), &quick, &Quiet).unwrap());
        (found.maps, found.noise, found.starts)
    };
    let one = run(1);
    assert!(one == run(2) && one == run(4));
}

#[test]
fn nonsense_is_refused() {
    let refused = |options: InitialModelOptions| {
        assert!(
            find_initial_model(&particles(9, 12), &options, &Quiet).is_err(),
            "{options:?}"
        );
    };
    refused(InitialModelOptions {
        particle_diameter: f64::NAN,
        ..options(1)
    });
    refused(InitialModelOptions {
        particle_diameter: 2000.0,
        ..options(1)
    });
    refused(InitialModelOptions {
        classes: 0,
        ..options(1)
    });
    refused(InitialModelOptions {
        shift_range: -1.0,
        ..options(1)
    });
    let few = SimulatedParticles::new(
        &[phantom(N, 1)],
        Scheme {
            particles: 1,
            ..particles(9, 12).scheme
        },
    );
    let error = find_initial_model(&few, &options(1), &Quiet).unwrap_err();
    assert!(matches!(error, InitialModelError::TooFew { found: 1, .. }));
}

//! A whole refinement of filament segments: orientations unknown, rise and twist known a little wrongly, noise from little to
//! much. Judged by rise and twist, by how many segments agree on one frame, and by the FSC of the map with the true one.
#![expect(clippy::print_stdout, reason = "figures to look at")]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking and shows its figures"
)]

use glam::{DQuat, DVec3};
use ndarray::Array3;
use thon_average::{Helix, Input, RefineOptions, Status, expect_block, iterate, refine};
use thon_compute::Quiet;
use thon_likelihood::simulated::{Scheme, SimulatedParticles};
use thon_likelihood::{Placement, angle_between};
use thon_signal::mask::{box_centre, sphere};
use thon_signal::resample::{Interpolation, sample3};
use thon_signal::shells::fsc;
use thon_units::{Angstrom, Degrees};

const N: usize = 32;
const VOXEL: f64 = 5.0;
/// Å and degrees.
const TRUE: [f64; 2] = [14.0, 52.0];

/// A helix of subunits of three blobs, inside a soft sphere as extraction leaves a filament.
fn filament([rise, twist]: [f64; 2]) -> Vec<f32> {
    let c = (N / 2) as f64;
    // Radius, angle (degrees), height, deviation (voxels), density.
    let blobs = [
        [6.0, 0.0, 0.0, 1.5, 1.0],
        [3.2, 40.0, 0.8, 1.2, 0.7],
        [7.5, 25.0, 1.0, 1.1, 0.6],
    ];
    let mut map = vec![0.0_f32; N * N * N];
    for step in -9..=9 {
        for [radius, angle, height, deviation, density] in blobs {
            let turn = (angle + twist * f64::from(step)).to_radians();
            let along = height + rise / VOXEL * f64::from(step);
            let centre = DVec3::new(radius * turn.cos(), radius * turn.sin(), along);
            for (i, value) in map.iter_mut().enumerate() {
                let r = DVec3::from_array([i % N, i / N % N, i / N / N].map(|v| v as f64 - c));
                let away = r.distance_squared(centre) / (2.0 * deviation * deviation);
                if away < 20.0 {
                    *value += (density * (-away).exp()) as f32;
                }
            }
        }
    }
    for (i, value) in map.iter_mut().enumerate() {
        let r = DVec3::from_array([i % N, i / N % N, i / N / N].map(|v| v as f64 - c)).length();
        let edge = ((r - 12.5) / 3.0).clamp(0.0, 1.0);
        *value *= (0.5 + 0.5 * (std::f64::consts::PI * edge).cos()) as f32;
    }
    map
}

fn helix([rise, twist]: [f64; 2], refined: bool) -> Helix {
    Helix {
        rise: Angstrom(rise),
        twist: Degrees(twist),
        central_part: 0.5,
        radius: Angstrom(11.0 * VOXEL),
        refine: refined,
        rise_range: Angstrom(0.0),
        twist_range: Degrees(0.0),
    }
}

/// Share of particles that agree on one frame, placements that differ by steps of the helix being the same: within 10° and
/// one voxel. Small angles between true and found axes come first.
fn agreeing(found: &[Placement], truth: &[Placement], [rise, twist]: [f64; 2]) -> f64 {
    let differences: Vec<(DQuat, DVec3)> = (found.iter().zip(truth))
        .map(|(f, t)| {
            let back = t.rotation.conjugate();
            (back * f.rotation, back * (f.shift - t.shift))
        })
        .collect();
    let steps: Vec<(DQuat, DVec3)> = (-8..=8)
        .map(|j| {
            let step = f64::from(j);
            let turn = DQuat::from_rotation_z((twist * step).to_radians());
            (turn, DVec3::Z * (rise / VOXEL * step))
        })
        .collect();
    let agree = |(a, p): &(DQuat, DVec3), (b, q): &(DQuat, DVec3)| {
        steps.iter().any(|(turn, along)| {
            angle_between(*turn * *a, *b).to_degrees() < 10.0
                && (*turn * *p + *along).distance(*q) < 1.0
        })
    };
    let support = |one: &(DQuat, DVec3)| differences.iter().filter(|d| agree(d, one)).count();
    let most = differences.iter().map(support).max().unwrap();
    most as f64 / found.len() as f64
}

/// A map `[n, n, n]`.
fn cube(map: &[f32]) -> Array3<f32> {
    Array3::from_shape_vec((N, N, N), map.to_vec()).unwrap()
}

/// The map turned about the axis and moved along it.
fn carried(map: &Array3<f32>, turn: f64, along: f64, reach: f64) -> Array3<f32> {
    let c = (N / 2) as f64;
    let (sin, cos) = turn.to_radians().sin_cos();
    Array3::from_shape_fn((N, N, N), |(z, y, x)| {
        let [x, y, z] = [x, y, z].map(|v| v as f64 - c);
        if x * x + y * y + z * z > reach * reach {
            return 0.0;
        }
        let from = [cos * x - sin * y + c, sin * x + cos * y + c, z + along + c];
        sample3(map, from, Interpolation::Cubic).unwrap_or(0.0)
    })
}

/// FSC with the truth inside a soft sphere, wherever along and about the axis the map stands.
fn fsc_with_truth(map: &[f32], truth: &[f32]) -> Vec<f64> {
    let (map, truth) = (cube(map), cube(truth));
    let ball = sphere([N; 3], box_centre([N; 3]), 8.0, 3.0);
    let masked = &truth * &ball;
    let score = |turn: f64, along: f64| {
        let here = carried(&map, turn, along, 8.0);
        (&here * &masked).sum() / (&here * &here).sum().sqrt()
    };
    let coarse =
        (0..6).flat_map(|d| (0..60).map(move |t| (6.0 * f64::from(t), 0.5 * f64::from(d))));
    let better = |a: (f64, f64), b: (f64, f64)| {
        if score(a.0, a.1) >= score(b.0, b.1) {
            a
        } else {
            b
        }
    };
    let mut best = coarse.reduce(better).unwrap();
    let mut step = 1.0;
    while step > 0.05 {
        let around = (0..9).map(|i| {
            (
                f64::from(i / 3 - 1) * 3.0 * step,
                f64::from(i % 3 - 1) * 0.25 * step,
            )
        });
        let start = best;
        best = around.fold(best, |best, (t, d)| {
            better(best, (start.0 + t, start.1 + d))
        });
        if best == start {
            step *= 0.5;
        }
    }
    fsc(&(carried(&map, best.0, best.1, 12.0) * &ball), &masked).fsc
}

/// What a refinement came to.
struct Outcome {
    rise: f64,
    twist: f64,
    right: f64,
    resolution: f64,
    /// Of the refined map with the true one.
    fsc: Vec<f64>,
}

fn refined(
    particles: usize,
    signal_to_noise: f64,
    seed: u64,
    stated: [f64; 2],
    fitted: bool,
) -> Outcome {
    let scheme = Scheme {
        particles,
        box_size: N,
        voxel_size: VOXEL,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 1.5,
        seed,
    };
    let map = filament(TRUE);
    let particles = SimulatedParticles::new(std::slice::from_ref(&map), scheme);
    let mut options = RefineOptions::default();

    options.target.diameter = Angstrom(20.0 * VOXEL);
    options.target.helix = Some(helix(stated, fitted));
    options.initial_low_pass = Angstrom(25.0);
    options.join_halves = Angstrom(20.0);
    options.poses.offset_range = Angstrom(12.0);
    options.poses.offset_sigma = Angstrom(5.0);
    let reference = filament(stated);
    let input = Input {
        references: &[&reference],
        ..Input::default()
    };
    let mut state = refine::start(&particles, &input, &options, &Quiet).unwrap();
    while state.head.status == Status::Running {
        state = iterate(&particles, &state, &Quiet).unwrap();
        let helix = state.head.helix.unwrap();
        println!(
            "   {}: rise {:.3} Å, twist {:.3}°, {:.1} Å; {:?}",
            state.head.iteration,
            helix.rise.0,
            helix.twist.0,
            state.resolution(),
            state.head.reports.last().unwrap().helix
        );
    }
    let state = refine::last(&state);
    let count = state.head.particles;
    let block = expect_block(&particles, &state, 0..count, &Quiet).unwrap();
    let refined = refine::finish(&state, vec![block]).unwrap();
    let found = refined.helix.unwrap();
    let best: Vec<Placement> = (refined.posteriors.iter())
        .map(|p| p.best().placement)
        .collect();
    let outcome = Outcome {
        rise: found.rise.0,
        twist: found.twist.0,
        right: agreeing(&best, &particles.truth, TRUE),
        resolution: refined.resolution,
        fsc: fsc_with_truth(&refined.map, &map),
    };
    println!(
        "helix: {count} segments, signal over noise {signal_to_noise}, seed {seed}, from {:.1} Å and {:.1}°{}: rise {:.3} Å, twist {:.3}°; \
         {:.0} % of segments right; resolution {:.1} Å; FSC with the truth at 27, 20, 16, 13 Å {:.2} {:.2} {:.2} {:.2}",
        stated[0],
        stated[1],
        if fitted { "" } else { ", kept" },
        outcome.rise,
        outcome.twist,
        100.0 * outcome.right,
        outcome.resolution,
        outcome.fsc[6],
        outcome.fsc[8],
        outcome.fsc[10],
        outcome.fsc[12],
    );
    outcome
}

#[test]
fn segments_refine_to_their_rise_and_twist() {
    let found = refined(48, 2.0, 8, [13.4, 53.5], true);
    assert!((found.rise - TRUE[0]).abs() < 0.2, "{}", found.rise);
    assert!((found.twist - TRUE[1]).abs() < 0.4, "{}", found.twist);
    assert!(found.right >= 0.85, "{}", found.right);
    assert!(found.resolution < 16.0, "{}", found.resolution);
    assert!(
        found.fsc[1..=10].iter().all(|f| *f > 0.7),
        "{:?}",
        found.fsc
    );
}

#[test]
#[ignore = "slow: cargo xtask validate --only helix"]
fn segments_refine_from_several_starts_through_much_noise() {
    let kept = refined(120, 1.0, 8, [13.4, 53.5], false);
    for (seed, stated) in [
        (8, [13.4, 53.5]),
        (9, [14.6, 50.5]),
        (10, [13.0, 50.0]),
        (11, [14.9, 54.5]),
    ] {
        for signal_to_noise in [2.0, 1.0, 0.5] {
            let found = refined(120, signal_to_noise, seed, stated, true);
            assert!((found.rise - TRUE[0]).abs() < 0.2, "{}", found.rise);
            assert!((found.twist - TRUE[1]).abs() < 0.4, "{}", found.twist);
            assert!(found.right >= 0.85, "{}", found.right);
            assert!(found.fsc[1..=8].iter().all(|f| *f > 0.7), "{:?}", found.fsc);
            if signal_to_noise == 1.0 {
                // Rise and twist are worth refining.
                assert!(found.fsc[10] > kept.fsc[10]);
            }
        }
    }
}

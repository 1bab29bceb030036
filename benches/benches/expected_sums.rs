//! The M-step: subtomograms at placements into exact sums, the map from the sums, floor beside.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::f64::consts::PI;

use glam::{DQuat, DVec3};
use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_reconstruct::{Contribution, ExpectedSums, Quanta, Regulariser, WeightedPlacement};
use thon_signal::fft::Complex32;

/// Lattice points of one half of Fourier space outside a wedge of 60° to the tilt axis y, by shell.
fn samples(band: usize) -> Vec<[f32; 3]> {
    let reach = band as i32;
    let mut points = Vec::new();
    for z in -reach..=reach {
        for y in -reach..=reach {
            for x in 0..=reach {
                let shell = f64::from(x * x + y * y + z * z).sqrt().round() as usize;
                let kept = x > 0 || y > 0 || (y == 0 && z > 0);
                let seen = f64::from(z.abs()) <= 1.74 * f64::from(x) + 1.0;
                if kept && seen && (1..=band).contains(&shell) {
                    points.push((shell, [x as f32, y as f32, z as f32]));
                }
            }
        }
    }
    points.sort_by_key(|(shell, _)| *shell);
    points.into_iter().map(|(_, point)| point).collect()
}

fn placements(count: usize) -> Vec<WeightedPlacement> {
    let turn = |step: f64, i: usize| 2.0 * PI * (step * i as f64).fract();
    (0..count)
        .map(|i| WeightedPlacement {
            rotation: DQuat::from_rotation_z(turn(0.618_034, i))
                * DQuat::from_rotation_y(turn(0.414_214, i))
                * DQuat::from_rotation_z(turn(0.732_051, i)),
            shift: DVec3::new(0.25, -1.25, 0.5),
            weight: 1.0,
        })
        .collect()
}

fn run(n: usize, band: usize, count: usize, floor: &Floor) {
    let positions = samples(band);
    let number = |i: usize| ((i * 7919) % 1009) as f32 * 1e-3 - 0.5;
    let products: Vec<Complex32> = (0..positions.len())
        .map(|i| Complex32::new(number(i), number(i + 1)))
        .collect();
    let weights: Vec<f32> = (0..positions.len()).map(|i| number(i).abs()).collect();
    let placements = placements(count);
    let contributions: Vec<_> = placements
        .chunks(1)
        .map(|placements| Contribution {
            positions: &positions,
            products: &products,
            weights: &weights,
            count: positions.len(),
            placements,
        })
        .collect();
    let quanta = Quanta::from_noise([1.0]).expect("a positive power");
    let mut sums = ExpectedSums::new(n, 2, band, quanta).expect("a box and its band");
    let seconds = least_cpu_seconds(5, || sums.insert(&contributions).is_ok()) / count as f64;
    // 8 neighbours × 3 × (multiply, convert, add) and about 80 for position and phase; 8 neighbours × 24 bytes read and written.
    let all = positions.len() as f64;
    let by_arithmetic = all * (8.0 * 9.0 + 80.0) / (floor.gflops * 1e9);
    let by_memory = all * (8.0 * 48.0 + 24.0) / (floor.memory * 1e9);
    let by_cache = all * (8.0 * 48.0 + 24.0) / (floor.second_cache * 1e9);
    println!(
        "box {n:4} band {band:3}: {all:7.0} samples, {:6.3} CPU ms per placement ({:.1} ns per sample); floor {:.3} ms by arithmetic, {:.3} by second-level cache, {:.3} by memory",
        seconds * 1e3,
        seconds / all * 1e9,
        by_arithmetic * 1e3,
        by_cache * 1e3,
        by_memory * 1e3,
    );
    let solve = least_cpu_seconds(3, || sums.solve(&Regulariser::none()).is_ok());
    let correlate = least_cpu_seconds(3, || sums.correlation(&sums).is_ok());
    println!(
        "          map from the sums {solve:.3} CPU s, correlation of half sets {correlate:.3} CPU s; peak RSS {:.0} MiB",
        peak_memory_mib()
    );
}

fn main() {
    let floor = Floor::measure();
    println!(
        "floor of one core: {:.0} GFLOP/s, second-level cache {:.0} GB/s, memory {:.0} GB/s",
        floor.gflops, floor.second_cache, floor.memory
    );
    run(32, 16, 200, &floor);
    run(64, 16, 200, &floor);
    run(64, 32, 100, &floor);
    run(96, 48, 40, &floor);
    run(128, 64, 20, &floor);
}

//! The expectation step of one particle: global search (two matrix products) and polishing (gathers), floor beside.
//!
//! RELION 3.1.3 on the machine this was first measured on: 8 s per particle at box 64 for a global expectation step with
//! oversampling, 3.5 s at box 32 (research notes).

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use glam::{DQuat, DVec3};
use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_geometry::Symmetry;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_likelihood::{
    Candidate, Dictionary, HalfBall, NoiseModel, Observe, ParticleSource, PosteriorOptions, Prior,
    Reference, SearchGrid, SearchOptions, Whitened, angle_between, candidates, coarse_band,
    derivatives, posterior, search,
};

/// Particles of a run.
const COUNT: usize = 24;

fn particles(map: &[f32], n: usize) -> (SimulatedParticles, Vec<Whitened>) {
    let scheme = Scheme {
        particles: COUNT,
        box_size: n,
        voxel_size: 480.0 / n as f64,
        largest_tilt: 60.0,
        // The same data at every size of box: white noise, 0.05 at box 96.
        signal_to_noise: 0.05 * (96.0 / n as f64).powi(3),
        largest_shift: 2.0,
        seed: 1,
    };
    let particles = SimulatedParticles::new(&[map.to_vec()], scheme);
    let band = n / 2 - 2;
    let noise = NoiseModel {
        shells: vec![vec![particles.noise_power(); band + 1]],
        ..NoiseModel::default()
    };
    let wanted = Observe { band, mask: None };
    let observe = |i| {
        noise.whiten(
            &particles
                .observe(i, &wanted)
                .expect("simulated particles can be read"),
        )
    };
    let data = (0..COUNT).map(observe).collect();
    (particles, data)
}

fn run(n: usize, floor: &Floor) {
    let map = phantom(n, 1);
    let (truth, data) = particles(&map, n);
    let made = least_cpu_seconds(2, || Reference::new(&map, n).is_ok());
    let reference = Reference::new(&map, n).expect("a phantom is a map");
    let low = coarse_band(15_f64.to_radians(), n as f64 * 0.6, n).max(6);
    let grid = SearchGrid::global(2, Symmetry::Cyclic(1), DQuat::IDENTITY, 4.0, 2.0, low);
    let sliced = least_cpu_seconds(2, || Dictionary::new(&reference, &grid, 0).class());
    let dictionary = [Dictionary::new(&reference, &grid, 0)];
    let priors = vec![Prior::about(DVec3::ZERO, 2.0); COUNT];
    let options = SearchOptions::default();
    let compare = || search(&dictionary, &grid, &data, &priors, &options).expect("all fits");
    let searching = least_cpu_seconds(3, compare) / COUNT as f64;
    let points = HalfBall::new(low).points.len() as f64;
    let pairs = grid.rotations.len() as f64;
    let flop = 2.0 * pairs * (2.0 * points * grid.shifts.len() as f64 + points);
    println!(
        "box {n:4}: search of {} rotations × {} shifts to shell {low}: {:.2} ms per particle, {:.0} GFLOP/s, {:.0} % of the floor; reference {:.0} ms, dictionary {:.0} ms",
        grid.rotations.len(),
        grid.shifts.len(),
        searching * 1e3,
        flop / searching * 1e-9,
        flop / searching * 1e-7 / floor.gflops,
        made * 1e3,
        sliced * 1e3,
    );
    let found = compare();
    let starts = found.iter().zip(&priors);
    let starts: Vec<Vec<Candidate>> = starts
        .map(|(found, prior)| candidates(&grid, found, prior, 8))
        .collect();
    let band = data[0].geometry.band();
    let bands = PosteriorOptions::bands(low, band);
    let references = [reference];
    let all = || -> Vec<_> {
        let starts = data.iter().zip(&starts).zip(&priors);
        starts
            .map(|((data, starts), prior)| posterior(&references, data, starts, prior, &bands))
            .collect()
    };
    let polishing = least_cpu_seconds(2, all) / COUNT as f64;
    let samples = data[0].geometry.len();
    let repeats = 40_000_000 / (samples * COUNT) + 1;
    let once = least_cpu_seconds(2, || {
        let data = data.iter().zip(&truth.truth).cycle().take(repeats * COUNT);
        data.map(|(d, t)| derivatives(&references[0], d, t, band).log_likelihood)
            .sum::<f64>()
    }) / (repeats * COUNT) as f64;
    let mut angles: Vec<f64> = all()
        .iter()
        .zip(&truth.truth)
        .map(|(p, t)| angle_between(p.best().placement.rotation, t.rotation).to_degrees())
        .collect();
    angles.sort_by(f64::total_cmp);
    println!(
        "          posterior to shell {band}: {:.2} ms per particle; one evaluation with derivatives of {samples} samples {:.0} µs, {:.1} ns per sample; floor {:.1} ns by arithmetic; angles within {:.2}° (median), {:.2}° (all); whole expectation {:.1} ms; peak RSS {:.0} MiB",
        polishing * 1e3,
        once * 1e6,
        once / samples as f64 * 1e9,
        250.0 / floor.gflops,
        angles[COUNT / 2],
        angles[COUNT - 1],
        (searching + polishing) * 1e3,
        peak_memory_mib(),
    );
}

fn main() {
    let floor = Floor::measure();
    println!(
        "floor of one core: {:.0} GFLOP/s, memory {:.0} GB/s",
        floor.gflops, floor.memory
    );
    for n in [32, 64, 96, 128] {
        run(n, &floor);
    }
}

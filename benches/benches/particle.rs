//! Fourier reconstruction of particles: slices/s per core into the sums, the map from the sums, floor beside.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::f64::consts::PI;

use glam::{DMat3, DQuat, DVec2};
use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_ctf::{CtfModel, ExposureModel};
use thon_model::{Ctf, Optics};
use thon_reconstruct::{PartialSums, ParticleView, SolveOptions, Transfer};
use thon_units::{Angstrom, Dose, Kilovolt, PixelSize};

/// Views of `n` pixels with spread rotations; pixels are made up.
fn views(n: usize, count: usize) -> Vec<ParticleView> {
    (0..count)
        .map(|i| {
            let turn = |step: f64| 2.0 * PI * (step * i as f64).fract();
            let rotation = DQuat::from_rotation_z(turn(0.618_034))
                * DQuat::from_rotation_y(turn(0.414_214))
                * DQuat::from_rotation_z(turn(0.732_051));
            ParticleView {
                image: (0..n * n)
                    .map(|p| ((p * 7919 + i) % 1009) as f32 * 1e-3)
                    .collect(),
                size: n,
                projection: DMat3::from_quat(rotation),
                offset: DVec2::new(0.25, -0.25),
                transfer: Some(transfer(n, i)),
                premultiplied: false,
                weight: 1.0,
            }
        })
        .collect()
}

fn transfer(n: usize, i: usize) -> Vec<f32> {
    let ctf = Ctf::round(Angstrom(15_000.0 + 10.0 * i as f64));
    Transfer {
        ctf: Some(CtfModel::new(&Optics::default(), &ctf)),
        exposure_model: ExposureModel::GrantGrigorieff,
        dose_before: Dose(3.0 * (i % 40) as f64),
        dose_during: Dose(3.0),
        voltage: Kilovolt(300.0),
    }
    .half_spectrum(n, PixelSize(3.0))
}

fn run(n: usize, count: usize, floor: &Floor) {
    let views = views(n, count);
    let mut sums = PartialSums::new(n, 2).expect("the box is within its range");
    let seconds = least_cpu_seconds(5, || sums.insert(&views).is_ok());
    let rate = count as f64 / seconds;
    // Half a disc of samples; 8 neighbours × (2 + 2 + 2) flop and 12 bytes read and written each; 2.5 N log₂ N for the FFT.
    let samples = 0.5 * PI * (n as f64 / 2.0).powi(2);
    let pixels = (n * n) as f64;
    let flop = samples * 48.0 + 2.5 * pixels * pixels.log2();
    let bytes = samples * 8.0 * 24.0;
    println!(
        "box {n:4}: {rate:8.0} slices/s per core ({:.0} ns per sample); floor {:.0}/s by arithmetic, {:.0}/s by memory; at {:.1} % of the nearer",
        seconds / count as f64 / samples * 1e9,
        floor.gflops * 1e9 / flop,
        floor.memory * 1e9 / bytes,
        100.0 * rate / (floor.gflops * 1e9 / flop).min(floor.memory * 1e9 / bytes),
    );
    let seconds = least_cpu_seconds(2, || sums.solve(&SolveOptions::default()).is_ok());
    let repeats = 40_000_000 / (n * n);
    let transfers = least_cpu_seconds(3, || (0..repeats).map(|i| transfer(n, i)[0]).sum::<f32>());
    println!(
        "          map from the sums {seconds:.2} CPU s; CTF and exposure weights {:.0}/s per core; peak RSS {:.0} MiB",
        repeats as f64 / transfers,
        peak_memory_mib()
    );
}

fn main() {
    let floor = Floor::measure();
    println!(
        "floor of one core: {:.0} GFLOP/s, memory {:.0} GB/s",
        floor.gflops, floor.memory
    );
    run(64, 2000, &floor);
    run(128, 800, &floor);
    run(192, 300, &floor);
}

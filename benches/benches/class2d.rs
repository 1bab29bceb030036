//! Classification of projections, from the first image to the last round, floor beside.
//!
//! The floor counts the products of the coarse search alone, at the full band in every round: what cannot be left out.
//! RELION 3.1.3 on the machine this was first measured on, 300 images, box 64, 20 classes, 25 rounds at 30 Å: 225 CPU s.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::f64::consts::PI;

use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_classify::two_dimensional::simulated::{Kind, Scheme, SimulatedImages};
use thon_classify::two_dimensional::{ClassOptions, classify};
use thon_compute::Quiet;
use thon_likelihood::simulated::phantom;
use thon_units::Angstrom;

/// CPU seconds per image of RELION 3.1.3 at box 64, 20 classes, 25 rounds.
const RELION: f64 = 0.75;

fn run(n: usize, count: usize, floor: &Floor) {
    let pixel_size = 480.0 / n as f64;
    let scheme = Scheme {
        box_size: n,
        pixel_size,
        signal_to_noise: 0.3 * (64.0 / n as f64).powi(2),
        radius: 140.0,
        gold_radius: 50.0,
        largest_shift: 20.0,
        one_view: false,
        seed: 1,
    };
    let images = SimulatedImages::new(&[phantom(n, 1)], vec![Kind::Particle(0); count], scheme);
    let options = ClassOptions {
        classes: 20,
        diameter: Some(Angstrom(320.0)),
        resolution: Angstrom(30.0),
        ..ClassOptions::default()
    };
    let seconds = least_cpu_seconds(1, || classify(&images, options.clone(), &Quiet).is_ok());
    let (band, radius) = (480.0 / 30.0, 160.0 / pixel_size);
    let angles = (PI / (n as f64 / (2.0 * band * radius))).ceil();
    let points = 0.5 * PI * (band / 2.0).powi(2);
    let flop = 2.0 * count as f64 * 20.0 * angles * 21.0 * 2.0 * points * 25.0;
    println!(
        "box {n:3}, {count:4} images: {seconds:6.2} CPU s, {:.4} s per image ({:.0} times RELION's 0.75 s at box 64); \
         floor {:.2} s ({:.0} % of it); peak RSS {:.0} MiB",
        seconds / count as f64,
        RELION * count as f64 / seconds,
        flop / (floor.gflops * 1e9),
        100.0 * flop / (floor.gflops * 1e9) / seconds,
        peak_memory_mib()
    );
}

fn main() {
    let floor = Floor::measure();
    println!("floor of one core: {:.0} GFLOP/s", floor.gflops);
    run(32, 300, &floor);
    run(64, 300, &floor);
    run(64, 3000, &floor);
    run(96, 300, &floor);
}

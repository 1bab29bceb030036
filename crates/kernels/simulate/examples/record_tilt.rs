//! Simulates the default series with beads and writes one tilt image as a PNG, with the time it took;
//! with `all`, records the whole series and prints the resolution that two such series allow.
//!
//! `cargo run -p thon-simulate --example record_tilt -- TILT OUT.png [noiseless] [all]`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a program run by hand: a failure may stop it"
)]

use std::time::Instant;

use thon_compute::Quiet;
use thon_signal::fft::{Fft2, frequency};
use thon_simulate::{Phantom, ResolutionBound, ShotNoise, Simulation, SimulationOptions};

/// The image low-passed to `cutoff` cycles per pixel, for the eye.
fn smooth(image: &ndarray::Array2<f32>, cutoff: f64) -> ndarray::Array2<f32> {
    let (ny, nx) = image.dim();
    let plan = Fft2::plan([ny, nx]);
    let mut spectrum = plan.forward(image);
    for ((y, x), value) in spectrum.indexed_iter_mut() {
        let k = frequency(y, ny).hypot(x as f64 / nx as f64);
        *value *= (-(k / cutoff).powi(2)).exp() as f32;
    }
    plan.inverse(&spectrum)
}

fn write_png(path: &str, image: &ndarray::Array2<f32>) {
    let mean = image.mean().unwrap();
    let sigma = image.mapv(|v| (v - mean).powi(2)).mean().unwrap().sqrt();
    let grey: Vec<u8> = image
        .rows()
        .into_iter()
        .rev()
        .flat_map(|row| row.to_vec())
        .map(|v| (128.0 + 42.0 * (v - mean) / sigma).clamp(0.0, 255.0) as u8)
        .collect();
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, image.dim().1 as u32, image.dim().0 as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&grey).unwrap();
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, tilt, path, rest @ ..] = &arguments[..] else {
        eprintln!("usage: record_tilt TILT OUT.png [noiseless] [all]");
        std::process::exit(2);
    };
    let word = |w: &str| rest.iter().any(|r| r == w);
    let noise = if word("noiseless") {
        ShotNoise::None
    } else {
        ShotNoise::Poisson
    };
    let options = SimulationOptions {
        beads: 12,
        shot_noise: noise,
        ..SimulationOptions::default()
    };
    let start = Instant::now();
    let simulation = Simulation::prepare("TS_01", &options, &Phantom::ribosome_70s(), 1).unwrap();
    println!("prepared in {:?}", start.elapsed());
    let start = Instant::now();
    let image = simulation.record(tilt.parse().unwrap()).sum();
    println!(
        "recorded in {:?}, mean {}",
        start.elapsed(),
        image.mean().unwrap()
    );
    write_png(
        path,
        &smooth(&image, if word("noiseless") { 10.0 } else { 0.12 }),
    );
    if word("all") {
        let start = Instant::now();
        let images = simulation.record_all(&Quiet).unwrap();
        println!("{} images in {:?}", images.len(), start.elapsed());
        let start = Instant::now();
        let bound = ResolutionBound::of(&[&simulation, &simulation], 96, options.pixel_size, None);
        println!("two such series, box 96: bound in {:?}", start.elapsed());
        println!("FSC(map, phantom) = 0.5 at {:?}", bound.resolution(0.5));
        for (k, fsc) in bound
            .frequency
            .iter()
            .zip(bound.fsc_with_truth())
            .skip(1)
            .step_by(4)
        {
            println!("{:8.2} Å {fsc:.3}", 1.0 / k);
        }
    }
}

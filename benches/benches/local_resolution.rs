//! Local resolution with cropped windows: CPU seconds, beside the transforms of whole boxes that RELION's formulation needs.
//!
//! Floor: four transforms of a window's box for every window and one of the whole box for every shell, 2.5 N log₂ N flop each. RELION
//! transforms the whole box five times for every window; the ratio is to these transforms alone, on the same engine.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use ndarray::Array3;
use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_compute::Quiet;
use thon_maps::local_resolution::{LocalOptions, local_resolution};
use thon_model::Map;
use thon_signal::fft::{Fft3, next_fast_even_length};
use thon_units::PixelSize;

/// A half map: blobs that both share, and noise of its own.
fn half(edge: usize, voxel_size: f64, seed: usize) -> Map {
    let data = Array3::from_shape_fn((edge, edge, edge), |(z, y, x)| {
        let wave = ((x * 3 + y * 5) as f32 * 0.11).sin() * ((z * 2 + x) as f32 * 0.17).cos();
        let hash = (((z * edge + y) * edge + x) * 2_654_435_761 + seed * 40_503) % 65_537;
        wave + hash as f32 / 65_537.0 - 0.5
    });
    Map::new(data, PixelSize(voxel_size))
}

fn run(edge: usize, voxel_size: f64, floor: &Floor) {
    let halves = [half(edge, voxel_size, 1), half(edge, voxel_size, 2)];
    let options = LocalOptions::default();
    let mut windows = 0;
    let seconds = least_cpu_seconds(2, || {
        let found = local_resolution([&halves[0], &halves[1]], None, None, &options, &Quiet);
        windows = found.map_or(0, |found| found.windows.len());
        windows
    });
    let plan = Fft3::plan([edge; 3]);
    let transform = least_cpu_seconds(3, || plan.forward(&halves[0].data)[[0, 0, 0]]);
    let whole = 5.0 * transform * windows as f64;
    let work = |n: f64| 2.5 * n.powi(3) * 3.0 * n.log2();
    let support = 2.0 * (37.5 / voxel_size).ceil() + 1.0;
    let window = next_fast_even_length(support as usize) as f64;
    let flop = 4.0 * windows as f64 * work(window) + edge as f64 / 2.0 * work(edge as f64);
    println!(
        "box {edge:4} of {voxel_size} Å: {windows} windows of {window} in {seconds:.2} CPU s; whole-box transforms alone {whole:.1} s: {:.0} \
         times more; floor {:.2} s by arithmetic; peak RSS {:.0} MiB",
        whole / seconds,
        flop / (floor.gflops * 1e9),
        peak_memory_mib()
    );
}

fn main() {
    let floor = Floor::measure();
    println!("floor of one core: {:.0} GFLOP/s", floor.gflops);
    run(64, 5.0, &floor);
    run(96, 5.0, &floor);
    run(160, 2.5, &floor);
}

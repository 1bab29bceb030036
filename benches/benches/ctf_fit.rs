//! Contrast transfer of a tilt series: CPU seconds per view, spectra and fit apart, with the floor beside.
//!
//! Peers on the machine this was first measured on (research notes), per 1024 × 1024 view: ctffind5 0.84 s, 11.8 s with tilt search;
//! a numpy prototype with fixed geometry 0.09 s.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_compute::Quiet;
use thon_ctf_fit::{FitOptions, SeriesView, Tiler, fit_series};
use thon_geometry::TiltGeometry;
use thon_model::Optics;
use thon_units::Degrees;

/// Noise without rings: the work does not depend on what is seen.
fn image(size: usize, seed: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32 ^ (seed as u32 + 1);
    (0..size * size)
        .map(|_| {
            let mut sum = 0.0;
            for _ in 0..4 {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                sum += (state >> 8) as f32 * 2.0_f32.powi(-24);
            }
            20.0 + 4.0 * (sum - 2.0)
        })
        .collect()
}

fn run(size: usize, pixel_size: f64, tile: usize, floor: &Floor) {
    let options = FitOptions {
        resolution: [40.0, (2.25 * pixel_size).max(5.0)],
        ..FitOptions::default()
    };
    let tiler = Tiler::new(tile, pixel_size, options.resolution.map(|r| 1.0 / r), 12);
    let angles: Vec<f64> = (0..11).map(|i| -60.0 + 12.0 * f64::from(i)).collect();
    let mut views = Vec::new();
    let spectra = least_cpu_seconds(1, || {
        views = angles
            .iter()
            .enumerate()
            .map(|(rank, angle)| SeriesView {
                spectra: tiler
                    .spectra(&mut image(size, rank), [size; 2])
                    .expect("images are larger than tiles"),
                geometry: TiltGeometry::tilted(Degrees(*angle).radians()),
                rank,
            })
            .collect();
    });
    let fit = least_cpu_seconds(2, || {
        fit_series(&views, tiler.grid(), &Optics::default(), &options, &Quiet)
            .expect("options are valid");
    });
    let count = angles.len() as f64;
    let tiles = views[0].spectra.len() as f64;
    // A real transform of n² values costs 2.5 n² log₂ n² / 2 operations.
    let operations = tiles * 1.25 * (tile * tile) as f64 * 2.0 * (tile as f64).log2();
    println!(
        "ctf_fit {size} × {size}, {tiles} tiles of {tile}: spectra {:.3} s, fit {:.3} s per view; floor of the transforms {:.3} s; {:.0} MiB",
        spectra / count,
        fit / count,
        1e-9 * operations / floor.gflops,
        peak_memory_mib()
    );
}

fn main() {
    let floor = Floor::measure();
    run(1024, 2.7, 256, &floor);
    run(4096, 1.35, 512, &floor);
}

//! Template matching: time of one core per voxel and orientation, beside the floor.
//!
//! Floor: a pair of templates needs one complex transform there and back. Of 5·N·log₂N operations in each direction, a third along each
//! axis: forward only z is transformed everywhere, back all three; of the columns along z, π/4 lie within Nyquist. That is
//! 2·π/4 + 2 thirds of 5·N·log₂N for two orientations. Peer on the machine this was first measured on: pytom-match-pick on
//! one core, 32 ns (research notes).

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use ndarray::Array3;
use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_compute::Quiet;
use thon_geometry::Symmetry;
use thon_model::Map;
use thon_pick::{MatchOptions, Orientations, match_template};
use thon_units::{Angstrom, Degrees, PixelSize};

fn noise(dims: [usize; 3]) -> Array3<f32> {
    let mut state = 0x9e37_79b9_u32;
    Array3::from_shape_fn(dims, |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 * 2.0_f32.powi(-24)
    })
}

fn main() {
    let floor = Floor::measure();
    let dims = [140, 256, 256];
    let tomogram = noise(dims);
    let template = Map::new(noise([36; 3]), PixelSize(13.0));
    let rotations = |count: usize| {
        let all = Orientations::even(Degrees(30.0).radians(), Symmetry::Cyclic(1));
        Orientations::listed(all.rotations()[..count].to_vec(), all.step())
    };
    let voxels = dims.iter().product::<usize>() as f64;
    println!(
        "{} GFLOP/s, {:.1} GB/s from memory",
        floor.gflops.round(),
        floor.memory
    );
    for memory in [128, 1024] {
        let options = MatchOptions {
            mask_diameter: Angstrom(2.0 * 13.0 * 12.0),
            mask_edge: Angstrom(26.0),
            significance: false,
            memory,
            ..MatchOptions::default()
        };
        let time = |count: usize| {
            let grid = rotations(count);
            least_cpu_seconds(2, || {
                let found = match_template(
                    tomogram.clone(),
                    &template,
                    &[],
                    &grid,
                    PixelSize(13.0),
                    &options,
                    &Quiet,
                );
                found.expect("a bench's own input").template.score[[70, 128, 128]]
            })
        };
        let (few, many) = (time(8), time(40));
        let each = (many - few) / 32.0 / voxels * 1e9;
        let share = (2.0 * std::f64::consts::FRAC_PI_4 + 2.0) / 3.0;
        let bound = share * 5.0 * voxels.log2() / 2.0 / floor.gflops;
        println!(
            "{dims:?}, {memory} MiB: {each:.2} ns of one core per voxel and orientation, floor {bound:.2} ns; peak {} MiB",
            peak_memory_mib()
        );
    }
}

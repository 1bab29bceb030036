//! Weighted back-projection: G voxel·view/s per core, whole job and kernel alone, peak memory, floor beside.
//!
//! Peers on the machine this was first measured on (research notes): IMOD `tilt` 1.1–1.2, novaCTF 0.3 G voxel·view/s.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_compute::Quiet;
use thon_geometry::{Grid, TiltGeometry};
use thon_reconstruct::{
    ImageSource, Slab, SlabSink, SourceError, View, WbpOptions, reconstruct_wbp,
};
use thon_units::{Degrees, PixelSize};

/// Images made up on the fly, so that only the kernel's own buffers count.
struct MadeUp {
    size: usize,
}

impl ImageSource for MadeUp {
    fn image_size(&self) -> [usize; 2] {
        [self.size, self.size]
    }

    fn read(&self, index: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        let mut state = 0x9e37_79b9_u32 ^ (index as u32 + 1);
        for value in pixels {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *value = (state >> 8) as f32 * 2.0_f32.powi(-24);
        }
        Ok(())
    }
}

/// Looks at every slab and keeps a checksum.
#[derive(Default)]
struct Checksum {
    sum: f64,
}

impl SlabSink for Checksum {
    fn write(&mut self, slab: &Slab<'_>) -> Result<(), SourceError> {
        self.sum += f64::from(slab.voxels[slab.voxels.len() / 2]);
        Ok(())
    }
}

/// CPU seconds of one whole reconstruction.
fn run(name: &str, size: usize, thickness: usize, x_tilt: f64, runs: usize) -> f64 {
    let views: Vec<View> = (0..41)
        .map(|image| View {
            image,
            geometry: TiltGeometry {
                tilt_axis_angle: Degrees(84.1).radians(),
                x_tilt: Degrees(x_tilt).radians(),
                ..TiltGeometry::tilted(Degrees(-60.0 + 3.0 * image as f64).radians())
            },
        })
        .collect();
    let grid = Grid::new([thickness, size, size], PixelSize(10.0));
    let images = MadeUp { size };
    let mut result = Checksum::default();
    let mut report = None;
    let seconds = least_cpu_seconds(runs, || {
        result = Checksum::default();
        let done = reconstruct_wbp(
            &images,
            &views,
            PixelSize(10.0),
            &grid,
            &WbpOptions::default(),
            &Quiet,
            &mut result,
        );
        report = done.ok();
    });
    let report = report.expect("the bench's own input is valid");
    let work = (grid.len() * views.len()) as f64 * 1e-9;
    println!(
        "{name:34} {seconds:6.2} CPU s  {:5.2} G voxel*view/s per core  bands {} reads {}  buffers {:.0} MiB  peak RSS {:.0} MiB  (checksum {:.3})",
        work / seconds,
        report.bands,
        report.reads_per_image,
        report.buffer_bytes as f64 / f64::from(1 << 20),
        peak_memory_mib(),
        result.sum,
    );
    seconds
}

fn main() {
    let typical = run("1024x1024x300, 41 views", 1024, 300, 0.0, 3);
    let thin = run("1024x1024x60, 41 views", 1024, 60, 0.0, 3);
    let marginal = (240 << 20) as f64 * 41.0 * 1e-9 / (typical - thin);
    println!(
        "each further section of the first: {marginal:.2} G voxel*view/s per core (kernel alone)"
    );
    run("512x512x200, 41 views", 512, 200, 0.0, 3);
    run("512x512x200, 41 views, x-tilt 2", 512, 200, 2.0, 2);
    let floor = Floor::measure();
    println!(
        "floor of one core: {:.0} GFLOP/s; reads {:.0} / {:.0} / {:.0} GB/s from first cache / second cache / memory",
        floor.gflops, floor.first_cache, floor.second_cache, floor.memory
    );
    println!(
        "a voxel*view is 4 flop and 8 bytes read: at most {:.1} G/s by arithmetic, {:.1} G/s by the first cache, {:.1} G/s by the second",
        floor.gflops / 4.0,
        floor.first_cache / 8.0,
        floor.second_cache / 8.0
    );
}

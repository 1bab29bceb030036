//! Tomograms: SIRT per iteration, 3D-CTF-corrected back-projection, correction of tilt images, denoising per voxel and iteration.
//!
//! Peers on the machine these were first measured on (research notes, CPU seconds of one core): IMOD `tilt` SIRT 0.28
//! G voxel·view/s with both directions counted; novaCTF 322 s for 1024 × 1024 × 600 with 41 views and 21 slabs; IMOD
//! `ctfphaseflip` 1.2 s for an image of 1024²; IMOD `nad_eed_3d` 500 ns per voxel and iteration.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_compute::Quiet;
use thon_denoise::{
    BeltramiOptions, BilateralOptions, DiffusionOptions, MedianOptions, Method, RowSink, RowSource,
    denoise,
};
use thon_geometry::{Grid, TiltGeometry};
use thon_model::{Ctf, HandSign, Optics};
use thon_reconstruct::{
    Contrast, CtfCorrection, ImageSource, IterativeOptions, Slab, SlabSink, SourceError, View,
    WbpOptions, Weighting, correct_image, reconstruct_ctf_corrected, reconstruct_iterative,
    reconstruct_wbp,
};
use thon_units::{Angstrom, Degrees, PixelSize};

/// Numbers that look like noise, from a place.
fn noise(seed: u32, values: &mut [f32]) {
    let mut state = 0x9e37_79b9_u32 ^ (seed + 1);
    for value in values {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *value = (state >> 8) as f32 * 2.0_f32.powi(-24);
    }
}

/// Images made up on the fly, so that only the kernel's own buffers count.
struct MadeUp(usize);

impl ImageSource for MadeUp {
    fn image_size(&self) -> [usize; 2] {
        [self.0, self.0]
    }

    fn read(&self, index: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        noise(index as u32, pixels);
        Ok(())
    }
}

/// Keeps a checksum of what comes.
#[derive(Default)]
struct Checksum(f64);

impl SlabSink for Checksum {
    fn write(&mut self, slab: &Slab<'_>) -> Result<(), SourceError> {
        self.0 += f64::from(slab.voxels[slab.voxels.len() / 2]);
        Ok(())
    }
}

impl RowSink for Checksum {
    fn write_rows(&mut self, _: usize, voxels: &[f32]) -> Result<(), SourceError> {
        self.0 += f64::from(voxels[voxels.len() / 2]);
        Ok(())
    }
}

/// A volume made up on the fly.
struct Volume([usize; 3]);

impl RowSource for Volume {
    fn read_block(
        &self,
        rows: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
        out: &mut [f32],
    ) -> Result<(), SourceError> {
        noise((rows.start + columns.start) as u32, out);
        Ok(())
    }

    fn dims(&self) -> [usize; 3] {
        self.0
    }

    fn read_rows(&self, rows: std::ops::Range<usize>, out: &mut [f32]) -> Result<(), SourceError> {
        noise(rows.start as u32, out);
        Ok(())
    }
}

fn views() -> Vec<View> {
    (0..41)
        .map(|image| View {
            image,
            geometry: TiltGeometry {
                tilt_axis_angle: Degrees(84.1).radians(),
                ..TiltGeometry::tilted(Degrees(-60.0 + 3.0 * image as f64).radians())
            },
        })
        .collect()
}

fn sirt(size: usize, thickness: usize) {
    let views = views();
    let grid = Grid::new([thickness, size, size], PixelSize(10.0));
    let run = |iterations: usize| {
        let options = IterativeOptions {
            iterations,
            ..IterativeOptions::default()
        };
        least_cpu_seconds(1, || {
            let mut sink = Checksum::default();
            reconstruct_iterative(
                &MadeUp(size),
                &views,
                PixelSize(10.0),
                &grid,
                &options,
                &Quiet,
                &mut sink,
            )
            .expect("the bench's own input is valid")
        })
    };
    let (few, many) = (run(1), run(4));
    let seconds = (many - few) / 3.0;
    let work = 2.0 * (grid.len() * views.len()) as f64 * 1e-9;
    println!(
        "SIRT {size}x{size}x{thickness}, 41 views: {seconds:.2} CPU s an iteration, {:.2} G voxel*view/s (both directions), peak RSS {:.0} MiB",
        work / seconds,
        peak_memory_mib()
    );
}

fn back_projected(name: &str, weighting: Weighting, size: usize, thickness: usize) {
    let views = views();
    let grid = Grid::new([thickness, size, size], PixelSize(10.0));
    let mut options = WbpOptions::default();
    options.filter.weighting = weighting;
    let seconds = least_cpu_seconds(1, || {
        let mut sink = Checksum::default();
        let pixel = PixelSize(10.0);
        reconstruct_wbp(
            &MadeUp(size),
            &views,
            pixel,
            &grid,
            &options,
            &Quiet,
            &mut sink,
        )
        .expect("the bench's own input is valid")
    });
    println!(
        "WBP {name} {size}x{size}x{thickness}, 41 views: {seconds:.2} CPU s with preparing images, {:.2} G voxel*view/s",
        (grid.len() * views.len()) as f64 * 1e-9 / seconds
    );
}

fn contrast(step: f64) -> Contrast {
    Contrast {
        optics: Optics::default(),
        ctfs: vec![Ctf::round(Angstrom(30000.0)); 41],
        hand: HandSign::Minus,
        correction: CtfCorrection::PhaseFlip,
        step: Some(Angstrom(step)),
    }
}

fn corrected(size: usize, thickness: usize, pixel: f64, step: f64, memory: usize) {
    let views = views();
    let grid = Grid::new([thickness, size, size], PixelSize(pixel));
    let options = WbpOptions {
        memory,
        ..WbpOptions::default()
    };
    let mut report = None;
    let seconds = least_cpu_seconds(1, || {
        let mut sink = Checksum::default();
        report = reconstruct_ctf_corrected(
            &MadeUp(size),
            &views,
            PixelSize(pixel),
            &grid,
            &options,
            &contrast(step),
            &Quiet,
            &mut sink,
        )
        .ok();
    });
    let report = report.expect("the bench's own input is valid");
    println!(
        "3D-CTF {size}x{size}x{thickness}, depths {step} A apart: {seconds:.1} CPU s, {} transforms, {} bands, peak RSS {:.0} MiB",
        report.transforms,
        report.work.bands,
        peak_memory_mib()
    );
}

fn images(size: usize) {
    let views = views();
    let contrast = contrast(370.0);
    let mut pixels = vec![0.0; size * size];
    let seconds = least_cpu_seconds(1, || {
        for (index, view) in views.iter().enumerate() {
            noise(index as u32, &mut pixels);
            correct_image(
                &mut pixels,
                [size, size],
                PixelSize(2.7),
                view,
                index,
                &contrast,
            )
            .expect("the bench's own input is valid");
        }
    });
    println!(
        "correction of an image of {size}x{size}: {:.3} CPU s",
        seconds / 41.0
    );
}

fn smoothing(name: &str, method: &Method, iterations: usize, dims: [usize; 3]) {
    let seconds = least_cpu_seconds(1, || {
        denoise(
            &Volume(dims),
            method,
            1024,
            &Quiet,
            &mut Checksum::default(),
        )
        .expect("the bench's own input is valid")
    });
    let voxels: usize = dims.iter().product();
    println!(
        "{name} {dims:?}: {:.1} ns per voxel and iteration, peak RSS {:.0} MiB",
        seconds * 1e9 / (voxels * iterations) as f64,
        peak_memory_mib()
    );
}

/// Operations of diffusion on a voxel in an iteration with the default options: densities smoothed along three axes by five taps
/// 24, gradient and products 12, six components smoothed 144, diffusion tensor 240, flux 70.
const DIFFUSION_OPERATIONS: f64 = 490.0;
/// Bytes that it must read and write: the volume, the next one, and that one's lines before they are written.
const DIFFUSION_BYTES: f64 = 12.0;

fn main() {
    let dims = [150, 256, 256];
    let diffusion = DiffusionOptions::default();
    // Wider than any camera, first because it tells the peak of memory so far.
    let once = DiffusionOptions {
        iterations: 1,
        ..diffusion
    };
    smoothing(
        "edge-enhancing diffusion of a slab of a volume that no memory holds",
        &Method::Diffusion(once),
        1,
        [1500, 16, 5760],
    );
    let floor = Floor::measure();
    println!(
        "edge-enhancing diffusion, floor: {:.1} ns for {DIFFUSION_OPERATIONS} operations, {:.1} ns for {DIFFUSION_BYTES} bytes",
        DIFFUSION_OPERATIONS / floor.gflops,
        DIFFUSION_BYTES / floor.memory
    );
    smoothing(
        "edge-enhancing diffusion",
        &Method::Diffusion(diffusion),
        10,
        dims,
    );
    let beltrami = BeltramiOptions::default();
    smoothing("Beltrami flow", &Method::Beltrami(beltrami), 70, dims);
    smoothing(
        "bilateral",
        &Method::Bilateral(BilateralOptions::default()),
        1,
        dims,
    );
    smoothing("median", &Method::Median(MedianOptions::default()), 1, dims);
    images(1024);
    back_projected("ramp", Weighting::Ramp, 512, 200);
    let like = Weighting::SirtLike { iterations: 15 };
    back_projected("15 iterations in one step", like, 512, 200);
    back_projected("Fourier inversion", Weighting::Fourier, 512, 200);
    sirt(512, 200);
    corrected(512, 200, 5.4, 150.0, 1024);
    corrected(1024, 600, 2.7, 300.0, 1024);
}

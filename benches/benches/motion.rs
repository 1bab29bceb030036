//! Correction of a movie of 8 frames: CPU seconds, with the floor beside.
//!
//! The floor is one real transform of the tiles of each binned frame, 2 · 16 multiply-adds per pixel and frame for the sums, and
//! each byte of the movie read three times (look, defects, sums). RELION 3.1.3, `--use_own --j 1`, on the machine this was first
//! measured on: 0.7 s (2048²) and 3.8 s (4096²) with one motion for the field, 1.3 s and 6.5 s with 5 × 5 patches.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_compute::Quiet;
use thon_motion::{
    CorrectOptions, DefectMap, Detector, EstimateOptions, FrameSource, LocalChoice, SourceError,
    SumOptions, correct_movie,
};

const FRAMES: usize = 8;

/// Counted electrons, a tenth per pixel, under a pattern that all frames share and that moves.
struct Counted {
    edge: usize,
    frames: Vec<Vec<u8>>,
}

impl Counted {
    fn new(edge: usize) -> Self {
        let mut state = 0x9e37_79b9_u32;
        let frames = (0..FRAMES).map(|frame| {
            let mut frame_of = |index: usize| {
                let (y, x) = (index / edge + frame, index % edge + 2 * frame);
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                let pattern = ((x / 6).wrapping_mul(73) ^ (y / 6).wrapping_mul(151)) % 17;
                u8::from((state >> 8) as usize % 1000 < 70 + 4 * pattern)
            };
            (0..edge * edge).map(&mut frame_of).collect()
        });
        Self {
            edge,
            frames: frames.collect(),
        }
    }
}

impl FrameSource for Counted {
    fn size(&self) -> [usize; 2] {
        [self.edge; 2]
    }

    fn frames(&self) -> usize {
        self.frames.len()
    }

    fn read(&self, frame: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        for (pixel, count) in pixels.iter_mut().zip(&self.frames[frame]) {
            *pixel = f32::from(*count);
        }
        Ok(())
    }

    fn counts(&self, frame: usize) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(Some(self.frames[frame].clone()))
    }
}

fn run(edge: usize, floor: &Floor) {
    let movie = Counted::new(edge);
    let defects = DefectMap::none([edge; 2]);
    let detector = Detector {
        gain: None,
        defects: &defects,
        find_defects: true,
    };
    let pixels = (edge * edge * FRAMES) as f64;
    // Frames beyond 6 million pixels are binned by 2; a real transform of n values costs 1.25 n log₂ n² operations.
    let binned = if edge > 2449 { pixels / 4.0 } else { pixels };
    let operations = binned * 1.25 * 16.0 + pixels * 2.0 * 2.0 * 16.0;
    let bound = 1e-9 * (operations / floor.gflops + 3.0 * pixels / floor.memory);
    for local in [LocalChoice::Never, LocalChoice::WhenHeldOutGains] {
        let options = CorrectOptions {
            motion: EstimateOptions {
                pixel_size: 1.35,
                local,
                resolution: 4.0,
                group: 0,
            },
            sums: SumOptions {
                halves: true,
                exposure: None,
                unweighted: false,
            },
            keep: 1 << 30,
        };
        let time = least_cpu_seconds(2, || {
            correct_movie(&movie, &detector, &options, &Quiet).expect("a movie that is whole");
        });
        println!(
            "motion {edge} × {edge} × {FRAMES}, local {local:?}: {time:.3} s; floor {bound:.3} s; {:.0} MiB",
            peak_memory_mib()
        );
    }
}

fn main() {
    let floor = Floor::measure();
    run(2048, &floor);
    run(4096, &floor);
}

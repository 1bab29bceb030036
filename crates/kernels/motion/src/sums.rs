//! Aligned sums: of all frames, and of the even and the odd ones; plain or weighted by exposure.
//!
//! Plain sums are interpolated by [`add_moved_back`], without any transform. Frames weighted by exposure have to be transformed
//! anyway: where the whole field moves as one they are moved in Fourier space as well, one transform forward per frame and
//! one back per sum. Weights are the amplitudes that the exposure has left at the dose of each frame, not renormalised, so
//! that images of one series keep their relation.

use rayon::prelude::*;
use thon_compute::progress::{Progress, check};
use thon_ctf::ExposureModel;
use thon_geometry::glam::DVec2;
use thon_signal::fft::{Complex32, Fft2, half_length, signed_index};
use thon_units::{Dose, Kilovolt, PixelSize, SpatialFrequency};

use crate::corrected::CorrectedFrames;
use crate::error::MotionError;
use crate::estimate::Motion;
use crate::vectors::vectorised;
use crate::warp::add_moved_back;

/// How frames are weighted by exposure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExposureWeighting {
    /// How amplitudes fall.
    pub model: ExposureModel,
    /// Acceleration voltage.
    pub voltage: Kilovolt,
    /// Size of a movie pixel.
    pub pixel_size: PixelSize,
    /// Exposure before the first frame.
    pub before: Dose,
    /// Exposure of each frame.
    pub per_frame: Dose,
}

/// What is added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SumOptions {
    /// The even and the odd frames apart, too.
    pub halves: bool,
    /// Weights by exposure; none for plain sums.
    pub exposure: Option<ExposureWeighting>,
}

/// Sums of one movie, `[ny, nx]` each, in counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    /// Size, `[ny, nx]`.
    pub size: [usize; 2],
    /// All frames.
    pub whole: Vec<f32>,
    /// The even (first, third, …) and the odd ones, when asked for.
    pub halves: Option<[Vec<f32>; 2]>,
}

/// Adds up the frames with their motion undone.
pub(crate) fn sum_frames(
    frames: &CorrectedFrames<'_>,
    motion: &Motion,
    options: &SumOptions,
    progress: &dyn Progress,
) -> Result<Sums, MotionError> {
    let size = frames.size();
    let parts = if options.halves { 2 } else { 1 };
    let mut sums = match options.exposure {
        Some(exposure) if motion.local.is_none() => {
            shifted(frames, motion, exposure, parts, progress)?
        }
        exposure => interpolated(frames, motion, exposure, parts, progress)?,
    };
    let odd = if options.halves { sums.pop() } else { None };
    let first = sums.pop().unwrap_or_default();
    Ok(match odd {
        None => Sums {
            size,
            whole: first,
            halves: None,
        },
        Some(odd) => {
            let whole = first.par_iter().zip(&odd).map(|(a, b)| a + b).collect();
            Sums {
                size,
                whole,
                halves: Some([first, odd]),
            }
        }
    })
}

fn shifted(
    frames: &CorrectedFrames<'_>,
    motion: &Motion,
    exposure: ExposureWeighting,
    parts: usize,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f32>>, MotionError> {
    let [ny, nx] = frames.size();
    let plan = Fft2::plan([ny, nx]);
    let half = half_length(nx);
    let mut pixels = vec![0.0; ny * nx];
    let mut spectrum = vec![Complex32::default(); ny * half];
    let mut sums = vec![vec![Complex32::default(); ny * half]; parts];
    frames.each(|batch| {
        for frame in batch {
            check(progress)?;
            let position = frame.position;
            frame.read_all(&mut pixels);
            plan.forward_into(&pixels, &mut spectrum);
            let weights = RadialWeights::new(&exposure, frame.number);
            let (sum, shift) = (&mut sums[position % parts], motion.shifts[position]);
            add_moved(sum, &spectrum, [ny, nx], shift, &weights);
            progress.advance(position as u64 + 1, motion.frames.len() as u64);
        }
        Ok(())
    })?;
    drop(spectrum);
    let mut images = vec![pixels];
    images.resize_with(parts, || vec![0.0; ny * nx]);
    for (mut sum, image) in sums.into_iter().zip(&mut images) {
        plan.inverse_into(&mut sum, image);
    }
    Ok(images)
}

fn interpolated(
    frames: &CorrectedFrames<'_>,
    motion: &Motion,
    exposure: Option<ExposureWeighting>,
    parts: usize,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f32>>, MotionError> {
    let [ny, nx] = frames.size();
    let mut sums = vec![vec![0.0; ny * nx]; parts];
    let mut pixels = Vec::new();
    frames.each(|batch| {
        check(progress)?;
        let Some(exposure) = exposure else {
            add_moved_back(batch, motion, &mut sums);
            return Ok(());
        };
        for frame in batch {
            check(progress)?;
            pixels.resize(ny * nx, 0.0);
            frame.read_all(&mut pixels);
            let weights = RadialWeights::new(&exposure, frame.number);
            weigh(&mut pixels, [ny, nx], &weights);
            add_moved_back(&[frame.with_pixels(&pixels)], motion, &mut sums);
        }
        Ok(())
    })?;
    Ok(sums)
}

/// Filters a frame in place.
fn weigh(frame: &mut [f32], size: [usize; 2], weights: &RadialWeights) {
    let plan = Fft2::plan(size);
    let mut spectrum = vec![Complex32::default(); size[0] * half_length(size[1])];
    plan.forward_into(frame, &mut spectrum);
    let mut sum = vec![Complex32::default(); spectrum.len()];
    add_moved(&mut sum, &spectrum, size, DVec2::ZERO, weights);
    plan.inverse_into(&mut sum, frame);
}

/// Adds a spectrum to a sum, moved by −`shift` pixels and weighted.
fn add_moved(
    sum: &mut [Complex32],
    spectrum: &[Complex32],
    [ny, nx]: [usize; 2],
    shift: DVec2,
    weights: &RadialWeights,
) {
    let half = half_length(nx);
    let turn = |cycles: f64| {
        let (sine, cosine) = (std::f64::consts::TAU * cycles).sin_cos();
        [cosine as f32, sine as f32]
    };
    let columns: Vec<[f32; 2]> = (0..half)
        .map(|x| turn(x as f64 / nx as f64 * shift.x))
        .collect();
    sum.par_chunks_mut(half)
        .zip(spectrum.par_chunks(half))
        .enumerate()
        .for_each(|(y, (sums, values))| {
            let ky = signed_index(y, ny) as f64 / ny as f64;
            let [row_re, row_im] = turn(ky * shift.y);
            let factors = weights.row(ky, nx);
            vectorised(
                #[inline(always)]
                || {
                    let one =
                        |sum: &mut Complex32, value: &Complex32, column: &[f32; 2], weight: f32| {
                            let re = (row_re * column[0] - row_im * column[1]) * weight;
                            let im = (row_re * column[1] + row_im * column[0]) * weight;
                            sum.re += value.re * re - value.im * im;
                            sum.im += value.re * im + value.im * re;
                        };
                    let items = sums.iter_mut().zip(values).zip(&columns).zip(&factors);
                    items.for_each(|(((s, v), c), w)| one(s, v, c, *w));
                },
            );
        });
}

/// Amplitude left in one frame against |k|², tabulated.
struct RadialWeights {
    table: Vec<f32>,
    /// Table entries per (cycles per pixel)².
    density: f64,
}

/// Entries up to the corner of the spectrum, |k|² = ½.
const ENTRIES: usize = 1 << 14;

impl RadialWeights {
    fn new(exposure: &ExposureWeighting, frame: usize) -> Self {
        let before = Dose(exposure.before.0 + exposure.per_frame.0 * frame as f64);
        let density = ENTRIES as f64 / 0.5;
        let table = (0..ENTRIES + 2).map(|entry| {
            let k = (entry as f64 / density).sqrt() / exposure.pixel_size.0;
            let left = exposure.model.attenuation(
                SpatialFrequency(k),
                before,
                exposure.per_frame,
                exposure.voltage,
            );
            left as f32
        });
        Self {
            table: table.collect(),
            density,
        }
    }

    /// Weights of the half row at `ky` cycles per pixel.
    fn row(&self, ky: f64, nx: usize) -> Vec<f32> {
        let value = |x: usize| {
            let kx = x as f64 / nx as f64;
            let place = (kx * kx + ky * ky) * self.density;
            let entry = (place as usize).min(ENTRIES);
            let fraction = (place - entry as f64) as f32;
            self.table[entry] + fraction * (self.table[entry + 1] - self.table[entry])
        };
        (0..half_length(nx)).map(value).collect()
    }
}

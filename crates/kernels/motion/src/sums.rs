//! Aligned sums: of all frames, and of the even and the odd ones; plain, weighted by exposure, or both.
//!
//! Each frame is interpolated once, by [`add_moved_back`], and no frame is transformed. Weights by exposure fall smoothly from
//! frame to frame, so that between a few doses, the nodes, the weight of every frequency is a polynomial of the frame's number:
//! w(k, f) ≈ Σᵣ Lᵣ(f) w(k, fᵣ) with Lagrange's polynomials at Chebyshev's points, as many as keep the error of every weight
//! below [`TOLERANCE`]. Frames are added up once for each node, times Lᵣ(f), and only these sums are transformed and weighted.
//! The polynomials add up to one, and so do the nodes' sums to the plain sum. Weights are the amplitudes that the exposure has left
//! at the dose of each frame, not renormalised, so that images of one series keep their relation.

use rayon::prelude::*;
use thon_compute::progress::{Progress, check};
use thon_ctf::ExposureModel;
use thon_signal::fft::{Complex32, Fft2, half_length, signed_index};
use thon_units::{Dose, Kilovolt, PixelSize, SpatialFrequency};

use crate::corrected::CorrectedFrames;
use crate::error::MotionError;
use crate::estimate::Motion;
use crate::vectors::vectorised;
use crate::warp::{Share, add_moved_back};

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
    /// Plain sums beside those weighted by exposure.
    pub unweighted: bool,
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

impl Sums {
    /// Of one sum of all frames, or of the even and the odd ones.
    fn of(size: [usize; 2], mut parts: Vec<Vec<f32>>) -> Self {
        let odd = if parts.len() == 2 { parts.pop() } else { None };
        let first = parts.pop().unwrap_or_default();
        let Some(odd) = odd else {
            return Self {
                size,
                whole: first,
                halves: None,
            };
        };
        let mut whole = zeros(first.len());
        whole
            .par_iter_mut()
            .zip(first.par_iter().zip(&odd))
            .for_each(|(sum, (a, b))| *sum = a + b);
        Self {
            size,
            whole,
            halves: Some([first, odd]),
        }
    }
}

/// The asked sums, and plain ones when they are asked for beside weighted ones.
pub(crate) fn sum_frames(
    frames: &CorrectedFrames<'_>,
    motion: &Motion,
    options: &SumOptions,
    progress: &dyn Progress,
) -> Result<(Sums, Option<Sums>), MotionError> {
    let size = frames.size();
    let parts = if options.halves { 2 } else { 1 };
    let nodes = Nodes::new(options.exposure.as_ref(), frames.usable());
    let shares = nodes.shares(frames.usable(), parts);
    let mut sums: Vec<Vec<f32>> = (0..parts * nodes.count())
        .map(|_| zeros(size[0] * size[1]))
        .collect();
    frames.each(|batch| {
        check(progress)?;
        add_moved_back(batch, motion, &shares, &mut sums);
        let done = batch.last().map_or(0, |frame| frame.position as u64 + 1);
        progress.advance(done, motion.frames.len() as u64);
        Ok(())
    })?;
    let Some(exposure) = &options.exposure else {
        return Ok((Sums::of(size, sums), None));
    };
    let weights = nodes.weights(exposure);
    let plan = Fft2::plan(size);
    let (mut weighted, mut plain) = (Vec::new(), Vec::new());
    let mut sums = sums.into_iter();
    for _ in 0..parts {
        check(progress)?;
        let of_nodes = sums.by_ref().take(nodes.count());
        let (image, unweighted) = weigh(of_nodes, &weights, &plan, size, options.unweighted);
        weighted.push(image);
        plain.extend(unweighted);
    }
    let plain = options.unweighted.then(|| Sums::of(size, plain));
    Ok((Sums::of(size, weighted), plain))
}

/// Bytes per pixel that the sums of `frames` frames need at most, those given back included.
pub(crate) fn bytes_per_pixel(frames: usize, options: &SumOptions) -> u64 {
    let parts = if options.halves { 2 } else { 1 };
    let images = if options.halves { 3 } else { 1 };
    let Some(exposure) = &options.exposure else {
        return 4 * images;
    };
    let numbers: Vec<usize> = (0..frames).collect();
    let nodes = Nodes::new(Some(exposure), &numbers).count() as u64;
    // The nodes' sums and two spectra; then the images.
    let kinds = 1 + u64::from(options.unweighted);
    (4 * parts * nodes + 8).max(4 * images * kinds)
}

/// An image of zeros on large pages, where the system has them.
fn zeros(pixels: usize) -> Vec<f32> {
    let image = vec![0.0; pixels];
    thon_compute::memory::prefer_large_pages(&image);
    image
}

/// Largest error of a weight.
const TOLERANCE: f64 = 1e-3;
/// Most nodes.
const MOST_NODES: usize = 12;

/// Numbers of frames, fractions included, whose weights are taken.
struct Nodes(Vec<f64>);

impl Nodes {
    /// As few as keep every weight of the `usable` frames; one without weights.
    fn new(exposure: Option<&ExposureWeighting>, usable: &[usize]) -> Self {
        let (Some(exposure), Some(first), Some(last)) = (exposure, usable.first(), usable.last())
        else {
            return Self(vec![0.0]);
        };
        let (first, last) = (*first as f64, *last as f64);
        let most = MOST_NODES.min(usable.len());
        let mut nodes = Self(vec![0.5 * (first + last)]);
        while nodes.count() < most && nodes.error(exposure, usable) > TOLERANCE {
            let count = nodes.count() + 1;
            let point = |i: usize| {
                let angle = std::f64::consts::PI * (i as f64 + 0.5) / count as f64;
                0.5 * (first + last) - 0.5 * (last - first) * angle.cos()
            };
            nodes = Self((0..count).map(point).collect());
        }
        nodes
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    /// Lagrange's polynomial of each node at a frame's number.
    fn polynomials(&self, number: f64) -> Vec<f64> {
        let one = |(r, at): (usize, &f64)| {
            let others = self.0.iter().enumerate().filter(|(other, _)| *other != r);
            others
                .map(|(_, other)| (number - other) / (at - other))
                .product()
        };
        self.0.iter().enumerate().map(one).collect()
    }

    /// Largest error of a weight at 33 frequencies up to the corner of the spectrum.
    fn error(&self, exposure: &ExposureWeighting, usable: &[usize]) -> f64 {
        let mut largest = 0.0_f64;
        for entry in 0..33 {
            let k = (0.5 * f64::from(entry) / 32.0).sqrt();
            let nodes: Vec<f64> = self.0.iter().map(|at| exposure.left(*at, k)).collect();
            for number in usable.iter().map(|n| *n as f64) {
                let polynomials = self.polynomials(number);
                let found: f64 = polynomials.iter().zip(&nodes).map(|(l, w)| l * w).sum();
                largest = largest.max((found - exposure.left(number, k)).abs());
            }
        }
        largest
    }

    /// What of each usable frame goes into which sum: those of all nodes for the first part, then for the second.
    fn shares(&self, usable: &[usize], parts: usize) -> Vec<Vec<Share>> {
        let count = self.count();
        let of = |(position, number): (usize, &usize)| {
            let polynomials = self.polynomials(*number as f64).into_iter().enumerate();
            polynomials
                .map(|(node, l)| Share {
                    sum: position % parts * count + node,
                    times: l as f32,
                })
                .collect()
        };
        usable.iter().enumerate().map(of).collect()
    }

    fn weights(&self, exposure: &ExposureWeighting) -> Vec<RadialWeights> {
        let all = self.0.iter();
        all.map(|at| RadialWeights::new(exposure, *at)).collect()
    }
}

/// Weighs the sums of all nodes and adds them up; the plain sum beside it when it is asked for.
fn weigh(
    sums: impl Iterator<Item = Vec<f32>>,
    weights: &[RadialWeights],
    plan: &Fft2,
    size: [usize; 2],
    unweighted: bool,
) -> (Vec<f32>, Option<Vec<f32>>) {
    let mut total = vec![Complex32::default(); size[0] * half_length(size[1])];
    thon_compute::memory::prefer_large_pages(&total);
    let mut spectrum = total.clone();
    thon_compute::memory::prefer_large_pages(&spectrum);
    let (mut plain, mut spare): (Option<Vec<f32>>, _) = (None, None);
    for (sum, weights) in sums.zip(weights) {
        plan.forward_into(&sum, &mut spectrum);
        add_weighted(&mut total, &spectrum, size, weights);
        match &mut plain {
            Some(plain) if unweighted => {
                plain
                    .par_iter_mut()
                    .zip(&sum)
                    .for_each(|(to, from)| *to += from);
                spare = Some(sum);
            }
            None if unweighted => plain = Some(sum),
            _ => spare = Some(sum),
        }
    }
    drop(spectrum);
    let mut image = spare.unwrap_or_else(|| zeros(size[0] * size[1]));
    plan.inverse_into(&mut total, &mut image);
    (image, plain)
}

/// Adds a weighted spectrum to a sum.
fn add_weighted(
    sum: &mut [Complex32],
    spectrum: &[Complex32],
    [ny, nx]: [usize; 2],
    weights: &RadialWeights,
) {
    let half = half_length(nx);
    sum.par_chunks_mut(half)
        .zip(spectrum.par_chunks(half))
        .enumerate()
        .for_each(|(y, (sums, values))| {
            let factors = weights.row(signed_index(y, ny) as f64 / ny as f64, nx);
            vectorised(
                #[inline(always)]
                || {
                    for ((sum, value), factor) in sums.iter_mut().zip(values).zip(&factors) {
                        sum.re += value.re * factor;
                        sum.im += value.im * factor;
                    }
                },
            );
        });
}

impl ExposureWeighting {
    /// Amplitude left of `k` cycles per pixel in the frame of this number.
    fn left(&self, number: f64, k: f64) -> f64 {
        self.model.attenuation(
            SpatialFrequency(k / self.pixel_size.0),
            Dose(self.before.0 + self.per_frame.0 * number),
            self.per_frame,
            self.voltage,
        )
    }
}

/// Amplitude left at one node against |k|², tabulated.
struct RadialWeights {
    table: Vec<f32>,
    /// Table entries per (cycles per pixel)².
    density: f64,
}

/// Entries up to the corner of the spectrum, |k|² = ½.
const ENTRIES: usize = 1 << 14;

impl RadialWeights {
    fn new(exposure: &ExposureWeighting, number: f64) -> Self {
        let density = ENTRIES as f64 / 0.5;
        let left = |entry: usize| exposure.left(number, (entry as f64 / density).sqrt()) as f32;
        Self {
            table: (0..ENTRIES + 2).map(left).collect(),
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

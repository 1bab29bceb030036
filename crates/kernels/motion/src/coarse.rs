//! A first trajectory, to a few binned pixels: from all pairs of frames, with low frequencies only.
//!
//! The frames are reduced to few pixels and clipped (gold would rule every correlation). First a straight drift: the
//! correlations of all pairs of the same lag are added up, and the velocity is taken whose displacements at all lags together
//! correlate best. Then each frame against the sum of the others, a few times. A frame whose peak does not stand out of
//! the noise keeps its place on the line.

use rayon::prelude::*;
use thon_geometry::glam::DVec2;
use thon_signal::fft::{Complex32, Fft2, signed_index};

use crate::corrected::BinnedFrames;

/// Fall-off exp(−2 B k²) of a correlation, pixels² of the reduced frames.
const B: f64 = 12.0;
/// Peaks lower than this many deviations of the correlation are not believed.
const SIGNIFICANT: f64 = 5.0;

/// Displacement of each frame relative to their mean, in pixels of `frames`.
pub(crate) fn first_trajectory(frames: &BinnedFrames) -> Vec<DVec2> {
    let count = frames.frames.len();
    if count < 2 {
        return vec![DVec2::ZERO; count];
    }
    let search = Search::new(frames);
    let mut shifts = search.straight();
    for round in 0..6 {
        let moved = search.refine(&mut shifts, if round == 0 { 6 } else { 3 });
        if moved < 0.25 {
            break;
        }
    }
    shifts
}

struct Search {
    plan: Fft2,
    size: [usize; 2],
    spectra: Vec<Vec<Complex32>>,
}

impl Search {
    fn new(frames: &BinnedFrames) -> Self {
        let size = frames.size;
        let plan = Fft2::plan(size);
        let half = size[1] / 2 + 1;
        let lowest = 2.5 / size[0].min(size[1]) as f64;
        let spectra = frames
            .frames
            .par_iter()
            .map(|frame| {
                let clipped = clipped(frame);
                let mut spectrum = vec![Complex32::default(); size[0] * half];
                plan.forward_into(&clipped, &mut spectrum);
                for (index, value) in spectrum.iter_mut().enumerate() {
                    let ky = signed_index(index / half, size[0]) as f64 / size[0] as f64;
                    let kx = (index % half) as f64 / size[1] as f64;
                    let k2 = kx * kx + ky * ky;
                    // Each of the two factors of a correlation carries half of the weight.
                    let weight = if k2.sqrt() < lowest {
                        0.0
                    } else {
                        (-B * k2).exp()
                    };
                    *value *= weight as f32;
                }
                spectrum
            })
            .collect();
        Self {
            plan,
            size,
            spectra,
        }
    }

    /// The best straight drift.
    fn straight(&self) -> Vec<DVec2> {
        let count = self.spectra.len();
        let maps: Vec<Vec<f32>> = (1..count)
            .into_par_iter()
            .map(|lag| {
                let mut sum = vec![Complex32::default(); self.spectra[0].len()];
                for first in 0..count - lag {
                    for ((s, a), b) in sum
                        .iter_mut()
                        .zip(&self.spectra[first])
                        .zip(&self.spectra[first + lag])
                    {
                        *s += a.conj() * b;
                    }
                }
                self.correlation(sum)
            })
            .collect();
        let most = self.size.map(|n| (n as isize / 8).min(48));
        let mut best = (f64::NEG_INFINITY, DVec2::ZERO);
        let last = (count - 1) as f64;
        for y in -2 * most[0]..=2 * most[0] {
            for x in -2 * most[1]..=2 * most[1] {
                let whole = DVec2::new(x as f64, y as f64) * 0.5;
                let score: f64 = maps
                    .iter()
                    .enumerate()
                    .map(|(lag, map)| self.at(map, whole * ((lag + 1) as f64 / last)))
                    .sum();
                if score > best.0 {
                    best = (score, whole);
                }
            }
        }
        (0..count)
            .map(|i| best.1 * (i as f64 / last - 0.5))
            .collect()
    }

    /// Each frame against the sum of the others, within `reach` pixels of where it is; the largest change.
    fn refine(&self, shifts: &mut [DVec2], reach: isize) -> f64 {
        let count = shifts.len();
        let half = self.size[1] / 2 + 1;
        let aligned: Vec<Vec<Complex32>> = self
            .spectra
            .par_iter()
            .zip(shifts.par_iter())
            .map(|(spectrum, shift)| {
                let [ky, kx] = phases(self.size, *shift);
                let turn = |(index, value): (usize, &Complex32)| {
                    value * ky[index / half] * kx[index % half]
                };
                spectrum.iter().enumerate().map(turn).collect()
            })
            .collect();
        let mut total = vec![Complex32::default(); aligned[0].len()];
        for frame in &aligned {
            total.iter_mut().zip(frame).for_each(|(t, v)| *t += v);
        }
        let steps: Vec<DVec2> = aligned
            .par_iter()
            .map(|frame| {
                let product = frame
                    .iter()
                    .zip(&total)
                    .map(|(v, t)| (t - v).conj() * v)
                    .collect();
                self.peak(&self.correlation(product), reach)
            })
            .collect();
        let mean = steps.iter().sum::<DVec2>() / count as f64;
        let mut largest = 0.0_f64;
        for (shift, step) in shifts.iter_mut().zip(&steps) {
            *shift += *step - mean;
            largest = largest.max((*step - mean).length());
        }
        largest
    }

    fn correlation(&self, mut product: Vec<Complex32>) -> Vec<f32> {
        let mut map = vec![0.0; self.size[0] * self.size[1]];
        self.plan.inverse_into(&mut product, &mut map);
        map
    }

    /// Value between pixels, by the nearest four.
    fn at(&self, map: &[f32], place: DVec2) -> f64 {
        let floor = place.floor();
        let t = place - floor;
        let pixel =
            |dx: i64, dy: i64| f64::from(map[self.index(floor.x as i64 + dx, floor.y as i64 + dy)]);
        let top = pixel(0, 0) * (1.0 - t.x) + pixel(1, 0) * t.x;
        let bottom = pixel(0, 1) * (1.0 - t.x) + pixel(1, 1) * t.x;
        top * (1.0 - t.y) + bottom * t.y
    }

    fn index(&self, x: i64, y: i64) -> usize {
        let [ny, nx] = self.size.map(|n| n as i64);
        (y.rem_euclid(ny) * nx + x.rem_euclid(nx)) as usize
    }

    /// Where the frame lies relative to the others; zero when no peak stands out.
    fn peak(&self, map: &[f32], reach: isize) -> DVec2 {
        let deviation =
            (map.iter().map(|v| f64::from(v * v)).sum::<f64>() / map.len() as f64).sqrt();
        let value = |x: i64, y: i64| f64::from(map[self.index(x, y)]);
        let mut best = (f64::NEG_INFINITY, 0, 0);
        let reach = reach as i64;
        for y in -reach..=reach {
            for x in -reach..=reach {
                if value(x, y) > best.0 {
                    best = (value(x, y), x, y);
                }
            }
        }
        let (height, x, y) = best;
        if height < SIGNIFICANT * deviation {
            return DVec2::ZERO;
        }
        let vertex = |before: f64, after: f64| {
            let curvature = before - 2.0 * height + after;
            if curvature < 0.0 {
                (0.5 * (before - after) / curvature).clamp(-0.5, 0.5)
            } else {
                0.0
            }
        };
        DVec2::new(
            x as f64 + vertex(value(x - 1, y), value(x + 1, y)),
            y as f64 + vertex(value(x, y - 1), value(x, y + 1)),
        )
    }
}

/// exp(2πi k·s) along y and x: moves what lies at +s back to 0.
fn phases([ny, nx]: [usize; 2], shift: DVec2) -> [Vec<Complex32>; 2] {
    let turn = |k: f64| {
        let (sine, cosine) = (std::f64::consts::TAU * k).sin_cos();
        Complex32::new(cosine as f32, sine as f32)
    };
    let rows = (0..ny).map(|y| turn(signed_index(y, ny) as f64 / ny as f64 * shift.y));
    let columns = (0..=nx / 2).map(|x| turn(x as f64 / nx as f64 * shift.x));
    [rows.collect(), columns.collect()]
}

/// The frame with values beyond four deviations of its bulk cut off.
fn clipped(frame: &[f32]) -> Vec<f32> {
    let sample: Vec<f32> = frame
        .iter()
        .step_by(frame.len().div_ceil(1 << 14))
        .copied()
        .collect();
    let (middle, deviation) =
        thon_signal::statistics::median_and_robust_deviation(&sample).unwrap_or((0.0, 0.0));
    if deviation <= 0.0 {
        return frame.to_vec();
    }
    let (low, high) = (middle - 4.0 * deviation, middle + 4.0 * deviation);
    frame.iter().map(|v| v.clamp(low, high) - middle).collect()
}

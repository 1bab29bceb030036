//! Gold beads: found as dark discs, and filled in with what lies around them.
//!
//! Finding is correlation with a disc of the bead's diameter minus the ring around it; beads are the peaks that stand far
//! out of the noise and are comparable to the strongest ones. It serves erasing; alignment tracks beads on its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::random::seed_stream;
use thon_signal::fft::{Complex32, Fft2};

use crate::fill::{Canvas, Hole};
use crate::regression::median_and_deviation;

/// How beads are found and filled in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BeadOptions {
    /// Score below which nothing is a bead, in deviations of the score over the image.
    #[schemars(range(min = 3.0, max = 100.0))]
    pub threshold: f64,
    /// Score of a bead relative to the strongest ones of the image.
    #[schemars(range(min = 0.05, max = 1.0))]
    pub relative_threshold: f64,
    /// Radius that is filled in, in radii of the bead.
    #[schemars(range(min = 1.0, max = 3.0))]
    pub margin: f64,
}

impl Default for BeadOptions {
    /// 10 deviations, half of the strongest, 1.3 radii.
    fn default() -> Self {
        Self {
            threshold: 10.0,
            relative_threshold: 0.5,
            margin: 1.3,
        }
    }
}

/// Dark discs of `diameter` pixels in an image `[ny, nx]`: centres (x, y), the strongest first.
///
/// # Panics
/// When `pixels` does not hold `ny · nx` values.
pub fn find_beads(
    pixels: &[f32],
    size: [usize; 2],
    diameter: f64,
    options: &BeadOptions,
) -> Vec<[f64; 2]> {
    let [ny, nx] = size;
    assert_eq!(pixels.len(), ny * nx, "pixels of an image of {ny} × {nx}");
    let reach = (0.75 * diameter).ceil() as usize + 1;
    if ny < 4 * reach || nx < 4 * reach || diameter < 2.0 {
        return Vec::new();
    }
    let score = disc_score(pixels, size, diameter);
    let sampled: Vec<f64> = score.iter().step_by(7).map(|v| f64::from(*v)).collect();
    let Some((middle, deviation)) = median_and_deviation(&sampled) else {
        return Vec::new();
    };
    let floor = middle + options.threshold * deviation;
    let mut peaks = local_maxima(&score, size, 0.5 * diameter, floor as f32);
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let strongest: Vec<f64> = peaks.iter().take(5).map(|p| f64::from(p.1)).collect();
    let Some((typical, _)) = median_and_deviation(&strongest) else {
        return Vec::new();
    };
    let least = middle + options.relative_threshold * (typical - middle);
    peaks
        .into_iter()
        .filter(|peak| f64::from(peak.1) >= least)
        .map(|(index, _)| refined(&score, size, index))
        .collect()
}

/// −(mean inside the disc − mean of the ring around it) at every pixel, periodic.
fn disc_score(pixels: &[f32], size: [usize; 2], diameter: f64) -> Vec<f32> {
    let [ny, nx] = size;
    let radius = 0.5 * diameter;
    let outer = radius * 1.5;
    let mut template = vec![0.0_f32; ny * nx];
    let (mut inside, mut around) = (Vec::new(), Vec::new());
    let reach = outer.ceil() as isize;
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let r = ((dy * dy + dx * dx) as f64).sqrt();
            let index =
                dy.rem_euclid(ny as isize) as usize * nx + dx.rem_euclid(nx as isize) as usize;
            if r <= radius {
                inside.push(index);
            } else if r > radius * 1.15 && r <= outer {
                around.push(index);
            }
        }
    }
    for &index in &inside {
        template[index] = -1.0 / inside.len() as f32;
    }
    for &index in &around {
        template[index] = 1.0 / around.len() as f32;
    }
    let fft = Fft2::plan(size);
    let half = fft.half_dims()[0] * fft.half_dims()[1];
    let (mut image, mut disc) = (
        vec![Complex32::default(); half],
        vec![Complex32::default(); half],
    );
    let mean = pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64;
    let centred: Vec<f32> = pixels.iter().map(|v| v - mean as f32).collect();
    fft.forward_into(&centred, &mut image);
    fft.forward_into(&template, &mut disc);
    for (value, disc) in image.iter_mut().zip(&disc) {
        *value *= disc.conj();
    }
    let mut score = centred;
    fft.inverse_into(&mut image, &mut score);
    score
}

/// Pixels above `floor` that nothing within `radius` exceeds, with their scores.
fn local_maxima(score: &[f32], [ny, nx]: [usize; 2], radius: f64, floor: f32) -> Vec<(usize, f32)> {
    let reach = radius.ceil() as usize;
    let mut found = Vec::new();
    for y in 0..ny {
        for x in 0..nx {
            let index = y * nx + x;
            let value = score[index];
            if value <= floor {
                continue;
            }
            let rows = y.saturating_sub(reach)..(y + reach + 1).min(ny);
            let highest = rows.into_iter().all(|v| {
                (x.saturating_sub(reach)..(x + reach + 1).min(nx)).all(|u| {
                    let other = v * nx + u;
                    score[other] < value || (score[other] == value && other >= index)
                })
            });
            if highest {
                found.push((index, value));
            }
        }
    }
    found
}

/// The maximum of parabolas through a peak and its neighbours, (x, y).
fn refined(score: &[f32], [ny, nx]: [usize; 2], index: usize) -> [f64; 2] {
    let (y, x) = (index / nx, index % nx);
    let shift = |before: f32, here: f32, after: f32| {
        let curvature = f64::from(before) - 2.0 * f64::from(here) + f64::from(after);
        if curvature < 0.0 {
            (0.5 * f64::from(before - after) / curvature).clamp(-0.5, 0.5)
        } else {
            0.0
        }
    };
    let at = |y: usize, x: usize| score[y * nx + x];
    let mut place = [x as f64, y as f64];
    if x > 0 && x + 1 < nx {
        place[0] += shift(at(y, x - 1), at(y, x), at(y, x + 1));
    }
    if y > 0 && y + 1 < ny {
        place[1] += shift(at(y - 1, x), at(y, x), at(y + 1, x));
    }
    place
}

/// Fills in discs of `diameter` pixels around `centres` (x, y); returns how many touched the image.
///
/// Noise is drawn from the pixels around each disc, by `seed` and the position of the centre in the list.
///
/// # Panics
/// When `pixels` does not hold `ny · nx` values.
pub fn erase_beads(
    pixels: &mut [f32],
    size: [usize; 2],
    centres: &[[f64; 2]],
    diameter: f64,
    options: &BeadOptions,
    seed: u64,
) -> usize {
    let [ny, nx] = size;
    assert_eq!(pixels.len(), ny * nx, "pixels of an image of {ny} × {nx}");
    let radius = 0.5 * diameter * options.margin;
    let width = (0.25 * diameter).max(3.0);
    let mut covered = vec![false; pixels.len()];
    let discs: Vec<Vec<usize>> = centres
        .iter()
        .map(|&centre| within(centre, radius, size))
        .collect();
    for &index in discs.iter().flatten() {
        covered[index] = true;
    }
    let mut canvas = Canvas { pixels, size };
    let mut filled = 0;
    for (number, (inside, &centre)) in discs.iter().zip(centres).enumerate() {
        let border: Vec<usize> = within(centre, radius + width, size)
            .into_iter()
            .filter(|&index| !covered[index])
            .collect();
        if inside.is_empty() || border.is_empty() {
            continue;
        }
        let mut stream = seed_stream(seed, "bead", number as u64);
        canvas.fill(
            &Hole {
                inside,
                border: &border,
            },
            Some(&mut stream),
        );
        filled += 1;
    }
    filled
}

/// Indices of the pixels within `radius` of (x, y).
fn within([x, y]: [f64; 2], radius: f64, [ny, nx]: [usize; 2]) -> Vec<usize> {
    if !(x.is_finite() && y.is_finite()) {
        return Vec::new();
    }
    let range = |at: f64, length: usize| {
        let low = (at - radius).ceil().max(0.0);
        let high = (at + radius).floor().min(length as f64 - 1.0);
        if high < low {
            0..0
        } else {
            low as usize..high as usize + 1
        }
    };
    range(y, ny)
        .flat_map(|v| range(x, nx).map(move |u| (v, u)))
        .filter(|&(v, u)| (v as f64 - y).powi(2) + (u as f64 - x).powi(2) <= radius * radius)
        .map(|(v, u)| v * nx + u)
        .collect()
}

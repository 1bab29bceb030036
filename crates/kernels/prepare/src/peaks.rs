//! X-rays, hot and dead pixels: small groups of pixels far above (or below) what lies around them.
//!
//! A pixel is a candidate when it stands out from the median of eight pixels on a ring around it. It is a peak when it
//! exceeds the median of the annulus around it by `peak` times the deviation there; the peak is grown over neighbours beyond
//! `growth` deviations. Edges of gold and of carbon make the annulus itself vary and are left alone; so is everything
//! larger than a peak can be. Criteria after the ones of IMOD's ccderaser (Mastronarde 1997), the deviations robust.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::parallel::map_indices;

use crate::fill::{Canvas, Hole};

/// Ring of the first look, pixels (x, y).
const RING: [(isize, isize); 8] = [
    (3, 0),
    (-3, 0),
    (0, 3),
    (0, -3),
    (2, 2),
    (-2, 2),
    (2, -2),
    (-2, -2),
];
/// The annulus: squared radii.
const INNER: isize = 11;
const OUTER: isize = 30;
/// Edge length of the blocks in which the noise is measured.
const BLOCK: usize = 64;

/// How peaks are told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PeakOptions {
    /// Height of a peak above the median around it, deviations.
    #[schemars(range(min = 4.0, max = 100.0))]
    pub peak: f64,
    /// Height to which a peak is followed, deviations.
    #[schemars(range(min = 2.0, max = 100.0))]
    pub growth: f64,
    /// Largest bright peak, pixels.
    #[schemars(range(min = 1, max = 100))]
    pub largest_bright: usize,
    /// Largest dark spot (dead pixels), pixels; gold is larger. 0 leaves dark spots alone.
    #[schemars(range(min = 0, max = 100))]
    pub largest_dark: usize,
}

impl Default for PeakOptions {
    /// 8 deviations, followed to 4; 25 bright or 2 dark pixels.
    fn default() -> Self {
        Self {
            peak: 8.0,
            growth: 4.0,
            largest_bright: 25,
            largest_dark: 2,
        }
    }
}

/// What was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeakReport {
    /// Bright peaks.
    pub bright: usize,
    /// Dark spots.
    pub dark: usize,
    /// Row-major indices of all pixels that were replaced, ascending.
    pub pixels: Vec<usize>,
}

/// Finds peaks in an image `[ny, nx]` and fills them in.
///
/// # Panics
/// When `pixels` does not hold `ny · nx` values.
pub fn remove_peaks(pixels: &mut [f32], size: [usize; 2], options: &PeakOptions) -> PeakReport {
    let [ny, nx] = size;
    assert_eq!(pixels.len(), ny * nx, "pixels of an image of {ny} × {nx}");
    let mut report = PeakReport::default();
    if ny < 16 || nx < 16 {
        return report;
    }
    let look = Look::new(pixels, size);
    let mut taken = vec![false; pixels.len()];
    let mut holes = Vec::new();
    for sign in [1.0_f32, -1.0] {
        let largest = if sign > 0.0 {
            options.largest_bright
        } else {
            options.largest_dark
        };
        if largest == 0 {
            continue;
        }
        for seed in look.candidates(sign) {
            if taken[seed] {
                continue;
            }
            let (middle, deviation) = look.around(seed);
            let height = |index: usize| f64::from(sign * (pixels[index] - middle)) / deviation;
            if height(seed) < options.peak {
                continue;
            }
            let Some(members) = grow(seed, size, largest, |index| height(index) >= options.growth)
            else {
                continue;
            };
            for &index in &members {
                taken[index] = true;
            }
            report.bright += usize::from(sign > 0.0);
            report.dark += usize::from(sign < 0.0);
            holes.push(members);
        }
    }
    let mut canvas = Canvas { pixels, size };
    for members in &holes {
        let border = border(members, size, &taken);
        canvas.fill(
            &Hole {
                inside: members,
                border: &border,
            },
            None,
        );
    }
    report.pixels = (0..taken.len()).filter(|&index| taken[index]).collect();
    report
}

/// Differences from the ring, and the noise in each block of the image.
struct Look<'a> {
    pixels: &'a [f32],
    size: [usize; 2],
    difference: Vec<f32>,
    /// Deviation of the differences in each block, and how many blocks a row of blocks has.
    noise: Vec<f32>,
    blocks_x: usize,
}

impl<'a> Look<'a> {
    fn new(pixels: &'a [f32], size: [usize; 2]) -> Self {
        let [ny, nx] = size;
        let rows = map_indices(ny, |y| {
            (0..nx)
                .map(|x| pixels[y * nx + x] - ring_median(pixels, size, y, x))
                .collect::<Vec<f32>>()
        });
        let difference = rows.concat();
        let (blocks_y, blocks_x) = (ny.div_ceil(BLOCK), nx.div_ceil(BLOCK));
        let noise = map_indices(blocks_y * blocks_x, |block| {
            let (top, left) = (block / blocks_x * BLOCK, block % blocks_x * BLOCK);
            let mut sizes: Vec<f32> = (top..ny.min(top + BLOCK))
                .flat_map(|y| (left..nx.min(left + BLOCK)).map(move |x| y * nx + x))
                .map(|index| difference[index].abs())
                .collect();
            let middle = sizes.len() / 2;
            let (_, median, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
            1.4826 * *median
        });
        Self {
            pixels,
            size,
            difference,
            noise,
            blocks_x,
        }
    }

    fn noise_at(&self, index: usize) -> f32 {
        let nx = self.size[1];
        self.noise[index / nx / BLOCK * self.blocks_x + index % nx / BLOCK]
    }

    /// Pixels that stand out from their ring, the highest first.
    fn candidates(&self, sign: f32) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.pixels.len())
            .filter(|&index| sign * self.difference[index] > 4.5 * self.noise_at(index))
            .collect();
        found.sort_by(|&a, &b| {
            (sign * self.difference[b])
                .total_cmp(&(sign * self.difference[a]))
                .then(a.cmp(&b))
        });
        found
    }

    /// Median of the annulus around a pixel and the deviation to measure heights by: the larger one of the annulus and of the block.
    fn around(&self, index: usize) -> (f32, f64) {
        let [ny, nx] = self.size;
        let (y, x) = ((index / nx) as isize, (index % nx) as isize);
        let mut values = Vec::with_capacity(64);
        for dy in -5..=5_isize {
            for dx in -5..=5_isize {
                let (v, u) = (y + dy, x + dx);
                if (INNER..=OUTER).contains(&(dy * dy + dx * dx))
                    && (0..ny as isize).contains(&v)
                    && (0..nx as isize).contains(&u)
                {
                    values.push(f64::from(self.pixels[v as usize * nx + u as usize]));
                }
            }
        }
        let (middle, deviation) =
            crate::regression::median_and_deviation(&values).unwrap_or((0.0, 0.0));
        // The difference from a median of eight varies 1.09 times as much as a pixel.
        let noise = f64::from(self.noise_at(index)) / 1.09;
        (middle as f32, deviation.max(noise).max(f64::MIN_POSITIVE))
    }
}

/// Median of the ring around a pixel; at the edge of the image the ring is mirrored.
fn ring_median(pixels: &[f32], [ny, nx]: [usize; 2], y: usize, x: usize) -> f32 {
    let mirrored = |at: isize, length: usize| {
        let last = length as isize - 1;
        let at = at.abs();
        (if at > last { 2 * last - at } else { at }) as usize
    };
    let mut ring = RING.map(|(dx, dy)| {
        let (v, u) = (mirrored(y as isize + dy, ny), mirrored(x as isize + dx, nx));
        pixels[v * nx + u]
    });
    ring.sort_unstable_by(f32::total_cmp);
    0.5 * (ring[3] + ring[4])
}

/// Pixels connected to `seed` (corners count) that belong; `None` when there are more than `largest`.
fn grow(
    seed: usize,
    [ny, nx]: [usize; 2],
    largest: usize,
    belongs: impl Fn(usize) -> bool,
) -> Option<Vec<usize>> {
    let mut members = vec![seed];
    let mut next = 0;
    while next < members.len() {
        let (y, x) = (members[next] / nx, members[next] % nx);
        next += 1;
        let around = (y.saturating_sub(1)..(y + 2).min(ny))
            .flat_map(|v| (x.saturating_sub(1)..(x + 2).min(nx)).map(move |u| v * nx + u));
        for index in around {
            if !members.contains(&index) && belongs(index) {
                members.push(index);
            }
        }
        if members.len() > largest {
            return None;
        }
    }
    Some(members)
}

/// Pixels within two of a group that belong to no group.
fn border(members: &[usize], [ny, nx]: [usize; 2], taken: &[bool]) -> Vec<usize> {
    let mut found = Vec::new();
    for &member in members {
        let (y, x) = (member / nx, member % nx);
        for v in y.saturating_sub(2)..(y + 3).min(ny) {
            for u in x.saturating_sub(2)..(x + 3).min(nx) {
                let index = v * nx + u;
                if !taken[index] {
                    found.push(index);
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

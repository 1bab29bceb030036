//! Gold and other opaque things in a tilt image: found as dark places, covered with their surroundings.
//!
//! Box means of the size of a small bead, less box means of the size of a large one's surroundings, are compared with their own
//! robust spread; what lies far below is opaque. Single pixels beyond eight deviations (X-rays) are clipped.

use thon_signal::statistics::median_and_robust_deviation;

/// Edge of the box that a bead fills, Å.
const BEAD: f64 = 30.0;
/// Edge of the box that its surroundings fill, Å.
const SURROUNDINGS: f64 = 400.0;
/// Deviations below which a place is opaque.
const OPAQUE: f32 = 6.0;
/// Deviations beyond which a single pixel is clipped.
const CLIP: f32 = 8.0;
/// Pixels looked at for median and deviation.
const SAMPLE: usize = 40_000;

/// Covers opaque places of an image `[ny, nx]` with the mean of their surroundings; returns the share of covered pixels per
/// pixel as 0 or 1, and the median and robust deviation of the image.
pub(crate) fn cover(pixels: &mut [f32], [ny, nx]: [usize; 2], pixel_size: f64) -> Cover {
    let (median, deviation) = robust(pixels);
    let (low, high) = (median - CLIP * deviation, median + CLIP * deviation);
    let clipped: Vec<f32> = pixels.iter().map(|v| v.clamp(low, high)).collect();
    let small = odd(BEAD / pixel_size);
    let large = odd(SURROUNDINGS / pixel_size);
    let near = box_mean(&clipped, [ny, nx], small);
    let far = box_mean(&clipped, [ny, nx], large.min(odd(0.5 * ny.min(nx) as f64)));
    let contrast: Vec<f32> = near.iter().zip(&far).map(|(a, b)| a - b).collect();
    let (middle, spread) = robust(&contrast);
    let limit = middle - OPAQUE * spread;
    let dark: Vec<f32> = contrast
        .iter()
        .map(|v| f32::from(u8::from(*v < limit)))
        .collect();
    let grown = box_mean(&dark, [ny, nx], small);
    let covered: Vec<bool> = grown.iter().map(|v| *v > 1e-6).collect();
    for (((pixel, calm), hidden), far) in pixels.iter_mut().zip(clipped).zip(&covered).zip(&far) {
        *pixel = if *hidden { *far } else { calm };
    }
    Cover { covered, deviation }
}

/// What was covered.
pub(crate) struct Cover {
    /// True for covered pixels, `[ny, nx]`.
    pub(crate) covered: Vec<bool>,
    /// Robust deviation of the image.
    pub(crate) deviation: f32,
}

fn odd(length: f64) -> usize {
    2 * (0.5 * length).round().max(0.0) as usize + 1
}

/// Median and robust deviation of an even sample of the values.
fn robust(values: &[f32]) -> (f32, f32) {
    let step = (values.len() / SAMPLE).max(1);
    // A step that shares no factor with usual widths visits all columns.
    let step = if step > 1 { step | 1 } else { 1 };
    let sample: Vec<f32> = values.iter().copied().step_by(step).collect();
    median_and_robust_deviation(&sample).unwrap_or((0.0, 0.0))
}

/// Means over boxes of `edge` × `edge` pixels (odd), cut at the borders.
fn box_mean(values: &[f32], [ny, nx]: [usize; 2], edge: usize) -> Vec<f32> {
    if edge <= 1 {
        return values.to_vec();
    }
    let half = edge / 2;
    let mut rows = vec![0.0f32; ny * nx];
    let mut sums = vec![0.0f64; nx + 1];
    for (row, out) in values.chunks_exact(nx).zip(rows.chunks_exact_mut(nx)) {
        for (x, value) in row.iter().enumerate() {
            sums[x + 1] = sums[x] + f64::from(*value);
        }
        for (x, mean) in out.iter_mut().enumerate() {
            let (from, to) = (x.saturating_sub(half), (x + half + 1).min(nx));
            *mean = ((sums[to] - sums[from]) / (to - from) as f64) as f32;
        }
    }
    column_mean(&rows, [ny, nx], half)
}

fn column_mean(rows: &[f32], [ny, nx]: [usize; 2], half: usize) -> Vec<f32> {
    let mut out = vec![0.0f32; ny * nx];
    let mut sum = vec![0.0f64; nx];
    let (mut from, mut to) = (0, 0);
    for y in 0..ny {
        let (first, last) = (y.saturating_sub(half), (y + half + 1).min(ny));
        while to < last {
            add(&mut sum, &rows[to * nx..(to + 1) * nx], 1.0);
            to += 1;
        }
        while from < first {
            add(&mut sum, &rows[from * nx..(from + 1) * nx], -1.0);
            from += 1;
        }
        let inverse = 1.0 / (last - first) as f64;
        for (mean, sum) in out[y * nx..(y + 1) * nx].iter_mut().zip(&sum) {
            *mean = (sum * inverse) as f32;
        }
    }
    out
}

fn add(sum: &mut [f64], row: &[f32], sign: f64) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += sign * f64::from(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_means_are_means() {
        let values: Vec<f32> = (0..35).map(|v| (v * v % 17) as f32).collect();
        let means = box_mean(&values, [5, 7], 3);
        let mut sum = 0.0;
        for y in 1..4 {
            for x in 2..5 {
                sum += values[y * 7 + x];
            }
        }
        assert!((means[2 * 7 + 3] - sum / 9.0).abs() < 1e-5);
        let corner = (values[0] + values[1] + values[7] + values[8]) / 4.0;
        assert!((means[0] - corner).abs() < 1e-5);
    }

    #[test]
    fn a_bead_is_covered_and_ice_is_not() {
        let size = [256, 256];
        let mut image: Vec<f32> = (0..size[0] * size[1])
            .map(|i| 20.0 + ((i * 7919) % 101) as f32 / 25.0)
            .collect();
        for y in 0..256usize {
            for x in 0..256usize {
                if (y as f64 - 100.0).hypot(x as f64 - 60.0) < 12.0 {
                    image[y * 256 + x] = 8.0;
                }
            }
        }
        let cover = cover(&mut image, size, 4.0);
        assert!(cover.covered[100 * 256 + 60] && !cover.covered[200 * 256 + 200]);
        let share = cover.covered.iter().filter(|c| **c).count() as f64 / 65536.0;
        assert!(share > 0.006 && share < 0.025, "{share}");
        assert!((image[100 * 256 + 60] - 21.5).abs() < 1.5);
    }
}

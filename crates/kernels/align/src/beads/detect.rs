//! Candidates of one view: peaks of the correlation with a dark projected ball.

use glam::DVec2;
use ndarray::Array2;
use thon_signal::correlate::{Correlation, correlate2, find_peaks2};

use super::working::Scale;

/// A possible bead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Position, Å from the centre pixel.
    pub position: DVec2,
    /// Height of its correlation peak, in robust standard deviations of the correlation map.
    pub score: f64,
}

/// Correlation of a prepared image with a dark ball of `diameter` Å (zero mean over a disc half as wide again, norm 1).
pub(super) fn ball_map(image: &Array2<f32>, scale: &Scale, diameter: f64) -> Array2<f32> {
    let radius = 0.5 * diameter / scale.pixel.x;
    let outer = 1.5 * radius;
    let (cy, cx) = ((scale.size[0] / 2) as f64, (scale.size[1] / 2) as f64);
    let mut ball = Array2::<f32>::zeros(image.dim());
    let (mut sum, mut area) = (0.0, 0.0);
    for ((y, x), value) in ball.indexed_iter_mut() {
        let r2 = (y as f64 - cy).powi(2) + (x as f64 - cx).powi(2);
        if r2 <= outer * outer {
            let v = (1.0 - r2 / (radius * radius)).max(0.0).sqrt();
            *value = v as f32;
            sum += v;
            area += 1.0;
        }
    }
    let mean = sum / f64::max(area, 1.0);
    let mut norm = 0.0;
    for ((y, x), value) in ball.indexed_iter_mut() {
        let r2 = (y as f64 - cy).powi(2) + (x as f64 - cx).powi(2);
        if r2 <= outer * outer {
            *value = (mean - f64::from(*value)) as f32;
            norm += f64::from(*value).powi(2);
        }
    }
    ball.mapv_inplace(|v| (f64::from(v) / norm.sqrt().max(1e-12)) as f32);
    let mut map = correlate2(image, &ball, Correlation::Plain);
    // The peak of a ball at the centre of `ball` stands at the bead's own place.
    map.mapv_inplace(|v| if v.is_finite() { v } else { 0.0 });
    map
}

/// Robust standard deviation of a map around its median.
pub(super) fn robust_deviation(map: &Array2<f32>) -> f64 {
    let values: Vec<f32> = map.iter().step_by(7).copied().collect();
    thon_signal::statistics::median_and_robust_deviation(&values).map_or(0.0, |(_, d)| f64::from(d))
}

/// Candidates of one prepared image, best first: at least `least` deviations high, at most `count`.
pub(super) fn detect(
    image: &Array2<f32>,
    scale: &Scale,
    diameter: f64,
    least: f64,
    count: usize,
) -> Vec<Candidate> {
    let map = ball_map(image, scale, diameter);
    let unit = robust_deviation(&map);
    if unit <= 1e-9 {
        return Vec::new();
    }
    let distance = 0.7 * diameter / scale.pixel.x;
    let peaks = find_peaks2(&map, (least * unit) as f32, distance, count);
    peaks
        .into_iter()
        .map(|peak| Candidate {
            position: scale.angstroms(DVec2::new(peak.position[0], peak.position[1])),
            score: f64::from(peak.value) / unit,
        })
        .filter(|c| scale.holds(c.position, 0.5 * diameter))
        .collect()
}

/// The strong candidates: those above a share of the score of the best ones, where beads end and noise begins.
pub(super) fn strong(candidates: &[Candidate], share: f64) -> Vec<Candidate> {
    let top = &candidates[..candidates.len().min(8)];
    let scores: Vec<f64> = top.iter().map(|c| c.score).collect();
    let typical = crate::adjust::median(&scores);
    candidates
        .iter()
        .filter(|c| c.score >= share * typical)
        .copied()
        .collect()
}

//! The bead diameter from the images: the ball whose correlation peaks stand out most.

use ndarray::Array2;

use super::detect::{ball_map, robust_deviation};
use super::working::{SMALLEST, Scale, prepare};
use crate::adjust::median;
use thon_signal::correlate::find_peaks2;

/// Diameters tried, Å, by steps of about 10 %.
fn ladder() -> Vec<f64> {
    (0..17).map(|k| SMALLEST * 1.1_f64.powi(k)).collect()
}

/// Diameter in Å of the beads in some raw images of `pixel` Å; `None` when nothing stands out.
pub(super) fn find_diameter(raw: &[Array2<f32>], size: [usize; 2], pixel: f64) -> Option<f64> {
    let mut best: Option<(f64, f64)> = None;
    let mut scores = Vec::new();
    for diameter in ladder().into_iter().filter(|d| *d >= 4.0 * pixel) {
        let scale = Scale::new(size, pixel, diameter);
        let of_image = |raw: &Array2<f32>| {
            let working = prepare(raw, &scale, diameter);
            let map = ball_map(&working.image, &scale, diameter);
            let unit = robust_deviation(&map).max(1e-12);
            let peaks = find_peaks2(&map, (4.0 * unit) as f32, diameter / scale.pixel.x, 8);
            let heights: Vec<f64> = peaks
                .iter()
                .map(|p| f64::from(p.value) * scale.pixel.x)
                .collect();
            (median(&heights), f64::from(u8::from(heights.len() >= 3)))
        };
        let values: Vec<(f64, f64)> = raw.iter().map(of_image).collect();
        let heights: Vec<f64> = values.iter().map(|v| v.0 * v.1).collect();
        scores.push((diameter, median(&heights)));
    }
    for &(diameter, score) in &scores {
        if score > 0.0 && best.is_none_or(|(_, highest)| score > highest) {
            best = Some((diameter, score));
        }
    }
    let (diameter, height) = best?;
    // Vertex of a parabola over the logarithm of the diameter.
    let at = scores.iter().position(|s| s.0 == diameter)?;
    let (Some(before), Some(after)) = (at.checked_sub(1).map(|i| scores[i].1), scores.get(at + 1))
    else {
        return Some(diameter);
    };
    let bend = before - 2.0 * height + after.1;
    let offset = if bend < 0.0 {
        0.5 * (before - after.1) / bend
    } else {
        0.0
    };
    Some(diameter * 1.1_f64.powf(offset.clamp(-0.5, 0.5)))
}

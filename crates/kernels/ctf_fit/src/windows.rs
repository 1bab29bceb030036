//! Windows of overlapping tiles whose powers sum to one at every pixel.
//!
//! Along one axis each tile has a sine, divided by the root of the sum of squares of all sines there: between tiles the powers
//! sum to one, towards the borders the outermost windows stay flat and fall within a narrow rim. A spectrum then uses nearly all
//! of an image, of which Hann windows overlapping by half lose a quarter (7 × 7 tiles) or almost half (3 × 3 tiles).

use std::f64::consts::PI;

/// Width of the rim at the image's border as a share of a tile.
const RIM: f64 = 1.0 / 10.0;

/// Window of a tile along one axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    /// First pixel.
    pub(crate) start: usize,
    /// Amplitude at each pixel of the tile.
    pub(crate) values: Vec<f32>,
    /// Centre of its power, pixels.
    pub(crate) centre: f64,
    /// Variance of its power about the centre, pixels².
    pub(crate) variance: f64,
    /// Mean square.
    pub(crate) power: f64,
}

/// Windows of tiles of `tile` pixels, overlapping by half, that cover `n` pixels (at least `tile`).
pub(crate) fn windows(n: usize, tile: usize) -> Vec<Window> {
    let starts = starts(n, tile);
    let sine: Vec<f64> = (0..tile)
        .map(|i| (PI * (i as f64 + 0.5) / tile as f64).sin())
        .collect();
    let mut total = vec![0.0; n];
    for start in &starts {
        for (sum, value) in total[*start..].iter_mut().zip(&sine) {
            *sum += value * value;
        }
    }
    let rim = RIM * tile as f64;
    let amplitude = |x: usize, value: f64| {
        let inside = (x.min(n - 1 - x) as f64 + 0.5) / rim;
        value / total[x].sqrt() * (0.5 * PI * inside.min(1.0)).sin()
    };
    starts
        .into_iter()
        .map(|start| {
            let values = sine.iter().enumerate();
            let values: Vec<f64> = values.map(|(i, s)| amplitude(start + i, *s)).collect();
            window(start, &values)
        })
        .collect()
}

fn window(start: usize, values: &[f64]) -> Window {
    let place = |i: usize| (start + i) as f64;
    let sum: f64 = values.iter().map(|v| v * v).sum();
    let mean = |f: &dyn Fn(f64) -> f64| {
        let terms = values.iter().enumerate().map(|(i, v)| v * v * f(place(i)));
        terms.sum::<f64>() / sum
    };
    let centre = mean(&|x| x);
    Window {
        start,
        values: values.iter().map(|v| *v as f32).collect(),
        centre,
        variance: mean(&|x| (x - centre) * (x - centre)),
        power: sum / values.len() as f64,
    }
}

/// First pixels of the tiles, spread over the whole length.
fn starts(n: usize, tile: usize) -> Vec<usize> {
    let count = (n - tile).div_ceil(tile / 2) + 1;
    if count == 1 {
        return vec![(n - tile) / 2];
    }
    (0..count).map(|i| (i * (n - tile)) / (count - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_image() {
        assert_eq!(starts(512, 256), [0, 128, 256]);
        assert_eq!(starts(600, 256), [0, 114, 229, 344]);
        assert_eq!(starts(256, 256), [0]);
    }

    #[test]
    fn powers_sum_to_one_but_in_the_rim() {
        for (n, tile) in [(1024, 256), (600, 256), (256, 256), (300, 128)] {
            let mut total = vec![0.0f64; n];
            for window in windows(n, tile) {
                for (i, value) in window.values.iter().enumerate() {
                    total[window.start + i] += f64::from(value * value);
                }
            }
            let rim = tile / 10 + 1;
            assert!(total[rim..n - rim].iter().all(|v| (v - 1.0).abs() < 1e-5));
            assert!(total[0] < 0.01 && total.iter().all(|v| *v < 1.0 + 1e-5));
        }
    }

    #[test]
    fn the_middle_window_is_a_sine() {
        let windows = windows(512, 256);
        let middle = &windows[1];
        assert!((middle.centre - 255.5).abs() < 1e-6);
        // Variance of sin² over a length: (1/12 − 1/2π²) n².
        let expected = (1.0 / 12.0 - 0.5 / (PI * PI)) * 256.0 * 256.0;
        assert!((middle.variance / expected - 1.0).abs() < 0.01);
        assert!((middle.power - 0.5).abs() < 1e-3);
        assert!(windows[0].centre > 70.0 && windows[0].centre < 110.0);
    }
}

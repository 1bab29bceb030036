//! The mean radial profile of the beads of a series, fringes included, and its interpolation.

use glam::DVec2;
use ndarray::Array2;

/// Samples per working pixel.
const FINE: f64 = 2.0;

/// Contrast of a bead by distance from its centre, 1 = the series' mean bead.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    values: Vec<f64>,
    /// Distance at which the profile ends, working pixels.
    pub(super) reach: f64,
}

/// A place in an image that feeds the profile.
pub(super) struct Sample<'a> {
    pub(super) image: &'a Array2<f32>,
    /// Working pixels (x, y).
    pub(super) at: DVec2,
    pub(super) weight: f64,
}

impl Profile {
    /// A projected ball of `radius` working pixels, depth 1.
    pub(super) fn ball(radius: f64, reach: f64) -> Self {
        let count = (reach * FINE).ceil() as usize + 2;
        let at = |k: usize| -(1.0 - (k as f64 / FINE / radius).powi(2)).max(0.0).sqrt();
        Self {
            values: (0..count).map(at).collect(),
            reach,
        }
    }

    /// The mean over places, its level at the rim taken off; `None` without any weight.
    pub(super) fn measure(samples: &[Sample], reach: f64) -> Option<Self> {
        let count = (reach * FINE).ceil() as usize + 2;
        let (mut sums, mut weights) = (vec![0.0; count], vec![0.0; count]);
        for sample in samples {
            let (ny, nx) = sample.image.dim();
            for (y, x) in window(sample.at, reach + 1.0, [ny, nx]) {
                let r = (DVec2::new(x as f64, y as f64) - sample.at).length() * FINE;
                let (bin, part) = (r as usize, r.fract());
                if bin + 1 < count {
                    let value = f64::from(sample.image[[y, x]]) * sample.weight;
                    sums[bin] += value * (1.0 - part);
                    weights[bin] += sample.weight * (1.0 - part);
                    sums[bin + 1] += value * part;
                    weights[bin + 1] += sample.weight * part;
                }
            }
        }
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let mut values = Vec::with_capacity(count);
        for k in 0..count {
            let last = values.last().copied().unwrap_or(0.0);
            values.push(if weights[k] > 1e-6 * total / count as f64 {
                sums[k] / weights[k]
            } else {
                last
            });
        }
        let rim = values[count - 4..].iter().sum::<f64>() / 4.0;
        // Softly to zero over the last fifth, so that the edge of the window does not pull.
        for (k, value) in values.iter_mut().enumerate() {
            let share = (k as f64 / FINE / reach - 0.8) / 0.2;
            let fade = 0.5 * (1.0 + (std::f64::consts::PI * share.clamp(0.0, 1.0)).cos());
            *value = (*value - rim) * fade;
        }
        Some(Self { values, reach })
    }

    /// Value and derivative at a distance in working pixels.
    pub(super) fn at(&self, distance: f64) -> (f64, f64) {
        let r = distance * FINE;
        let k = r as usize;
        if distance >= self.reach || k + 1 >= self.values.len() {
            return (0.0, 0.0);
        }
        let part = r - k as f64;
        // Cubic (Catmull–Rom); the profile is even about 0.
        let value = |i: isize| self.values[i.unsigned_abs().min(self.values.len() - 1)];
        let k = k as isize;
        let [a, b, c, d] = [value(k - 1), value(k), value(k + 1), value(k + 2)];
        let (p, q, s) = (
            c - a,
            2.0 * a - 5.0 * b + 4.0 * c - d,
            -a + 3.0 * b - 3.0 * c + d,
        );
        let v = b + 0.5 * part * (p + part * (q + part * s));
        let slope = 0.5 * (p + part * (2.0 * q + 3.0 * part * s)) * FINE;
        (v, slope)
    }

    /// Diameter in working pixels at which the profile crosses half of its depth.
    pub(super) fn width(&self) -> f64 {
        let depth = self.values[0];
        let below = self.values.iter().position(|v| v / depth < 0.5);
        2.0 * below.map_or(self.reach, |k| k as f64 / FINE)
    }
}

/// Pixels (y, x) within a square of `reach` around a place, inside the image.
pub(super) fn window(
    at: DVec2,
    reach: f64,
    [ny, nx]: [usize; 2],
) -> impl Iterator<Item = (usize, usize)> {
    let range = |v: f64, n: usize| {
        let low = (v - reach).ceil().max(0.0) as usize;
        let high = ((v + reach).floor() + 1.0).clamp(0.0, n as f64) as usize;
        low..high.max(low)
    };
    let (rows, columns) = (range(at.y, ny), range(at.x, nx));
    rows.flat_map(move |y| columns.clone().map(move |x| (y, x)))
}

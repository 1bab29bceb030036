//! The regularised average of a class from its sums.

use num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::HalfDisc;
use super::centre;
use super::maximisation::ClassSum;
use super::plane::Plane;
use super::source::Mask;

/// The average of a class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassAverage {
    /// Regularised and masked, `[n, n]`; zeros when nobody is in the class.
    pub image: Vec<f32>,
    /// Images in the class: the sum of their shares.
    pub images: f64,
    /// Signal-to-noise ratio of the average per shell, from 0; shell 0 is 0.
    pub signal_to_noise: Vec<f64>,
    /// Last shell up to which the ratio is 1 or more.
    pub resolved_shell: usize,
    /// Where its mass lay before it was brought to the centre, pixels (x, y).
    pub moved: [f64; 2],
}

impl ClassSum {
    /// Σ w c²/P at the points of a half disc.
    fn weights_at(&self, disc: &HalfDisc, box_size: usize) -> Vec<f64> {
        let mut weights = vec![0.0; disc.points.len()];
        for (shell, range) in disc.shells() {
            weights[range].fill(self.weights[shell]);
        }
        if let Some([weighted, plain]) = &self.seen {
            for (weight, [x, y]) in weights.iter_mut().zip(&disc.points) {
                let row = (2 * *y as isize).rem_euclid(2 * box_size as isize) as usize;
                let i = row * (box_size + 1) + 2 * *x as usize;
                *weight = if plain[i] > 0.0 {
                    self.images * f64::from(weighted[i] / plain[i])
                } else {
                    0.0
                };
            }
        }
        weights
    }

    /// The regularised average. `trust` is T; `reach`, pixels, is how far its mass may be moved to the centre.
    pub fn average(
        &self,
        plane: &Plane,
        disc: &HalfDisc,
        mask: &Mask,
        trust: f64,
        reach: Option<f64>,
    ) -> ClassAverage {
        let n = plane.box_size();
        let mut average = ClassAverage {
            image: vec![0.0; n * n],
            signal_to_noise: vec![0.0; disc.band + 1],
            ..ClassAverage::default()
        };
        if self.images < 1e-3 {
            return average;
        }
        average.images = self.images;
        let weights = self.weights_at(disc, n);
        let mut values = plane.transform(&plane.unpad(self.sum.clone()), disc);
        for (shell, range) in disc.shells() {
            let power: f64 = values[range.clone()]
                .iter()
                .map(|v| f64::from(v.norm_sqr()))
                .sum();
            let [first, second] =
                (weights[range.clone()].iter()).fold([0.0; 2], |s, w| [s[0] + w, s[1] + w * w]);
            // The noise power of F is its weight times what the mask and the spread over poses leave of it.
            let left =
                mask.fraction * self.noise[shell] / self.weights[shell].max(f64::MIN_POSITIVE);
            let signal = (power - left * first) / second.max(f64::MIN_POSITIVE);
            let ratio = signal * second / (left * first).max(f64::MIN_POSITIVE);
            if first <= 0.0 || signal <= 0.0 || !ratio.is_finite() {
                values[range].fill(Complex32::default());
                continue;
            }
            average.signal_to_noise[shell] = ratio;
            let ridge = left / (trust * signal);
            for (value, weight) in values[range.clone()].iter_mut().zip(&weights[range]) {
                *value *= (1.0 / (weight + ridge)) as f32;
            }
        }
        let resolved = average.signal_to_noise[1..]
            .iter()
            .take_while(|s| **s >= 1.0)
            .count();
        average.resolved_shell = resolved;
        average.image = plane.image(&values, disc);
        let middle = reach
            .and_then(|reach| centre::middle(&average.image, &mask.values, n, resolved, reach));
        if let Some(middle) = middle {
            centre::move_back(&mut values, disc, n, middle);
            average.moved = middle;
            average.image = plane.image(&values, disc);
        }
        average
            .image
            .iter_mut()
            .zip(&mask.values)
            .for_each(|(v, m)| *v *= m);
        average
    }
}

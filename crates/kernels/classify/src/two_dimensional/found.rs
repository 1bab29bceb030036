//! What a search finds of an image: weights of poses, what is left of the image, the best pose.

use num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::expectation::Search;
use super::noise::shell_powers;
use super::source::Prepared;

/// What an image was found to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// Most likely class, from 0.
    pub class: u32,
    /// Its share of the posterior.
    pub class_probability: f64,
    /// In-plane rotation of the class average to the image, radians, x to y.
    pub angle: f64,
    /// Displacement of the particle from the centre of its image, pixels (x, y).
    pub shift: [f64; 2],
    /// Largest weight of a single pose.
    pub pose_probability: f64,
    /// ln of the likelihood of all poses together, relative to no particle.
    pub log_likelihood: f64,
}

/// A pose with its share of an image's posterior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Row of the templates.
    pub template: u32,
    /// Index of the fine shift.
    pub shift: u32,
    /// Share of the posterior.
    pub weight: f32,
}

/// What the search found for one image.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Poses by template, then shift; their weights sum to 1.
    pub entries: Vec<Entry>,
    /// Σ w |X − c T e^(…)|² per shell of the averages' band; |X|² beyond the band of the search.
    pub residual: Vec<f64>,
    /// The best class and pose.
    pub assignment: Assignment,
}

/// Share of the posterior that is kept.
const KEPT: f64 = 0.999;

impl Search<'_> {
    /// Σ w |X − c T e^(…)|² per shell.
    pub(super) fn residual(&self, image: &Prepared, entries: &[Entry]) -> Vec<f64> {
        let mut residual = shell_powers(image, self.disc);
        let points = self.templates.points;
        let band = self
            .disc
            .starts
            .iter()
            .position(|s| *s == points)
            .map_or(self.disc.band, |s| s - 1);
        for same in entries.chunk_by(|a, b| a.template == b.template) {
            let blurred = self.blurred(image, same, points);
            let weight: f32 = same.iter().map(|e| e.weight).sum();
            let row = self.templates.row(same[0].template as usize);
            let squares = self.templates.square_row(same[0].template as usize);
            let transfer = image.transfer.as_deref();
            for (shell, range) in self.disc.shells().take(band) {
                let mut change = 0.0;
                for q in range {
                    let c = transfer.map_or(1.0, |t| t[q]);
                    let cross = blurred[q].re * row[2 * q] + blurred[q].im * row[2 * q + 1];
                    change += f64::from(weight * c * c * squares[q] - 2.0 * c * cross);
                }
                residual[shell] += change;
            }
        }
        // Rounding must not leave less than nothing.
        for power in &mut residual {
            *power = power.max(0.0);
        }
        residual
    }

    /// Σ over shifts of w X e^(2πi q·t/n): an image with its shifts undone, at the first `points` points.
    pub fn blurred(&self, image: &Prepared, entries: &[Entry], points: usize) -> Vec<Complex32> {
        let mut turned = vec![Complex32::default(); points];
        for entry in entries {
            let phases = &self.phases[entry.shift as usize * self.disc.points.len()..];
            for (sum, phase) in turned.iter_mut().zip(phases) {
                *sum += phase * entry.weight;
            }
        }
        for (sum, x) in turned.iter_mut().zip(&image.transform) {
            *sum *= x;
        }
        turned
    }

    /// The best class, and the mean pose around the best one in it.
    pub(super) fn assignment(
        &self,
        entries: &[Entry],
        offset: [i32; 2],
        log_likelihood: f64,
    ) -> Assignment {
        let angles = self.templates.angles;
        let class_of = |e: &Entry| e.template as usize / angles;
        let mut shares = vec![0.0; self.log_priors.len()];
        for entry in entries {
            shares[class_of(entry)] += f64::from(entry.weight);
        }
        let class =
            (0..shares.len()).fold(0, |best, k| if shares[k] > shares[best] { k } else { best });
        let of_class = || entries.iter().filter(|e| class_of(e) == class);
        let Some(best) = of_class().reduce(|a, b| if b.weight > a.weight { b } else { a }) else {
            return Assignment::default();
        };
        let angle_of = |e: &Entry| self.sampling.angles[e.template as usize % angles];
        let (middle, [x0, y0]) = (angle_of(best), self.sampling.shifts[best.shift as usize]);
        let mut sums = [0.0; 4];
        for entry in of_class() {
            let turn = (angle_of(entry) - middle + std::f64::consts::PI)
                .rem_euclid(std::f64::consts::TAU)
                - std::f64::consts::PI;
            let [x, y] = self.sampling.shifts[entry.shift as usize];
            let near = turn.abs() < 1.5 * self.sampling.angle_step()
                && (x - x0).abs().max((y - y0).abs()) < 1.5 * self.sampling.shift_step;
            if near {
                let w = f64::from(entry.weight);
                sums = [
                    sums[0] + w,
                    sums[1] + w * turn,
                    sums[2] + w * x,
                    sums[3] + w * y,
                ];
            }
        }
        Assignment {
            class: class as u32,
            class_probability: shares[class],
            angle: (middle + sums[1] / sums[0]).rem_euclid(std::f64::consts::TAU),
            shift: [
                sums[2] / sums[0] + f64::from(offset[0]),
                sums[3] / sums[0] + f64::from(offset[1]),
            ],
            pose_probability: f64::from(best.weight),
            log_likelihood,
        }
    }
}

/// Weights of poses from their log posteriors: the heaviest that make up [`KEPT`], and ln of the whole sum.
pub(super) fn weighted(mut poses: Vec<(u32, u32, f64)>) -> (Vec<Entry>, f64) {
    let best = poses.iter().map(|p| p.2).fold(f64::NEG_INFINITY, f64::max);
    poses.retain(|p| p.2 > best - 20.0);
    let total: f64 = poses.iter().map(|p| (p.2 - best).exp()).sum();
    poses.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    let mut kept = 0.0;
    let mut last = 0;
    for pose in &poses {
        last += 1;
        kept += (pose.2 - best).exp();
        if kept >= KEPT * total {
            break;
        }
    }
    poses.truncate(last);
    poses.sort_unstable_by_key(|p| (p.0, p.1));
    let entry = |p: &(u32, u32, f64)| Entry {
        template: p.0,
        shift: p.1,
        weight: ((p.2 - best).exp() / kept) as f32,
    };
    (poses.iter().map(entry).collect(), best + total.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_light_poses_go() {
        let poses = vec![
            (3, 0, -5.0),
            (1, 2, 0.0),
            (1, 1, 0.0),
            (0, 0, -30.0),
            (2, 2, -9.0),
        ];
        let (entries, log) = weighted(poses);
        assert_eq!(entries.len(), 3);
        assert!((entries.iter().map(|e| e.weight).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((entries[0].template, entries[0].shift) == (1, 1) && entries[2].template == 3);
        assert!((log - (2.0_f64 + (-5.0_f64).exp() + (-9.0_f64).exp()).ln()).abs() < 1e-12);
    }
}

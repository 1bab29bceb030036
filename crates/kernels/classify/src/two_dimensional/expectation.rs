//! Expectation: which class, angle and shift each image is likely to have.
//!
//! For an image X with transfer c, noise power P, and template T (class and angle) at shift t, relative to no particle,
//!
//! ln L = Σ_q [ 2 Re( c X̄ e^(−2πi q·t/n) T ) − c² |T|² ] / P
//!
//! over a half disc. The cross term over (shifts of a block of images) × (templates) is one matrix product, the norm
//! term over images × templates another. First on the coarse grids and half the band; then, for each image, on the
//! fine grids and the whole band, for runs of templates whose coarse ones matter.

use num_complex::Complex32;

use super::HalfDisc;
use super::found::{Found, weighted};
use super::noise::NoisePowers;
use super::sampling::Sampling;
use super::source::Prepared;
use super::templates::Templates;
use thon_compute::product::{Matrix, multiply};

/// What all images of a round are compared with.
pub(crate) struct Search<'a> {
    pub sampling: &'a Sampling,
    pub templates: &'a Templates,
    /// Half disc of the averages; that of the search is its prefix of `templates.points`.
    pub disc: &'a HalfDisc,
    /// Points of the coarse search.
    pub coarse_points: usize,
    /// Rows of shifts over `disc`.
    pub phases: &'a [Complex32],
    pub noise: &'a NoisePowers,
    /// Edge of the images, pixels.
    pub box_size: usize,
    /// Radius of the mask, pixels.
    pub radius: f64,
    /// ln of the prior of each class; −∞ for a class that nobody is in.
    pub log_priors: &'a [f64],
    /// Deviation of the particles about the centres of their boxes, pixels.
    pub shift_deviation: f64,
    /// What the log-likelihood is multiplied by: below 1 while annealing.
    pub sharpness: f64,
}

/// Log-likelihood below the best coarse pose at which poses stop to matter: a constant, and a part of the best gain for
/// what the coarse grids blur.
const MARGIN: (f64, f64) = (7.0, 0.08);

impl Search<'_> {
    /// Searches a block of images; `offsets` are the whole pixels that each was centred by.
    pub fn block(&self, images: &[Prepared], offsets: &[[i32; 2]]) -> Vec<Found> {
        let coarse = self.coarse_scores(images);
        let per_image = coarse.len() / images.len().max(1);
        let each = images
            .iter()
            .zip(offsets)
            .zip(coarse.chunks_exact(per_image.max(1)));
        each.map(|((image, offset), scores)| self.fine(image, *offset, scores))
            .collect()
    }

    /// The best coarse score of every image of a block: how much its likelihood gains from the templates.
    pub fn best_gains(&self, images: &[Prepared]) -> Vec<f64> {
        let coarse = self.coarse_scores(images);
        let per_image = (coarse.len() / images.len().max(1)).max(1);
        let best = |scores: &[f32]| scores.iter().copied().fold(0.0_f32, f32::max);
        coarse
            .chunks_exact(per_image)
            .map(|scores| f64::from(best(scores)))
            .collect()
    }

    /// X c/P and c²/P at the first `points` points.
    fn whitened(&self, image: &Prepared, points: usize) -> (Vec<Complex32>, Vec<f32>) {
        let mut weights = self.noise.inverse(image.group, self.disc);
        weights.truncate(points);
        let mut data: Vec<Complex32> = image
            .transform
            .iter()
            .zip(&weights)
            .map(|(x, w)| x * w)
            .collect();
        if let Some(transfer) = &image.transfer {
            for ((d, w), c) in data.iter_mut().zip(&mut weights).zip(transfer) {
                *d *= *c;
                *w *= c * c;
            }
        }
        (data, weights)
    }

    /// The whitened image with a shift undone, as (re, im, …).
    fn shifted(&self, data: &[Complex32], shift: usize, row: &mut [f32]) {
        let phases = &self.phases[shift * self.disc.points.len()..];
        for ((pair, d), e) in row.chunks_exact_mut(2).zip(data).zip(phases) {
            pair[0] = d.re * e.re - d.im * e.im;
            pair[1] = d.re * e.im + d.im * e.re;
        }
    }

    /// ln of the prior of a shift.
    fn shift_prior(&self, offset: [i32; 2], shift: usize) -> f64 {
        let [x, y] = self.sampling.shifts[shift];
        let (x, y) = (x + f64::from(offset[0]), y + f64::from(offset[1]));
        -(x * x + y * y) / (2.0 * self.shift_deviation * self.shift_deviation)
    }

    /// 2 ⟨X, T⟩ − ⟨c², |T|²⟩ of every image, coarse shift and coarse template, `[image][shift][template]`.
    fn coarse_scores(&self, images: &[Prepared]) -> Vec<f32> {
        let (points, shifts) = (self.coarse_points, self.sampling.coarse.len());
        let templates = self.templates.count() / 2;
        let mut rows = vec![0.0; images.len() * shifts * 2 * points];
        let mut weights = vec![0.0; images.len() * points];
        for (i, image) in images.iter().enumerate() {
            let (data, weight) = self.whitened(image, points);
            weights[i * points..][..points].copy_from_slice(&weight);
            for (s, shift) in self.sampling.coarse.iter().enumerate() {
                self.shifted(
                    &data,
                    *shift,
                    &mut rows[(i * shifts + s) * 2 * points..][..2 * points],
                );
            }
        }
        let every_other =
            |values, columns, stride| Matrix::rows(values, templates, columns, 2 * stride);
        let all = self.templates.points;
        let mut scores = vec![0.0; images.len() * shifts * templates];
        let data = Matrix::rows(&rows, images.len() * shifts, 2 * points, 2 * points);
        let values = every_other(&self.templates.values, 2 * points, 2 * all);
        multiply(data, values.transposed(), &mut scores, false);
        let mut norms = vec![0.0; images.len() * templates];
        let weights = Matrix::rows(&weights, images.len(), points, points);
        let squares = every_other(&self.templates.squares, points, all);
        multiply(weights, squares.transposed(), &mut norms, false);
        for (scores, norms) in scores
            .chunks_exact_mut(shifts * templates)
            .zip(norms.chunks_exact(templates))
        {
            for row in scores.chunks_exact_mut(templates) {
                row.iter_mut()
                    .zip(norms)
                    .for_each(|(s, n)| *s = 2.0 * *s - n);
            }
        }
        scores
    }

    /// Which fine templates and shifts the coarse scores leave: runs of templates, and shifts.
    fn promising(&self, offset: [i32; 2], scores: &[f32]) -> (Vec<(usize, usize)>, Vec<usize>) {
        let per_class = self.templates.angles / 2;
        let templates = self.templates.count() / 2;
        let shift_priors: Vec<f64> = (self.sampling.coarse.iter())
            .map(|s| self.shift_prior(offset, *s))
            .collect();
        let sharpness = self.sharpness as f32;
        let mut rows = scores.to_vec();
        let (mut best, mut gain) = (f32::NEG_INFINITY, 0.0_f32);
        for (row, prior) in rows.chunks_exact_mut(templates).zip(&shift_priors) {
            for (scores, class) in row.chunks_exact_mut(per_class).zip(self.log_priors) {
                let constant = (prior + class) as f32;
                for score in scores {
                    gain = gain.max(*score * sharpness);
                    *score = *score * sharpness + constant;
                    best = best.max(*score);
                }
            }
        }
        let least = best - MARGIN.0 as f32 - MARGIN.1 as f32 * gain;
        let mut wanted = vec![false; self.templates.count()];
        let mut shifts = vec![false; self.sampling.shifts.len()];
        for (row, children) in rows.chunks_exact(templates).zip(&self.sampling.children) {
            let mut any = false;
            for (coarse, _) in row.iter().enumerate().filter(|(_, score)| **score >= least) {
                any = true;
                let (class, j) = (coarse / per_class, 2 * (coarse % per_class));
                let first = class * self.templates.angles;
                for neighbour in [j + self.templates.angles - 1, j, j + 1] {
                    wanted[first + neighbour % self.templates.angles] = true;
                }
            }
            if any {
                for child in children {
                    shifts[*child] = true;
                }
            }
        }
        let shifts = (0..shifts.len()).filter(|s| shifts[*s]).collect();
        (runs(&wanted), shifts)
    }

    /// The fine search of one image.
    fn fine(&self, image: &Prepared, offset: [i32; 2], scores: &[f32]) -> Found {
        let (runs, shifts) = self.promising(offset, scores);
        let points = self.templates.points;
        let (data, weights) = self.whitened(image, points);
        let mut rows = vec![0.0; shifts.len() * 2 * points];
        for (row, shift) in rows.chunks_exact_mut(2 * points).zip(&shifts) {
            self.shifted(&data, *shift, row);
        }
        let priors: Vec<f64> = shifts
            .iter()
            .map(|s| self.shift_prior(offset, *s))
            .collect();
        let mut poses: Vec<(u32, u32, f64)> = Vec::new();
        let mut products = Vec::new();
        for (start, count) in runs {
            products.clear();
            products.resize(count * shifts.len(), 0.0);
            let part = &self.templates.values[start * 2 * points..];
            multiply(
                Matrix::rows(part, count, 2 * points, 2 * points),
                Matrix::rows(&rows, shifts.len(), 2 * points, 2 * points).transposed(),
                &mut products,
                false,
            );
            for (t, row) in products.chunks_exact(shifts.len()).enumerate() {
                let template = start + t;
                let norm = dot(self.templates.square_row(template), &weights);
                let class = self.log_priors[template / self.templates.angles];
                for ((product, shift), prior) in row.iter().zip(&shifts).zip(&priors) {
                    let score = f64::from(2.0 * product - norm) * self.sharpness;
                    poses.push((template as u32, *shift as u32, score + class + prior));
                }
            }
        }
        let (entries, log_likelihood) = weighted(poses);
        Found {
            residual: self.residual(image, &entries),
            assignment: self.assignment(&entries, offset, log_likelihood),
            entries,
        }
    }
}

/// Starts and lengths of the runs of true.
fn runs(wanted: &[bool]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (i, _) in wanted.iter().enumerate().filter(|(_, w)| **w) {
        match runs.last_mut() {
            Some((start, count)) if *start + *count == i => *count += 1,
            _ => runs.push((i, 1)),
        }
    }
    runs
}

/// Σ a b over the shorter length, in sixteen partial sums.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (left, right) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = (left.remainder().iter().zip(right.remainder()))
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in left.zip(right) {
        for i in 0..16 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_dots() {
        let wanted = [true, true, false, true, false, false, true];
        assert_eq!(runs(&wanted), [(0, 2), (3, 1), (6, 1)]);
        let a: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(dot(&a, &a), (0..37).map(|i| (i * i) as f32).sum::<f32>());
    }
}

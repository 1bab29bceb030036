//! Maximisation: averages of the classes from images at their poses.
//!
//! For each class and angle the images, with their shifts undone and their weights, are summed on the lattice first; each
//! such sum is then turned back once, by the transpose of what turns averages to templates. The cost of turning does not
//! depend on the number of images. Sums run over images in order for each class alone, so that neither blocks nor threads
//! change a bit.
//!
//! The average is F/W, F = Σ w c X/P, W = Σ w c²/P. An image at one pose adds w² c²/P to the noise power of F, one
//! that is spread over poses less: poses within a correlation length of the masked noise add up, others average out. The
//! noise of F gives the signal power τ² and the signal-to-noise ratio of each shell, and the regularised average is
//! F/(W + 1/(T τ²)) in these units (Scheres 2012, J. Struct. Biol. 180:519).

use num_complex::Complex32;
use rayon::prelude::*;

use super::HalfDisc;
use super::expectation::Search;
use super::found::{Entry, Found};
use super::plane::{Plane, turned_back};
use super::source::Prepared;

/// Sums of one class over images.
#[derive(Clone)]
pub(crate) struct ClassSum {
    /// Σ w c X/P turned back, padded.
    pub(super) sum: Vec<Complex32>,
    /// Σ w c²/P per shell.
    pub(super) weights: Vec<f64>,
    /// Noise power of `sum` per shell, of unmasked noise.
    pub(super) noise: Vec<f64>,
    /// With transfers: Σ w c²/P and Σ w, both turned back alike; their ratio is the mean c²/P at each point.
    pub(super) seen: Option<[Vec<f32>; 2]>,
    /// Σ w.
    pub images: f64,
}

/// The poses of a block of images, by template.
struct ByTemplate<'a> {
    found: &'a [Found],
    /// For each template (image, range of its entries).
    lists: Vec<Vec<(u32, u32, u32)>>,
}

impl<'a> ByTemplate<'a> {
    fn new(found: &'a [Found], templates: usize) -> Self {
        let mut lists = vec![Vec::new(); templates];
        for (i, one) in found.iter().enumerate() {
            let mut start = 0;
            for same in one.entries.chunk_by(|a, b| a.template == b.template) {
                let end = start + same.len();
                lists[same[0].template as usize].push((i as u32, start as u32, end as u32));
                start = end;
            }
        }
        Self { found, lists }
    }

    fn entries(&self, (image, start, end): (u32, u32, u32)) -> &[Entry] {
        &self.found[image as usize].entries[start as usize..end as usize]
    }
}

/// Empty sums.
pub(crate) fn empty(classes: usize, plane: &Plane, disc: &HalfDisc) -> Vec<ClassSum> {
    let one = ClassSum {
        sum: vec![Complex32::default(); plane.padded_len()],
        weights: vec![0.0; disc.band + 1],
        noise: vec![0.0; disc.band + 1],
        seen: None,
        images: 0.0,
    };
    vec![one; classes]
}

/// Adds a block of images at the poses that were found.
pub(crate) fn add(
    sums: &mut [ClassSum],
    plane: &Plane,
    search: &Search<'_>,
    images: &[Prepared],
    found: &[Found],
) {
    let poses = ByTemplate::new(found, search.templates.count());
    let inverse: Vec<Vec<f32>> = (0..search.noise.0.len())
        .map(|group| search.noise.inverse(group, search.disc))
        .collect();
    sums.par_iter_mut().enumerate().for_each(|(class, sum)| {
        let first = class * search.templates.angles;
        for (j, angle) in search.sampling.angles.iter().enumerate() {
            let list = &poses.lists[first + j];
            if list.is_empty() {
                continue;
            }
            let seen = seen_at(search, images, &poses, list, &inverse);
            let turn = [angle.cos() as f32, angle.sin() as f32];
            for (point, value) in search.disc.points.iter().zip(&seen.products) {
                plane.scatter(&mut sum.sum, turned_back(*point, turn), *value);
            }
            if let Some(weights) = &seen.weights {
                let len = plane.padded_len();
                let [weighted, plain] = sum
                    .seen
                    .get_or_insert_with(|| [vec![0.0; len], vec![0.0; len]]);
                for (point, weight) in search.disc.points.iter().zip(weights) {
                    let at = turned_back(*point, turn);
                    plane.scatter_weight(weighted, at, *weight);
                    plane.scatter_weight(plain, at, seen.images);
                }
            }
        }
        for (image, one) in images.iter().zip(found) {
            let spread = Spread::new(&one.entries, class, search);
            if spread.weight > 0.0 {
                sum.images += spread.weight;
                sum.add_weights(&spread, image, search);
            }
        }
    });
}

/// How an image's share of a class is spread over poses.
struct Spread {
    /// Its share.
    weight: f64,
    /// (Σ w)² of each angle, and the variance of the shifts there, pixels² along one axis.
    angles: Vec<(f64, f64)>,
}

impl Spread {
    fn new(entries: &[Entry], class: usize, search: &Search<'_>) -> Self {
        let mut spread = Self {
            weight: 0.0,
            angles: Vec::new(),
        };
        for same in entries.chunk_by(|a, b| a.template == b.template) {
            if same[0].template as usize / search.templates.angles != class {
                continue;
            }
            let mut sums = [0.0; 4];
            for entry in same {
                let w = f64::from(entry.weight);
                let [x, y] = search.sampling.shifts[entry.shift as usize];
                sums = [
                    sums[0] + w,
                    sums[1] + w * x,
                    sums[2] + w * y,
                    sums[3] + w * (x * x + y * y),
                ];
            }
            let mean = (sums[1] / sums[0]).powi(2) + (sums[2] / sums[0]).powi(2);
            let variance = ((sums[3] / sums[0] - mean) / 2.0).max(0.0);
            spread.weight += sums[0];
            spread.angles.push((sums[0] * sums[0], variance));
        }
        spread
    }

    /// What is left of the noise power of one image in a shell; `together` neighbouring angles see the same noise.
    fn noise(&self, wave: f64, together: f64) -> f64 {
        let left = |(square, variance): &(f64, f64)| square * (-wave * wave * variance).exp();
        let apart = together * self.angles.iter().map(left).sum::<f64>();
        apart.min(self.weight * self.weight)
    }
}

/// Images seen at one template.
struct Seen {
    /// Σ w c X e^(…)/P.
    products: Vec<Complex32>,
    /// Σ w c²/P, when any has a transfer.
    weights: Option<Vec<f32>>,
    /// Σ w.
    images: f32,
}

/// Sums the images that were found at one template, with their shifts undone.
fn seen_at(
    search: &Search<'_>,
    images: &[Prepared],
    poses: &ByTemplate<'_>,
    list: &[(u32, u32, u32)],
    inverse: &[Vec<f32>],
) -> Seen {
    let points = search.disc.points.len();
    let transferred = list
        .iter()
        .any(|one| images[one.0 as usize].transfer.is_some());
    let mut seen = Seen {
        products: vec![Complex32::default(); points],
        weights: transferred.then(|| vec![0.0; points]),
        images: 0.0,
    };
    for one in list {
        let image = &images[one.0 as usize];
        let entries = poses.entries(*one);
        let turned = search.blurred(image, entries, points);
        let share: f32 = entries.iter().map(|e| e.weight).sum();
        seen.images += share;
        let c = |q: usize| image.transfer.as_ref().map_or(1.0, |t| t[q]);
        let inverse = &inverse[image.group];
        for (q, ((sum, x), w)) in seen
            .products
            .iter_mut()
            .zip(&turned)
            .zip(inverse)
            .enumerate()
        {
            *sum += x * (w * c(q));
        }
        for (q, (sum, w)) in seen.weights.iter_mut().flatten().zip(inverse).enumerate() {
            *sum += share * w * c(q) * c(q);
        }
    }
    seen
}

impl ClassSum {
    /// Adds what an image weighs, and its noise.
    fn add_weights(&mut self, spread: &Spread, image: &Prepared, search: &Search<'_>) {
        let n = search.box_size as f64;
        for (shell, range) in search.disc.shells() {
            let power = search.noise.power(image.group, shell);
            let square = image.transfer.as_ref().map_or(1.0, |transfer| {
                let count = range.len() as f64;
                transfer[range]
                    .iter()
                    .map(|c| f64::from(c * c))
                    .sum::<f64>()
                    / count
            });
            if power > 0.0 {
                // Noise under a mask of radius R is correlated over about n/(2 R) cycles per box.
                let length = n / (2.0 * search.radius) / shell as f64;
                let together = (length / search.sampling.angle_step()).max(1.0);
                let wave = std::f64::consts::TAU * shell as f64 / n;
                self.weights[shell] += spread.weight * square / power;
                self.noise[shell] += spread.noise(wave, together) * square / power;
            }
        }
    }
}

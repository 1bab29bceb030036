//! Maximisation: averages of the classes from images at their poses.
//!
//! For each class and angle the images, with their shifts undone and their weights, are summed on the lattice first; each
//! such sum is then turned back once, by the transpose of what turns averages to templates. The cost of turning does not
//! depend on the number of images. Sums run over images in order for each class alone, so that neither blocks nor threads
//! change a bit.
//!
//! The average is F(q)/W(|q|), F = Σ w c X/P, W = Σ w c²/P; its noise power is 1/W, which gives the signal-to-noise ratio
//! S of each shell, and the regularised average is T S/(1 + T S) times that (Scheres 2012, J. Struct. Biol. 180:519).

use num_complex::Complex32;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::HalfDisc;
use super::expectation::{Entry, Found, Search};
use super::noise::NoisePowers;
use super::plane::{Plane, turned_back};
use super::source::{Mask, Prepared};

/// Sums of one class over images.
#[derive(Clone)]
pub(crate) struct ClassSum {
    /// Σ w c X/P turned back, padded.
    sum: Vec<Complex32>,
    /// Σ w c²/P per shell.
    weights: Vec<f64>,
    /// Σ w.
    pub images: f64,
}

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
            for (point, value) in search.disc.points.iter().zip(&seen) {
                plane.scatter(&mut sum.sum, turned_back(*point, turn), *value);
            }
        }
        for (image, one) in images.iter().zip(found) {
            let of_class = |e: &&Entry| e.template as usize / search.templates.angles == class;
            let weight: f64 = one
                .entries
                .iter()
                .filter(of_class)
                .map(|e| f64::from(e.weight))
                .sum();
            if weight > 0.0 {
                sum.images += weight;
                add_weights(&mut sum.weights, weight, image, search.noise, search.disc);
            }
        }
    });
}

/// Σ w c X e^(…)/P of the images seen at one template.
fn seen_at(
    search: &Search<'_>,
    images: &[Prepared],
    poses: &ByTemplate<'_>,
    list: &[(u32, u32, u32)],
    inverse: &[Vec<f32>],
) -> Vec<Complex32> {
    let points = search.disc.points.len();
    let mut seen = vec![Complex32::default(); points];
    for one in list {
        let image = &images[one.0 as usize];
        let turned = search.blurred(image, poses.entries(*one), points);
        let weights = &inverse[image.group];
        match &image.transfer {
            None => {
                for ((sum, x), w) in seen.iter_mut().zip(&turned).zip(weights) {
                    *sum += x * w;
                }
            }
            Some(transfer) => {
                for (((sum, x), w), c) in seen.iter_mut().zip(&turned).zip(weights).zip(transfer) {
                    *sum += x * (w * c);
                }
            }
        }
    }
    seen
}

fn add_weights(
    sums: &mut [f64],
    weight: f64,
    image: &Prepared,
    noise: &NoisePowers,
    disc: &HalfDisc,
) {
    for (shell, range) in disc.shells() {
        let power = noise.power(image.group, shell);
        let square = image.transfer.as_ref().map_or(1.0, |transfer| {
            let count = range.len() as f64;
            transfer[range]
                .iter()
                .map(|c| f64::from(c * c))
                .sum::<f64>()
                / count
        });
        if power > 0.0 {
            sums[shell] += weight * square / power;
        }
    }
}

impl ClassSum {
    /// The regularised average. `trust` is T.
    pub fn average(&self, plane: &Plane, disc: &HalfDisc, mask: &Mask, trust: f64) -> ClassAverage {
        let n = plane.box_size();
        if self.images < 1e-3 {
            return ClassAverage {
                image: vec![0.0; n * n],
                signal_to_noise: vec![0.0; disc.band + 1],
                ..ClassAverage::default()
            };
        }
        let mut divided = self.sum.clone();
        let (rows, half) = (2 * n, n + 1);
        for (i, value) in divided.iter_mut().enumerate() {
            let y = i / half;
            let y = if y > n {
                y as f64 - rows as f64
            } else {
                y as f64
            };
            let radius = y.hypot((i % half) as f64) / 2.0;
            let weight = between(&self.weights, radius.max(1.0));
            *value *= if weight > 0.0 {
                (1.0 / weight) as f32
            } else {
                0.0
            };
        }
        let mut values = plane.transform(&plane.unpad(divided), disc);
        let mut average = ClassAverage {
            images: self.images,
            signal_to_noise: vec![0.0; disc.band + 1],
            ..ClassAverage::default()
        };
        for (shell, range) in disc.shells() {
            let count = range.len() as f64;
            let power = values[range.clone()]
                .iter()
                .map(|v| f64::from(v.norm_sqr()))
                .sum::<f64>()
                / count;
            let noise = mask.fraction / self.weights[shell];
            let ratio = if self.weights[shell] > 0.0 {
                (power / noise - 1.0).max(0.0)
            } else {
                0.0
            };
            average.signal_to_noise[shell] = ratio;
            let gain = (trust * ratio / (1.0 + trust * ratio)) as f32;
            values[range].iter_mut().for_each(|v| *v *= gain);
        }
        let resolved = average.signal_to_noise[1..]
            .iter()
            .take_while(|s| **s >= 1.0)
            .count();
        average.resolved_shell = resolved;
        average.image = plane.image(&values, disc);
        average
            .image
            .iter_mut()
            .zip(&mask.values)
            .for_each(|(v, m)| *v *= m);
        average
    }
}

/// A curve over shells at a radius between them; its last value beyond.
fn between(curve: &[f64], radius: f64) -> f64 {
    let low = (radius.floor() as usize).min(curve.len() - 1);
    let high = (low + 1).min(curve.len() - 1);
    let part = (radius - low as f64).clamp(0.0, 1.0);
    curve[low] * (1.0 - part) + curve[high] * part
}

//! The start: noise from the background, and averages from images that are unlike each other.
//!
//! The noise is measured outside the mask. The first average is one image, drawn at random, filtered to what is signal on
//! the whole; each further one is drawn with a probability that grows with the signal that no average explains yet, at
//! the best turn and shift (Arthur & Vassilvitskii 2007, k-means++, in a metric that turns and shifts do not change).

use num_complex::Complex32;
use rand::RngExt;
use thon_compute::{Progress, parallel};

use super::HalfDisc;
use super::average::ClassAverage;
use super::expectation::Search;
use super::noise::{NoisePowers, shell_powers};
use super::round::{BLOCK, Images, Round};
use super::source::{Prepared, read_image};
use crate::ClassifyError;

/// Least part of the square inside that the outside of the mask must have to measure noise in it.
const LEAST_OUTSIDE: f64 = 0.1;
/// Largest number of images that compete for being the next average.
const LARGEST_POOL: usize = 2000;

/// Noise powers from the background, or, where the mask leaves none, from the whole images; and the mean masked power
/// per shell of all images.
pub(crate) fn measure(
    images: &Images<'_>,
    progress: &dyn Progress,
) -> Result<(NoisePowers, Vec<f64>), ClassifyError> {
    let disc = HalfDisc::new(images.settings.full_band);
    let (mask, n) = (&images.mask, images.settings.box_size);
    let outside = mask.outside > LEAST_OUTSIDE;
    let each = parallel::try_map_indices(images.source.len(), progress, |i| {
        let image = read_image(images.source, i, mask, images.normalise)?;
        let seen = |inside: bool| {
            let part: Vec<f32> = (0..n * n)
                .map(|p| {
                    image[p]
                        * if inside {
                            mask.values[p]
                        } else {
                            1.0 - mask.values[p]
                        }
                })
                .collect();
            let transform = images.plane.transform(&part, &disc);
            let group = images.source.group(i);
            shell_powers(
                &Prepared {
                    transform,
                    transfer: None,
                    group,
                },
                &disc,
            )
        };
        let inside = seen(true);
        let noise = if outside { seen(false) } else { inside.clone() };
        Ok::<_, ClassifyError>(((images.source.group(i), noise), inside))
    })?;
    let (noise, inside): (Vec<_>, Vec<_>) = each.into_iter().unzip();
    let left = if outside { mask.outside } else { mask.fraction };
    let noise = NoisePowers::from_residuals(&noise, images.source.groups(), &disc, left);
    let mut mean = vec![0.0; disc.band + 1];
    for (shell, _) in disc.shells() {
        let points = (disc.count_in(shell) * inside.len()) as f64;
        mean[shell] = inside.iter().map(|p| p[shell]).sum::<f64>() / points;
    }
    Ok((noise, mean))
}

/// Averages made of single images.
pub(crate) fn averages(
    images: &Images<'_>,
    round: &Round,
    noise: &NoisePowers,
    power: &[f64],
    classes: usize,
    seed: u64,
) -> Result<Vec<ClassAverage>, ClassifyError> {
    let mut random = thon_compute::seed_stream(seed, "first averages", 0);
    let pool = drawn(images.source.len(), &mut random);
    let prepared = parallel::map_indices(pool.len(), |i| {
        images.prepared(pool[i], [0, 0], &round.disc)
    });
    let prepared: Vec<Prepared> = prepared.into_iter().collect::<Result<_, _>>()?;
    let gains = signal_gains(images, noise, power, &round.disc);
    let whole: Vec<f64> = prepared
        .iter()
        .map(|p| signal(p, noise, &round.disc, images.mask.fraction))
        .collect();
    let mut left = whole.clone();
    let mut chosen: Vec<usize> = Vec::new();
    let mut averages = Vec::new();
    while averages.len() < classes {
        let weight = |i: usize| {
            if chosen.contains(&i) {
                0.0
            } else {
                left[i].max(0.0).sqrt() + 1e-9
            }
        };
        let total: f64 = (0..pool.len()).map(weight).sum();
        let mut mark = random.random_range(0.0..1.0) * total;
        let next = (0..pool.len()).filter(|i| !chosen.contains(i)).find(|i| {
            mark -= weight(*i);
            mark <= 0.0
        });
        // More classes than images in the pool are refused before; rounding may pass the last mark by.
        let Some(next) = next.or_else(|| (0..pool.len()).rev().find(|i| !chosen.contains(i)))
        else {
            break;
        };
        chosen.push(next);
        let values: Vec<Complex32> = prepared[next]
            .transform
            .iter()
            .zip(&gains)
            .map(|(v, g)| v * g)
            .collect();
        let image = images.plane.image(&values, &round.disc);
        let explained = explained(images, round, noise, &image, &prepared);
        for ((left, whole), gain) in left.iter_mut().zip(&whole).zip(explained) {
            *left = left.min(whole - gain);
        }
        averages.push(ClassAverage {
            image,
            images: images.source.len() as f64 / classes as f64,
            signal_to_noise: vec![0.0; images.settings.full_band + 1],
            resolved_shell: 0,
            moved: [0.0; 2],
        });
    }
    Ok(averages)
}

/// Indices of at most [`LARGEST_POOL`] images, in order.
fn drawn(count: usize, random: &mut impl RngExt) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count).collect();
    if count > LARGEST_POOL {
        for i in 0..LARGEST_POOL {
            all.swap(i, random.random_range(i..count));
        }
        all.truncate(LARGEST_POOL);
        all.sort_unstable();
    }
    all
}

/// Wiener's gain of a single image at the points of a half disc.
fn signal_gains(
    images: &Images<'_>,
    noise: &NoisePowers,
    power: &[f64],
    disc: &HalfDisc,
) -> Vec<f32> {
    let mut gains = vec![0.0; disc.points.len()];
    for (shell, range) in disc.shells() {
        let mean = noise.0.iter().map(|g| g[shell]).sum::<f64>() / noise.0.len() as f64;
        let ratio =
            (power[shell] / (mean * images.mask.fraction).max(f64::MIN_POSITIVE) - 1.0).max(0.05);
        gains[range].fill((ratio / (1.0 + ratio)) as f32);
    }
    gains
}

/// Power of an image over that of the noise, less what noise alone would have.
fn signal(image: &Prepared, noise: &NoisePowers, disc: &HalfDisc, fraction: f64) -> f64 {
    let powers = shell_powers(image, disc);
    let of = |shell: usize| {
        let noise = noise.power(image.group, shell);
        if noise > 0.0 {
            powers[shell] / noise - disc.count_in(shell) as f64 * fraction
        } else {
            0.0
        }
    };
    (1..=disc.band).map(of).sum()
}

/// The best gain in log-likelihood of every image from one average.
fn explained(
    images: &Images<'_>,
    round: &Round,
    noise: &NoisePowers,
    average: &[f32],
    prepared: &[Prepared],
) -> Vec<f64> {
    let templates = round.templates(&images.plane, &[average]);
    let search = Search {
        sampling: &round.sampling,
        templates: &templates,
        disc: &round.disc,
        coarse_points: round.coarse_points(),
        phases: &round.phases,
        box_size: images.settings.box_size,
        radius: images.settings.radius,
        noise,
        log_priors: &[0.0],
        shift_deviation: images
            .settings
            .shift_deviation
            .max(images.settings.shift_range),
        sharpness: 1.0,
    };
    let blocks = parallel::map_chunks(prepared, BLOCK, |_, block| search.best_gains(block));
    blocks.concat()
}

//! Principal components of placed particles, with the directions that each one lacks accounted for, and classes of them.
//!
//! Particles are turned into the frame of the reference once, as products Z and weights W on a half ball of low band; their
//! differences from the average are compared only where both have weight: missing wedges and zeros of the CTF are weights,
//! not values. Principal components of such differences sort conformations without a reference for each (Bartesaghi et
//! al. 2008, J. Struct. Biol. 162:436; Heumann et al. 2011, J. Struct. Biol. 175:288). Factors are sorted by k-means.
//!
//! Units: shells in cycles per box, volumes `[z, y, x]`, factors in standard deviations of the noise of a mean particle.

mod aligned;
mod differences;
mod factors;
mod k_means;
mod options;
mod symmetric;
#[cfg(test)]
mod tests;

use ndarray::Array3;
use num_complex::Complex32;
use thon_compute::Progress;
use thon_likelihood::{HalfBall, ParticleSource, Placement};
use thon_signal::fft::Fft3;

pub use k_means::{Grouping, k_means};
pub use options::ComponentOptions;

use crate::ClassifyError;
use aligned::Aligned;

/// Variance of factors below which nothing differs; 1 is that of the noise of a mean particle.
const LEAST_VARIANCE: f64 = 1e-3;
/// How many times more than the same differences with random signs a component varies by, at least.
const BEYOND_CHANCE: f64 = 1.5;

/// Components of a set of particles.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// Number of components.
    pub count: usize,
    /// Largest shell that was compared.
    pub band: usize,
    /// Factors `[particles, components]`; 1 is what noise alone scatters a mean particle by.
    pub factors: Vec<f64>,
    /// Variance of the factors along each component, the largest first.
    pub variances: Vec<f64>,
    /// Components, from the first on, along which particles differ at all; without any, all are of one class.
    pub varying: usize,
    /// The average up to the band, `[n, n, n]`.
    pub average: Vec<f32>,
    /// The varying components, `[n, n, n]` each: the change of the average per unit of the factor.
    pub volumes: Vec<Vec<f32>>,
    /// Classes of the factors.
    pub grouping: Grouping,
    /// Average of each class that somebody is in, up to the band, `[n, n, n]`.
    pub class_averages: Vec<Vec<f32>>,
}

/// Finds the components of particles at given placements, and sorts the particles into classes by their factors.
///
/// # Errors
/// [`ClassifyError`] for options out of range, fewer particles than components + 2 or classes, placements of another
/// number than particles, and what reading meets.
pub fn principal_components(
    source: &dyn ParticleSource,
    placements: &[Placement],
    options: &ComponentOptions,
    progress: &dyn Progress,
) -> Result<Components, ClassifyError> {
    let settings = options.settings(source.box_size(), source.voxel_size())?;
    if placements.len() != source.len() {
        return Err(ClassifyError::Length {
            what: "placements".into(),
            expected: source.len(),
            found: placements.len(),
        });
    }
    let expected = (options.components + 2).max(options.classes);
    if source.len() < expected {
        return Err(ClassifyError::TooFew {
            found: source.len(),
            expected,
        });
    }
    let aligned = Aligned::new(source, placements, &settings, progress)?;
    let groups = source.groups().max(1);
    let (differences, average) = differences::measure(&aligned, groups);
    let shells: Vec<_> = (1..=aligned.ball.band)
        .map(|s| aligned.ball.starts[s]..aligned.ball.starts[s + 1])
        .collect();
    let q = options.components;
    let found = factors::find(
        &differences,
        &shells,
        q,
        options.iterations,
        options.seed,
        progress,
    )?;
    // With random signs nothing is alike among particles but the strength of their noise.
    let chance = factors::find(
        &differences.with_random_signs(options.seed),
        &shells,
        q,
        options.iterations,
        options.seed,
        progress,
    )?;
    let least = chance.variances.first().map_or(0.0, |v| BEYOND_CHANCE * v);
    let differing = |variance: &&f64| **variance > least.max(LEAST_VARIANCE);
    let varying = found.variances.iter().take_while(differing).count();
    let classes = if varying > 0 { options.classes } else { 1 };
    let grouping = k_means(&found.values, q, classes, options.restarts, options.seed);
    let used = grouping.classes.iter().max().map_or(0, |last| last + 1);
    let powers = differences::noise_powers(&aligned, &average, groups);
    let n = source.box_size();
    let volume = |values: &[f32]| volume_of(values, &aligned.ball, n);
    let class_average = |class: usize| {
        let rows: Vec<usize> = (0..aligned.len())
            .filter(|i| grouping.classes[*i] == class)
            .collect();
        volume(&differences::average_of(&aligned, &powers, &rows))
    };
    Ok(Components {
        count: q,
        band: settings.band,
        volumes: found
            .components
            .chunks_exact(2 * aligned.points())
            .take(varying)
            .map(volume)
            .collect(),
        average: volume(&average),
        class_averages: (0..used).map(class_average).collect(),
        factors: found.values,
        variances: found.variances,
        varying,
        grouping,
    })
}

/// The volume whose transform has the given values, (re, im, …), at the points of a half ball.
fn volume_of(values: &[f32], ball: &HalfBall, n: usize) -> Vec<f32> {
    let half = n / 2 + 1;
    let mut spectrum = Array3::<Complex32>::zeros((n, n, half));
    let wrap = |c: i16| (c as isize).rem_euclid(n as isize) as usize;
    for (point, value) in ball.points.iter().zip(values.chunks_exact(2)) {
        let value = Complex32::new(value[0], value[1]);
        for ([x, y, z], value) in [(*point, value), (point.map(|c| -c), value.conj())] {
            if x >= 0 {
                spectrum[[wrap(z), wrap(y), x as usize]] = value;
            }
        }
    }
    let turned = Fft3::plan([n; 3]).inverse(&spectrum);
    let from = |i: usize| (i + n - n / 2) % n;
    let at = |i: usize| turned[[from(i / n / n), from(i / n % n), from(i % n)]];
    (0..n * n * n).map(at).collect()
}

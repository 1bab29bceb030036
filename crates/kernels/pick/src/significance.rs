//! How often a score is reached by chance: z-scores, false positives by competition with a decoy, and a test of the hand.
//!
//! A decoy (`crate::search`, decoy.rs: the mirrored template or a twisted one) is searched in the same orientations. Its best scores
//! M₀(r) have a local mean μ and deviation σ that follow the tomogram (more where it is crowded), and z = (M − μ)/σ is
//! comparable everywhere.
//!
//! False positives: whatever is not the wanted particle (noise, gold, other proteins) answers to the template and to a decoy that is
//! as much like a particle with the same probability. Peaks of the higher of both z belong to the one that is higher; those that the decoy wins are
//! dropped, and there are as many false ones among those that the template wins (competition of targets and decoys, Elias & Gygi 2007).
//! They are counted, and beyond the highest ten continued by an exponential tail (Pickands 1975). Around particles that are certain
//! (less than 5 % false) μ and σ are not taken from; everything is worked out twice for that.
//!
//! Hand: at the places where either the template or its mirror image scores highest, the difference d of the best scores is of either
//! sign equally often if the map had no hand; t = Σd/√Σd² is then normal (flipping of signs).

use ndarray::Array3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thon_signal::correlate::{Peak, find_peaks3};

use crate::search::{Matches, ScoreMap};

/// Part of the decoy's peaks that the tail is fitted to.
const TAIL: f64 = 0.001;
/// Fewest peaks of a tail.
const FEWEST: usize = 10;
/// False discovery rate below which a peak of the first pass counts as a particle.
const CERTAIN: f64 = 0.05;
/// Half of the window of local means, in mask diameters.
const WINDOW: f64 = 1.5;

/// Number of peaks of chance above any z.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FalsePositives {
    /// z of the decoy's peaks, highest first.
    pub peaks: Vec<f32>,
    /// z from which on the tail is exponential.
    pub tail_start: f64,
    /// How many peaks are above it.
    pub tail_count: usize,
    /// Mean excess over it.
    pub tail_scale: f64,
}

impl FalsePositives {
    /// From the z of peaks found by chance.
    pub fn of(mut peaks: Vec<f32>) -> Self {
        peaks.retain(|z| z.is_finite());
        peaks.sort_by(|a, b| b.total_cmp(a));
        let tail_count = ((peaks.len() as f64 * TAIL) as usize)
            .max(FEWEST)
            .min(peaks.len());
        let start = peaks.get(tail_count).or(peaks.last());
        let tail_start = start.map_or(0.0, |z| f64::from(*z));
        let excess = peaks[..tail_count]
            .iter()
            .map(|z| f64::from(*z) - tail_start);
        Self {
            tail_scale: (excess.sum::<f64>() / tail_count.max(1) as f64).max(1e-6),
            tail_start,
            tail_count,
            peaks,
        }
    }

    /// Expected number of peaks of chance with at least this z.
    ///
    /// ```
    /// use thon_pick::FalsePositives;
    /// // Exponential peaks of mean 1: half of them above ln 2, one in a million above 13.8.
    /// let peaks = (0..20000).map(|i| -((f64::from(i) + 0.5) / 20000.0).ln() as f32).collect();
    /// let chance = FalsePositives::of(peaks);
    /// assert!((chance.expected(2f64.ln()) / 10000.0 - 1.0).abs() < 1e-3);
    /// assert!((chance.expected(13.8155) / 0.02 - 1.0).abs() < 0.1);
    /// ```
    pub fn expected(&self, z: f64) -> f64 {
        if z >= self.tail_start {
            return self.tail_count as f64 * (-(z - self.tail_start) / self.tail_scale).exp();
        }
        self.peaks.partition_point(|peak| f64::from(*peak) >= z) as f64
    }

    /// The lowest z above which at most `count` peaks of chance are expected.
    pub fn threshold(&self, count: f64) -> f64 {
        let count = count.max(1e-9);
        if count <= self.tail_count as f64 || self.peaks.is_empty() {
            return self.tail_start
                + self.tail_scale * (self.tail_count.max(1) as f64 / count).ln();
        }
        let rank = (count.floor() as usize).min(self.peaks.len() - 1);
        f64::from(self.peaks[rank])
    }
}

/// Scores made comparable.
#[derive(Clone, Debug, PartialEq)]
pub struct Significance {
    /// z of the template's scores, `[z, y, x]`; 0 around peaks that the decoy wins.
    pub z: Array3<f32>,
    /// Local deviation of the decoy's scores.
    pub deviation: Array3<f32>,
    /// What chance gives.
    pub false_positives: FalsePositives,
}

/// Judges scores by those of the decoy; `None` when there are none. `diameter` of the mask, `distance` between peaks and
/// `margin` from the faces in voxels.
pub fn significance(
    matches: &Matches,
    diameter: f64,
    distance: f64,
    margin: f64,
) -> Option<Significance> {
    let decoy = &matches.decoy()?.score;
    let mut weights = Array3::from_elem(decoy.dim(), 1.0_f32);
    let mut pass = one_pass(&matches.template, decoy, &weights, diameter);
    let mut won = compete(&pass, distance, margin);
    let certain = won.certain();
    if !certain.is_empty() {
        for peak in certain {
            fill_ball(&mut weights, peak.position, 0.75 * diameter, |_| 0.0);
        }
        pass = one_pass(&matches.template, decoy, &weights, diameter);
        won = compete(&pass, distance, margin);
    }
    Some(won.dropped(pass, distance))
}

/// One way of taking mean and deviation.
struct Pass {
    z: Array3<f32>,
    decoy: Array3<f32>,
    deviation: Array3<f32>,
}

/// Peaks by winner, highest first.
struct Won {
    template: Vec<Peak>,
    decoy: Vec<Peak>,
    chance: FalsePositives,
}

fn compete(pass: &Pass, distance: f64, margin: f64) -> Won {
    let mut either = pass.z.clone();
    either.zip_mut_with(&pass.decoy, |a, b| *a = a.max(*b));
    let (nz, ny, nx) = either.dim();
    let at = |peak: &Peak| {
        let [x, y, z] = peak.position.map(|p| p.round() as usize);
        [z.min(nz - 1), y.min(ny - 1), x.min(nx - 1)]
    };
    let wins = |peak: &Peak| pass.z[at(peak)] >= pass.decoy[at(peak)];
    let (template, decoy): (Vec<Peak>, Vec<Peak>) = inner_peaks(&either, distance, margin)
        .into_iter()
        .partition(wins);
    let chance = FalsePositives::of(decoy.iter().map(|p| p.value).collect());
    Won {
        template,
        decoy,
        chance,
    }
}

impl Won {
    /// The template's peaks that chance does not explain.
    fn certain(&self) -> &[Peak] {
        let rate =
            |i: usize| self.chance.expected(f64::from(self.template[i].value)) / (i + 1) as f64;
        let last = (0..self.template.len()).rev().find(|&i| rate(i) <= CERTAIN);
        &self.template[..last.map_or(0, |last| last + 1)]
    }

    /// The z map without what the decoy won: its peaks take what lies nearer than `distance` and is no higher, but not the
    /// template's own peaks.
    fn dropped(self, pass: Pass, distance: f64) -> Significance {
        let mut z = pass.z;
        for peak in &self.decoy {
            fill_ball(&mut z, peak.position, distance, |v| {
                if v <= peak.value { v.min(0.0) } else { v }
            });
        }
        let (nz, ny, nx) = z.dim();
        for peak in &self.template {
            let [x, y, k] = peak.position.map(|p| p.round() as usize);
            let at = [k.min(nz - 1), y.min(ny - 1), x.min(nx - 1)];
            z[at] = z[at].max(peak.value);
        }
        Significance {
            z,
            deviation: pass.deviation,
            false_positives: self.chance,
        }
    }
}

fn one_pass(
    template: &ScoreMap,
    decoy: &Array3<f32>,
    weights: &Array3<f32>,
    diameter: f64,
) -> Pass {
    let reach = (WINDOW * diameter).ceil() as usize;
    let weight = window_sums(weights, reach);
    let (mean, deviation) = local_moments(decoy, weights, &weight, reach);
    let z_of = |map: &Array3<f32>| {
        let mut z = map.clone();
        z.zip_mut_with(&mean, |z, m| *z -= m);
        z.zip_mut_with(&deviation, |z, d| *z /= d);
        z
    };
    Pass {
        z: z_of(&template.score),
        decoy: z_of(decoy),
        deviation,
    }
}

/// Local mean and deviation of scores. `weight` is the sum of the weights in each window.
fn local_moments(
    scores: &Array3<f32>,
    weights: &Array3<f32>,
    weight: &Array3<f32>,
    reach: usize,
) -> (Array3<f32>, Array3<f32>) {
    let product = |power: i32| {
        let mut values = weights.clone();
        values.zip_mut_with(scores, |w, m| *w *= m.powi(power));
        window_sums(&values, reach)
    };
    let (mut mean, mut square) = (product(1), product(2));
    let all = weights.iter().map(|w| f64::from(*w)).sum::<f64>().max(1.0);
    let overall = |power: i32| {
        let sum: f64 = weights
            .iter()
            .zip(scores)
            .map(|(w, m)| f64::from(*w) * f64::from(*m).powi(power))
            .sum();
        (sum / all) as f32
    };
    let (overall_mean, overall_square) = (overall(1), overall(2));
    // Where nearly all of the window is left out, the tomogram as a whole decides.
    let few = (0.02 * (2.0 * reach as f64 + 1.0).powi(2)) as f32;
    for ((m, s), w) in mean.iter_mut().zip(square.iter_mut()).zip(weight) {
        if *w < few {
            (*m, *s) = (overall_mean, overall_square);
        } else {
            (*m, *s) = (*m / w, *s / w);
        }
    }
    let mut deviation = square;
    deviation.zip_mut_with(&mean, |s, m| *s = (*s - m * m).max(1e-12).sqrt());
    (mean, deviation)
}

/// Peaks of a z map away from the faces.
fn inner_peaks(z: &Array3<f32>, distance: f64, margin: f64) -> Vec<Peak> {
    let (nz, ny, nx) = z.dim();
    let mut peaks = find_peaks3(z, 0.0, distance, usize::MAX);
    peaks.retain(|peak| is_inside(peak.position, [nz, ny, nx], margin));
    peaks
}

/// True when a voxel `(x, y, z)` is at least `margin` voxels from every face.
pub(crate) fn is_inside([x, y, z]: [f64; 3], [nz, ny, nx]: [usize; 3], margin: f64) -> bool {
    [(x, nx), (y, ny), (z, nz)]
        .iter()
        .all(|&(at, length)| at >= margin && at <= length as f64 - 1.0 - margin)
}

/// Changes the voxels within `radius` of `(x, y, z)`.
fn fill_ball(
    values: &mut Array3<f32>,
    [x, y, z]: [f64; 3],
    radius: f64,
    change: impl Fn(f32) -> f32,
) {
    let (nz, ny, nx) = values.dim();
    let range = |at: f64, length: usize| {
        let first = (at - radius).ceil().max(0.0) as usize;
        first..((at + radius).floor().max(-1.0) as isize + 1).clamp(0, length as isize) as usize
    };
    for iz in range(z, nz) {
        for iy in range(y, ny) {
            let across = radius * radius - (iz as f64 - z).powi(2) - (iy as f64 - y).powi(2);
            let inside = range(x, nx).filter(|&ix| (ix as f64 - x).powi(2) < across);
            for ix in inside {
                values[[iz, iy, ix]] = change(values[[iz, iy, ix]]);
            }
        }
    }
}

/// Sums over cubes of 2·reach + 1 voxels, cut off at the faces.
fn window_sums(values: &Array3<f32>, reach: usize) -> Array3<f32> {
    let mut sums = values.clone();
    for axis in 0..3 {
        let lanes: Vec<_> = sums.lanes_mut(ndarray::Axis(axis)).into_iter().collect();
        lanes.into_par_iter().for_each(|mut lane| {
            let line: Vec<f64> = lane.iter().map(|v| f64::from(*v)).collect();
            let mut sum: f64 = line.iter().take(reach).sum();
            for (i, value) in lane.iter_mut().enumerate() {
                sum += line.get(i + reach).copied().unwrap_or(0.0);
                if i > reach {
                    sum -= line[i - reach - 1];
                }
                *value = sum as f32;
            }
        });
    }
    sums
}

/// Whether the template or its mirror image fits better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandTest {
    /// Places compared.
    pub places: usize,
    /// At how many of them the template scores higher.
    pub template_higher: usize,
    /// Mean difference of scores, template less mirror image.
    pub difference: f64,
    /// Probability of a difference this large, of either sign, if there were no hand.
    pub probability: f64,
}

impl HandTest {
    /// True when the template fits better than its mirror image.
    pub fn is_template(&self) -> bool {
        self.difference > 0.0
    }
}

/// Compares template and mirror image at the `count` highest places of either, `distance` voxels apart; `None` without mirrored
/// scores or places.
pub fn test_hand(matches: &Matches, distance: f64, margin: f64, count: usize) -> Option<HandTest> {
    let mirrored = &matches.mirrored.as_ref()?.score;
    let mut either = matches.template.score.clone();
    either.zip_mut_with(mirrored, |a, b| *a = a.max(*b));
    let mut places = inner_peaks(&either, distance, margin);
    places.truncate(count);
    let highest = |map: &Array3<f32>, peak: &Peak| {
        let [x, y, z] = peak.position.map(|p| p.round() as usize);
        let (nz, ny, nx) = map.dim();
        let near = |at: usize, length: usize| at.saturating_sub(1)..(at + 2).min(length);
        let mut best = f32::NEG_INFINITY;
        for z in near(z, nz) {
            for y in near(y, ny) {
                for x in near(x, nx) {
                    best = best.max(map[[z, y, x]]);
                }
            }
        }
        f64::from(best)
    };
    let differences: Vec<f64> = places
        .iter()
        .map(|peak| highest(&matches.template.score, peak) - highest(mirrored, peak))
        .collect();
    let sum: f64 = differences.iter().sum();
    let square: f64 = differences.iter().map(|d| d * d).sum();
    if differences.is_empty() || square == 0.0 {
        return None;
    }
    Some(HandTest {
        places: differences.len(),
        template_higher: differences.iter().filter(|d| **d > 0.0).count(),
        difference: sum / differences.len() as f64,
        probability: two_sided(sum / square.sqrt()),
    })
}

/// Probability that a standard normal deviate is at least |t| away from 0.
fn two_sided(t: f64) -> f64 {
    let x = t.abs() / std::f64::consts::SQRT_2;
    if x < 2.0 {
        // erf x = 2/√π Σ (−1)ⁿ x^(2n+1) / (n! (2n+1)).
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return (1.0 - sum * std::f64::consts::FRAC_2_SQRT_PI).max(0.0);
    }
    // erfc x = exp(−x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))).
    let fraction = (1..80)
        .rev()
        .fold(x, |below, n| x + 0.5 * f64::from(n) / below);
    (-x * x).exp() / (std::f64::consts::PI.sqrt() * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    fn field(seed: u64, spread: impl Fn([usize; 3]) -> f32) -> Array3<f32> {
        let mut random = thon_compute::seed_stream(seed, "scores", 0);
        Array3::from_shape_fn((40, 60, 60), |(z, y, x)| {
            let sum: f32 = (0..6).map(|_| random.random::<f32>() - 0.5).sum();
            0.2 + 0.02 * spread([z, y, x]) * sum
        })
    }

    fn map(score: Array3<f32>) -> ScoreMap {
        let orientation = Array3::zeros(score.dim());
        ScoreMap { score, orientation }
    }

    #[test]
    fn the_two_sided_probability_is_that_of_the_normal_distribution() {
        for (t, p) in [
            (0.0, 1.0),
            (1.0, 0.317_310_5),
            (1.959_964, 0.05),
            (-3.0, 0.002_699_796),
            (6.0, 1.973_175e-9),
        ] {
            assert!(
                (two_sided(t) / p - 1.0).abs() < 1e-5,
                "{t}: {}",
                two_sided(t)
            );
        }
    }

    #[test]
    fn chance_is_counted_right_where_the_noise_changes() {
        // Deviations differ fourfold between halves; no particles at all.
        let spread = |at: [usize; 3]| if at[2] < 30 { 1.0 } else { 4.0 };
        let matches = Matches {
            template: map(field(1, spread)),
            mirrored: Some(map(field(2, spread))),
            twisted: None,
        };
        let judged = significance(&matches, 6.0, 3.0, 0.0).unwrap();
        for expected in [300.0, 30.0, 8.0] {
            let threshold = judged.false_positives.threshold(expected);
            assert!((judged.false_positives.expected(threshold) / expected - 1.0).abs() < 0.05);
            let found = find_peaks3(&judged.z, threshold as f32, 3.0, usize::MAX).len() as f64;
            let error = 4.0 * (1.0 / expected.sqrt());
            assert!(
                (found / expected - 1.0).abs() < error,
                "{found} against {expected}"
            );
        }
    }

    #[test]
    fn window_sums_are_sums_over_windows() {
        let values = field(3, |_| 1.0);
        let sums = window_sums(&values, 4);
        let direct = |[z, y, x]: [usize; 3]| {
            values
                .indexed_iter()
                .filter(|((c, b, a), _)| {
                    c.abs_diff(z) <= 4 && b.abs_diff(y) <= 4 && a.abs_diff(x) <= 4
                })
                .map(|(_, v)| f64::from(*v))
                .sum::<f64>()
        };
        for at in [[0, 0, 0], [20, 30, 30], [39, 58, 3]] {
            assert!((f64::from(sums[at]) / direct(at) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn the_better_hand_is_told_and_equal_ones_are_not() {
        let mut better = field(4, |_| 1.0);
        let worse = field(5, |_| 1.0);
        for i in 0..20 {
            better[[5 + i, 10 + i, 50 - 2 * i]] = 0.9;
        }
        let matches = Matches {
            template: map(better.clone()),
            twisted: None,
            mirrored: Some(map(worse.clone())),
        };
        let told = test_hand(&matches, 2.0, 0.0, 20).unwrap();
        assert!(
            told.is_template() && told.probability < 1e-4 && told.template_higher == 20,
            "{told:?}"
        );
        let turned = Matches {
            template: map(worse.clone()),
            twisted: None,
            mirrored: Some(map(better)),
        };
        assert!(!test_hand(&turned, 2.0, 0.0, 20).unwrap().is_template());
        let equal = Matches {
            template: map(worse),
            twisted: None,
            mirrored: Some(map(field(6, |_| 1.0))),
        };
        assert!(test_hand(&equal, 3.0, 0.0, 50).unwrap().probability > 0.01);
    }
}

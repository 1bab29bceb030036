//! Which of the eight orientations of a gain reference belongs to a movie, with the evidence.
//!
//! Uncorrected counts carry the inverse pattern of the right reference. Both are high-passed (a pixel minus the mean of its
//! eight neighbours, which leaves almost nothing of the specimen), and the counts are regressed on 1/gain: the slope relative
//! to the mean count is 1 for the right orientation and the right meaning of the values, −1 when factors were taken for
//! counts or the reverse, and 0 otherwise, with a standard error known from the scatter. `z` is slope over standard error;
//! over white noise it is a standard normal deviate.

use rayon::prelude::*;

use crate::error::MotionError;
use crate::gain::{GainKind, GainOrientation, GainReference};

/// Deviates of the sum Σ h·p over white noise, whose neighbours the high-pass correlates: √(Σh²/Σ(h∗h)²) of the filter.
const CORRELATED: f64 = 0.884;
/// A reference counts as found from this z on …
const FOUND: f64 = 8.0;
/// … when no other orientation has more than this part of it …
const RUNNER_UP: f64 = 0.35;
/// … and the slope lies here.
const SLOPES: std::ops::RangeInclusive<f64> = 0.4..=1.6;

/// How well one orientation explains the counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GainTrial {
    /// The orientation.
    pub orientation: GainOrientation,
    /// Slope of the counts on 1/gain, relative to the mean count.
    pub slope: f64,
    /// Slope over its standard error.
    pub z: f64,
}

/// What the search says.
#[derive(Clone, Debug, PartialEq)]
pub enum GainVerdict {
    /// One orientation explains the counts and no other does.
    Proven(GainOrientation),
    /// One orientation explains them when the values are taken the other way (factors, counts).
    Inverted(GainOrientation, GainKind),
    /// More than one orientation explains them about as well: the reference is symmetric, or of little contrast.
    Undecided,
    /// None does: the movie is corrected already, or the reference is of another camera or too old.
    Unrelated,
}

/// The result of the search.
#[derive(Clone, Debug, PartialEq)]
pub struct GainSearch {
    /// Every orientation that fits the movie's size, best first.
    pub trials: Vec<GainTrial>,
    /// The conclusion.
    pub verdict: GainVerdict,
}

impl GainSearch {
    /// The trial of one orientation, if it was made.
    pub fn trial(&self, orientation: GainOrientation) -> Option<&GainTrial> {
        self.trials.iter().find(|t| t.orientation == orientation)
    }

    /// Probability that noise gives the best |z| or more in any of the orientations tried.
    pub fn p_value(&self) -> f64 {
        let z = self.trials.first().map_or(0.0, |t| t.z.abs());
        (self.trials.len() as f64 * upper_tail(z)).min(1.0)
    }
}

/// Both tails of the standard normal distribution beyond |z|: Abramowitz & Stegun 26.2.17 below 5, the asymptotic series above.
fn upper_tail(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    let one_side = if z > 5.0 {
        density / z * (1.0 - 1.0 / (z * z))
    } else {
        let t = 1.0 / (1.0 + 0.2316419 * z);
        let series = [
            0.319381530,
            -0.356563782,
            1.781477937,
            -1.821255978,
            1.330274429,
        ];
        density * series.iter().rev().fold(0.0, |sum, c| (sum + c) * t)
    };
    2.0 * one_side
}

/// Searches the orientation of `gain` that belongs to `counts`, the sum of uncorrected frames, `[ny, nx]` of `size`.
///
/// # Errors
/// A reference that has the size of the movie in no orientation, or no usable values.
///
/// # Panics
/// When `counts` does not have ny · nx elements.
pub fn search_gain_orientation(
    counts: &[f32],
    size: [usize; 2],
    gain: &GainReference,
) -> Result<GainSearch, MotionError> {
    assert_eq!(
        counts.len(),
        size[0] * size[1],
        "counts of the summed movie"
    );
    let fitting = gain.fitting(size);
    if fitting.is_empty() {
        // Says what does not fit.
        gain.factors(GainOrientation::default(), size)?;
    }
    let mean = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64;
    let residual = HighPassed::of(counts, size);
    let mut trials = Vec::with_capacity(fitting.len());
    for orientation in fitting {
        let factors = gain.factors(orientation, size)?;
        trials.push(trial(&residual, &factors, size, mean, orientation));
    }
    trials.sort_by(|a, b| b.z.abs().total_cmp(&a.z.abs()));
    let verdict = verdict(&trials, gain.kind);
    Ok(GainSearch { trials, verdict })
}

fn verdict(trials: &[GainTrial], kind: GainKind) -> GainVerdict {
    let best = trials[0];
    let second = trials.get(1).map_or(0.0, |t| t.z.abs());
    if best.z.abs() < FOUND || !SLOPES.contains(&best.slope.abs()) {
        return GainVerdict::Unrelated;
    }
    if second > RUNNER_UP * best.z.abs() {
        return GainVerdict::Undecided;
    }
    if best.z > 0.0 {
        return GainVerdict::Proven(best.orientation);
    }
    let other = match kind {
        GainKind::Factors => GainKind::Counts,
        GainKind::Counts => GainKind::Factors,
    };
    GainVerdict::Inverted(best.orientation, other)
}

/// The counts without what is smooth, peaks clipped.
struct HighPassed {
    values: Vec<f32>,
    deviation: f64,
}

impl HighPassed {
    fn of(counts: &[f32], size: [usize; 2]) -> Self {
        let mut values = high_pass(counts, size);
        let power = |values: &[f32]| {
            let parts: Vec<f64> = values
                .par_chunks(1 << 15)
                .map(|part| part.iter().map(|v| f64::from(v * v)).sum())
                .collect();
            (parts.iter().sum::<f64>() / values.len() as f64).sqrt()
        };
        // Hot pixels and X-rays would rule both sums; twice, since they widen the first deviation.
        for _ in 0..2 {
            let most = (5.0 * power(&values)) as f32;
            values
                .par_iter_mut()
                .for_each(|v| *v = v.clamp(-most, most));
        }
        let deviation = power(&values);
        Self { values, deviation }
    }
}

/// Each pixel minus the mean of its eight neighbours; zero at the border.
fn high_pass(values: &[f32], [ny, nx]: [usize; 2]) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(nx).enumerate().for_each(|(y, row)| {
        if y == 0 || y + 1 == ny {
            return;
        }
        let [above, here, below] = [y - 1, y, y + 1].map(|y| &values[y * nx..(y + 1) * nx]);
        for x in 1..nx - 1 {
            let ring = above[x - 1]
                + above[x]
                + above[x + 1]
                + here[x - 1]
                + here[x + 1]
                + below[x - 1]
                + below[x]
                + below[x + 1];
            row[x] = here[x] - 0.125 * ring;
        }
    });
    out
}

fn trial(
    residual: &HighPassed,
    factors: &[f32],
    size: [usize; 2],
    mean: f64,
    orientation: GainOrientation,
) -> GainTrial {
    // Bad pixels and extreme factors say nothing about the orientation.
    let inverse: Vec<f32> = factors
        .par_iter()
        .map(|f| {
            if (0.25..=4.0).contains(f) {
                1.0 / f
            } else {
                1.0
            }
        })
        .collect();
    let pattern = high_pass(&inverse, size);
    let parts: Vec<[f64; 2]> = pattern
        .par_chunks(1 << 15)
        .zip(residual.values.par_chunks(1 << 15))
        .map(|(p, h)| {
            p.iter().zip(h).fold([0.0; 2], |[ph, pp], (p, h)| {
                [ph + f64::from(p * h), pp + f64::from(p * p)]
            })
        })
        .collect();
    let [product, power] = parts
        .iter()
        .fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
    let norm = residual.deviation * power.sqrt();
    if norm <= 0.0 || mean <= 0.0 {
        return GainTrial {
            orientation,
            slope: 0.0,
            z: 0.0,
        };
    }
    GainTrial {
        orientation,
        slope: product / power / mean,
        z: CORRELATED * product / norm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use thon_compute::seed_stream;

    const SIZE: [usize; 2] = [160, 200];

    /// Counts of about 6 electrons under a gain of 5 %, and that gain.
    fn recorded(seed: u64, size: [usize; 2]) -> (Vec<f32>, Vec<f32>) {
        let mut random = seed_stream(seed, "test/gain", 0);
        let gain: Vec<f32> = (0..size[0] * size[1])
            .map(|_| {
                let u: f64 = random.random();
                0.9 + 0.2 * u as f32
            })
            .collect();
        let counts = gain
            .iter()
            .map(|g| {
                let mut count = 0.0;
                let mut left = (-6.0 / g).exp();
                let draw: f64 = random.random();
                let draw = draw as f32;
                // Poisson by inversion.
                let mut term = left;
                while draw > left && count < 40.0 {
                    count += 1.0;
                    term *= 6.0 / g / count;
                    left += term;
                }
                count
            })
            .collect();
        (counts, gain)
    }

    fn undo(gain: &[f32], size: [usize; 2], orientation: GainOrientation) -> GainReference {
        // The stored reference, which `orientation` turns into `gain`: found by trying, so that no inverse has to be right.
        let stored = orientation.size_of(size);
        let found = GainOrientation::ALL.into_iter().find_map(|candidate| {
            if candidate.size_of(size) != stored {
                return None;
            }
            let values = candidate.apply(gain, size);
            let back = orientation.apply(&values, stored);
            (back == gain).then_some(values)
        });
        GainReference {
            size: stored,
            values: found.unwrap(),
            kind: GainKind::Factors,
        }
    }

    #[test]
    fn all_eight_orientations_are_found() {
        for size in [SIZE, [180, 180]] {
            let (counts, gain) = recorded(1, size);
            for orientation in GainOrientation::ALL {
                let stored = undo(&gain, size, orientation);
                let search = search_gain_orientation(&counts, size, &stored).unwrap();
                assert_eq!(
                    search.verdict,
                    GainVerdict::Proven(orientation),
                    "{search:?}"
                );
                assert!(search.p_value() < 1e-12);
                assert!((search.trials[0].slope - 1.0).abs() < 0.15, "{search:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (counts, gain) = recorded(2, SIZE);
        let stored = |values: Vec<f32>, kind| GainReference {
            size: SIZE,
            values,
            kind,
        };
        let search = |counts: &[f32], gain: &GainReference| {
            search_gain_orientation(counts, SIZE, gain).unwrap().verdict
        };
        let inverse = stored(gain.clone(), GainKind::Counts);
        let upright = GainOrientation::default();
        assert_eq!(
            search(&counts, &inverse),
            GainVerdict::Inverted(upright, GainKind::Factors)
        );
        let (_, other) = recorded(3, SIZE);
        assert_eq!(
            search(&counts, &stored(other, GainKind::Factors)),
            GainVerdict::Unrelated
        );
        let corrected: Vec<f32> = counts.iter().zip(&gain).map(|(c, g)| c * g).collect();
        assert_eq!(
            search(&corrected, &stored(gain.clone(), GainKind::Factors)),
            GainVerdict::Unrelated
        );
        // A reference that is its own mirror image cannot tell left from right.
        let mirrored = GainOrientation {
            quarter_turns: 0,
            flip: crate::Flip::LeftRight,
        }
        .apply(&gain, SIZE);
        let symmetric: Vec<f32> = gain
            .iter()
            .zip(&mirrored)
            .map(|(a, b)| 0.5 * (a + b))
            .collect();
        let (mut seen, mut random) = (symmetric.clone(), seed_stream(5, "test/gain", 1));
        for value in &mut seen {
            let u: f64 = random.random();
            *value = 20.0 / *value + (u as f32 - 0.5);
        }
        assert_eq!(
            search(&seen, &stored(symmetric, GainKind::Factors)),
            GainVerdict::Undecided
        );
    }

    #[test]
    fn noise_alone_gives_standard_deviates() {
        let mut sum = 0.0;
        for seed in 10..30 {
            let (counts, _) = recorded(seed, SIZE);
            let (_, other) = recorded(seed + 100, SIZE);
            let gain = GainReference {
                size: SIZE,
                values: other,
                kind: GainKind::Factors,
            };
            let search = search_gain_orientation(&counts, SIZE, &gain).unwrap();
            sum +=
                search.trials.iter().map(|t| t.z * t.z).sum::<f64>() / search.trials.len() as f64;
        }
        let variance = sum / 20.0;
        assert!((0.6..1.5).contains(&variance), "{variance}");
    }
}

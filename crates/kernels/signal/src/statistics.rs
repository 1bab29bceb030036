//! Mean, deviation, median, percentiles. Sums are f64 in a fixed order; values that are not finite are counted and
//! left out.

use serde::{Deserialize, Serialize};
use thon_compute::parallel::{map_chunks, map_chunks_mut, reduce_tree, sum_by};

const CHUNK: usize = 1 << 16;

/// What a set of values looks like at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// Finite values.
    pub count: u64,
    /// Values that are NaN or infinite.
    pub not_finite: u64,
    /// Mean of the finite values; 0 when there are none.
    pub mean: f64,
    /// Standard deviation (divided by the count) of the finite values.
    pub standard_deviation: f64,
    /// Smallest finite value; 0 when there are none.
    pub minimum: f32,
    /// Largest finite value; 0 when there are none.
    pub maximum: f32,
}

impl Summary {
    /// True when nothing can be made of the values: none is finite, or all are the same.
    pub fn is_flat(&self) -> bool {
        self.count == 0 || self.minimum == self.maximum
    }
}

/// Count, mean, deviation (two passes) and range.
pub fn summarise(values: &[f32]) -> Summary {
    let ranges = map_chunks(values, CHUNK, |_, chunk| {
        let finite = chunk.iter().filter(|v| v.is_finite());
        finite.fold(
            (0_u64, f32::INFINITY, f32::NEG_INFINITY),
            |(n, low, high), &v| (n + 1, low.min(v), high.max(v)),
        )
    });
    let joined = reduce_tree(ranges, |a, b| (a.0 + b.0, a.1.min(b.1), a.2.max(b.2)));
    let Some((count, minimum, maximum)) = joined.filter(|r| r.0 > 0) else {
        let not_finite = values.len() as u64;
        return Summary {
            count: 0,
            not_finite,
            mean: 0.0,
            standard_deviation: 0.0,
            minimum: 0.0,
            maximum: 0.0,
        };
    };
    let mean = sum_by(values, |&v| if v.is_finite() { f64::from(v) } else { 0.0 }) / count as f64;
    let squares = sum_by(values, |&v| {
        if v.is_finite() {
            (f64::from(v) - mean).powi(2)
        } else {
            0.0
        }
    });
    let not_finite = values.len() as u64 - count;
    Summary {
        count,
        not_finite,
        mean,
        standard_deviation: (squares / count as f64).sqrt(),
        minimum,
        maximum,
    }
}

/// Mean and standard deviation (divided by the count) of the finite values.
pub fn mean_and_deviation(values: &[f32]) -> (f64, f64) {
    let summary = summarise(values);
    (summary.mean, summary.standard_deviation)
}

/// Values between which `fractions` (0 to 1) of the finite values lie, by linear interpolation between ranks; `None` when
/// no value is finite. Takes a copy of the values.
pub fn percentiles<const N: usize>(values: &[f32], fractions: [f64; N]) -> Option<[f32; N]> {
    let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    (!finite.is_empty()).then(|| fractions.map(|fraction| rank(&mut finite, fraction)))
}

/// The value at `fraction` of the ranks of a list that is not empty; reorders it.
fn rank(values: &mut [f32], fraction: f64) -> f32 {
    let position = fraction.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (_, &mut below, above) = values.select_nth_unstable_by(position as usize, f32::total_cmp);
    let next = above
        .iter()
        .copied()
        .min_by(f32::total_cmp)
        .unwrap_or(below);
    let fraction = position.fract();
    (f64::from(below) * (1.0 - fraction) + f64::from(next) * fraction) as f32
}

/// The median of the finite values; `None` when there are none.
pub fn median(values: &[f32]) -> Option<f32> {
    percentiles(values, [0.5]).map(|[median]| median)
}

/// Median, and the standard deviation a normal distribution with the same median absolute deviation has
/// (1.4826 × MAD). `None` when no value is finite.
pub fn median_and_robust_deviation(values: &[f32]) -> Option<(f32, f32)> {
    let centre = median(values)?;
    let deviations: Vec<f32> = values.iter().map(|v| (v - centre).abs()).collect();
    median(&deviations).map(|deviation| (centre, 1.4826 * deviation))
}

/// Brings values to mean 0 and standard deviation 1, in place, and returns what they were. Flat input
/// ([`Summary::is_flat`]) is left as it is.
pub fn normalise(values: &mut [f32]) -> Summary {
    let summary = summarise(values);
    if !summary.is_flat() {
        let (mean, scale) = (summary.mean, 1.0 / summary.standard_deviation);
        map_chunks_mut(values, CHUNK, |_, chunk| {
            for value in chunk {
                *value = ((f64::from(*value) - mean) * scale) as f32;
            }
        });
    }
    summary
}

/// Brings the background of an image to mean 0 and standard deviation 1; false, and nothing done, when all values are equal
/// or none is finite.
///
/// Background is what the median and the median absolute deviation say, so that particles and beads do not count. Where most
/// values are the same count, as in images of few electrons, the mean and standard deviation of all serve.
pub fn standardise_background(values: &mut [f32]) -> bool {
    let robust = median_and_robust_deviation(values).filter(|(_, deviation)| *deviation > 0.0);
    let (centre, deviation) = robust.unwrap_or_else(|| {
        let all = summarise(values);
        (all.mean as f32, all.standard_deviation as f32)
    });
    if !(deviation.is_finite() && deviation > 0.0) {
        return false;
    }
    for value in values {
        *value = (*value - centre) / deviation;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{in_pool, noise3};

    #[test]
    fn known_values() {
        let values = [4.0, f32::NAN, 1.0, 2.0, f32::INFINITY, 3.0];
        let summary = summarise(&values);
        assert_eq!(
            (
                summary.count,
                summary.not_finite,
                summary.minimum,
                summary.maximum
            ),
            (4, 2, 1.0, 4.0)
        );
        assert_eq!(summary.mean, 2.5);
        assert!((summary.standard_deviation - 1.25_f64.sqrt()).abs() < 1e-12);
        assert_eq!(median(&values), Some(2.5));
        assert_eq!(
            percentiles(&values, [0.0, 1.0, 1.0 / 3.0, 0.1]),
            Some([1.0, 4.0, 2.0, 1.3])
        );
        assert_eq!(
            median_and_robust_deviation(&[1.0, 2.0, 3.0, 4.0, 100.0]),
            Some((3.0, 1.4826))
        );
        assert_eq!(median(&[f32::NAN]), None);
        assert!(
            summarise(&[]).is_flat()
                && summarise(&[2.0; 9]).is_flat()
                && summarise(&[f32::NAN; 3]).is_flat()
        );
    }

    #[test]
    fn a_large_offset_costs_no_precision() {
        let values: Vec<f32> = (0..200_000).map(|i| 10_000.0 + (i % 2) as f32).collect();
        let (mean, deviation) = mean_and_deviation(&values);
        assert!(
            (mean - 10_000.5).abs() < 1e-9 && (deviation - 0.5).abs() < 1e-9,
            "{mean} {deviation}"
        );
    }

    #[test]
    fn normalising_gives_zero_and_one_and_robust_agrees_on_normal_noise() {
        let mut values: Vec<f32> = noise3([50, 50, 40], 8)
            .iter()
            .map(|v| 3.0 * v + 7.0)
            .collect();
        let (centre, deviation) = median_and_robust_deviation(&values).unwrap();
        assert!(
            (centre - 7.0).abs() < 0.04 && (deviation - 3.0).abs() < 0.05,
            "{centre} {deviation}"
        );
        normalise(&mut values);
        let (mean, deviation) = mean_and_deviation(&values);
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6);
        let mut flat = [3.0; 10];
        assert!(normalise(&mut flat).is_flat());
        assert_eq!(flat, [3.0; 10]);
    }

    #[test]
    fn bytes_do_not_depend_on_the_number_of_threads() {
        let values = noise3([60, 60, 60], 2).into_raw_vec_and_offset().0;
        let results = [1, 2, 4].map(|threads| in_pool(threads, || summarise(&values)));
        assert!(results.iter().all(|r| *r == results[0]));
    }

    #[test]
    fn the_background_is_standardised_whatever_stands_out_of_it() {
        let wave = |i: i32| ((i * 37 % 101) - 50) as f32;
        let mut values: Vec<f32> = (0..1010).map(wave).collect();
        values[7] = 1e6;
        assert!(standardise_background(&mut values));
        let (centre, deviation) = median_and_robust_deviation(&values).unwrap();
        assert!(centre.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-5);
        // Few electrons: the median absolute deviation is 0.
        let mut counts = vec![0.0; 99];
        counts.push(10.0);
        assert!(standardise_background(&mut counts) && counts[99] > 9.0);
        assert!(
            !standardise_background(&mut [3.0; 5]) && !standardise_background(&mut [f32::NAN; 5])
        );
    }
}

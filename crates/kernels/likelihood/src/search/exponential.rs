//! Rows of scores: priors added, the highest, and sums of exponentials, in vectors.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use pulp::{Simd, WithSimd};

/// Values that are treated side by side.
const LANES: usize = 16;

/// Adds `offsets` and `offset` to `scores`; the highest.
pub(super) fn add_offsets(scores: &mut [f32], offsets: &[f32], offset: f32) -> f32 {
    pulp::Arch::new().dispatch(AddOffsets {
        scores,
        offsets,
        offset,
    })
}

/// Σ exp(score − best) and Σ exp 2(score − best); scores are at most `best`.
pub(super) fn shares(scores: &[f32], best: f32) -> [f64; 2] {
    pulp::Arch::new().dispatch(Shares { scores, best })
}

/// Keeps for each column the highest score so far and the row it was met in.
pub(super) fn keep_highest(scores: &[f32], row: u32, highest: &mut [f32], rows: &mut [u32]) {
    pulp::Arch::new().dispatch(KeepHighest {
        scores,
        row,
        highest,
        rows,
    });
}

struct AddOffsets<'a> {
    scores: &'a mut [f32],
    offsets: &'a [f32],
    offset: f32,
}

impl WithSimd for AddOffsets<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f32 {
        let (scores, last) = self.scores.as_chunks_mut::<LANES>();
        let (offsets, last_offsets) = self.offsets.as_chunks::<LANES>();
        let mut highest = [f32::NEG_INFINITY; LANES];
        for (scores, offsets) in scores.iter_mut().zip(offsets) {
            for lane in 0..LANES {
                let score = scores[lane] + (offsets[lane] + self.offset);
                scores[lane] = score;
                highest[lane] = if score > highest[lane] {
                    score
                } else {
                    highest[lane]
                };
            }
        }
        for (score, offset) in last.iter_mut().zip(last_offsets) {
            *score += offset + self.offset;
            highest[0] = highest[0].max(*score);
        }
        highest.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

struct Shares<'a> {
    scores: &'a [f32],
    best: f32,
}

impl WithSimd for Shares<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> [f64; 2] {
        let (chunks, last) = self.scores.as_chunks::<LANES>();
        let (mut sums, mut squares) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        for scores in chunks {
            for lane in 0..LANES {
                let share = exponential(scores[lane] - self.best);
                sums[lane] += share;
                squares[lane] += share * share;
            }
        }
        for (lane, score) in last.iter().enumerate() {
            let share = exponential(score - self.best);
            sums[lane] += share;
            squares[lane] += share * share;
        }
        [sums, squares].map(|lanes| lanes.iter().map(|v| f64::from(*v)).sum())
    }
}

struct KeepHighest<'a> {
    scores: &'a [f32],
    row: u32,
    highest: &'a mut [f32],
    rows: &'a mut [u32],
}

impl WithSimd for KeepHighest<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let columns = self.scores.iter().zip(self.highest).zip(self.rows);
        for ((score, highest), row) in columns {
            let higher = *score > *highest;
            *highest = if higher { *score } else { *highest };
            *row = if higher { self.row } else { *row };
        }
    }
}

/// eˣ for x ≤ 0, to 3e-7 of its value; below −80 as at −80.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    let x = if x > -80.0 { x } else { -80.0 };
    let whole = (x * std::f32::consts::LOG2_E).round_ties_even();
    // ln 2 in two parts, the first with few bits, so that the product is exact.
    let rest = x - whole * 0.693_359_4;
    let rest = rest + whole * 2.121_944_4e-4;
    let series = 1.0
        + rest
            * (1.0
                + rest
                    * (0.5
                        + rest
                            * (1.0 / 6.0
                                + rest
                                    * (1.0 / 24.0 + rest * (1.0 / 120.0 + rest * (1.0 / 720.0))))));
    series * f32::from_bits(((whole as i32 + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_libm() {
        for i in 0..8000 {
            let x = i as f32 * -0.0099;
            let exact = f64::from(x).exp();
            assert!(
                (f64::from(exponential(x)) / exact - 1.0).abs() < 1e-6,
                "{x}"
            );
        }
        let scores: Vec<f32> = (0..77).map(|i| -((i * 31 % 77) as f32) * 0.3).collect();
        let [sum, square] = shares(&scores, 0.5);
        let exact = |k: f64| -> f64 {
            scores
                .iter()
                .map(|s| (k * (f64::from(*s) - 0.5)).exp())
                .sum()
        };
        assert!((sum / exact(1.0) - 1.0).abs() < 1e-6 && (square / exact(2.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_highest_of_each_column_is_kept() {
        let mut first: Vec<f32> = (0..37).map(|i| (i * 7 % 11) as f32).collect();
        let offsets: Vec<f32> = (0..37).map(|i| (i % 3) as f32).collect();
        let before = first.clone();
        let highest = add_offsets(&mut first, &offsets, 0.25);
        let expected = before.iter().zip(&offsets).map(|(a, b)| a + b + 0.25);
        assert!(first.iter().copied().eq(expected));
        assert_eq!(highest, first.iter().copied().fold(0.0, f32::max));
        let second: Vec<f32> = (0..37).map(|i| (i * 5 % 13) as f32).collect();
        let (mut best, mut rows) = (vec![f32::NEG_INFINITY; 37], vec![0; 37]);
        keep_highest(&first, 4, &mut best, &mut rows);
        keep_highest(&second, 9, &mut best, &mut rows);
        for i in 0..37 {
            assert_eq!(best[i], first[i].max(second[i]));
            assert_eq!(rows[i], if second[i] > first[i] { 9 } else { 4 });
        }
    }
}

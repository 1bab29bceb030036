//! The back-projection kernel: out[x] = Σ over taps of w₀·source[o₀ + x] + w₁·source[o₁ + x].
//!
//! Because every source row is sampled in steps of whole voxels (see `rows`), the interpolation weights of a view are the
//! same along a whole output row, and the inner loop is two unaligned loads and two multiply-adds per vector. Sums stay in
//! registers over all views; blocks of output rows × a tile along x keep the sources in the first-level cache.
//! Vector widths are chosen at run time through `pulp`; [`accumulate_plain`] is the twin it is tested against.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use bytemuck::Zeroable;
use pulp::{Simd, WithSimd};

/// One view's (or one neighbouring row's) contribution to an output row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tap {
    /// Where the samples for output x = 0 lie in the source.
    pub(super) offset: [usize; 2],
    /// Their weights.
    pub(super) weight: [f32; 2],
}

/// Vectors of one tile: sums that stay in registers.
const TILE: usize = 8;
/// Vectors are at most this long, so sources must go on for this many elements beyond the last output x.
pub(super) const PADDING: usize = 16;

/// Output rows `out[row · stride ..][..width]`, each with `taps_per_row` taps in a row of `taps`.
pub(super) struct Block<'a> {
    pub(super) source: &'a [f32],
    pub(super) taps: &'a [Tap],
    pub(super) taps_per_row: usize,
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
}

/// Fills the block, with the widest vectors of this processor.
pub(super) fn accumulate(block: Block<'_>) {
    if block.taps_per_row == 0 {
        return;
    }
    pulp::Arch::new().dispatch(block);
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let tile = TILE * lanes;
        let rows = self.taps.len() / self.taps_per_row;
        let mut x = 0;
        while x + tile <= self.width {
            for row in 0..rows {
                let taps = &self.taps[row * self.taps_per_row..][..self.taps_per_row];
                let sums = sum_tile::<S, TILE>(simd, self.source, taps, x);
                let out = &mut self.out[row * self.stride + x..][..tile];
                for (to, sum) in S::as_mut_simd_f32s(out).0.iter_mut().zip(sums) {
                    *to = sum;
                }
            }
            x += tile;
        }
        while x < self.width {
            let count = lanes.min(self.width - x);
            for row in 0..rows {
                let taps = &self.taps[row * self.taps_per_row..][..self.taps_per_row];
                let sums = sum_tile::<S, 1>(simd, self.source, taps, x);
                let values: &[f32] = bytemuck::cast_slice(&sums);
                self.out[row * self.stride + x..][..count].copy_from_slice(&values[..count]);
            }
            x += lanes;
        }
    }
}

/// The sums of `N` vectors from output `x` on.
#[inline(always)]
fn sum_tile<S: Simd, const N: usize>(
    simd: S,
    source: &[f32],
    taps: &[Tap],
    x: usize,
) -> [S::f32s; N] {
    let mut sums = [S::f32s::zeroed(); N];
    for tap in taps {
        let [first, second] = tap
            .offset
            .map(|offset| S::as_simd_f32s(&source[offset + x..][..N * S::F32_LANES]).0);
        let [w0, w1] = tap.weight.map(|weight| simd.splat_f32s(weight));
        let (first, second) = (&first[..N], &second[..N]);
        for i in 0..N {
            sums[i] = simd.mul_add_e_f32s(w0, first[i], sums[i]);
        }
        for i in 0..N {
            sums[i] = simd.mul_add_e_f32s(w1, second[i], sums[i]);
        }
    }
    sums
}

/// The plain twin of [`accumulate`].
#[cfg(test)]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of the kernel it is the twin of"
)]
pub(super) fn accumulate_plain(block: Block<'_>) {
    for (row, taps) in block.taps.chunks(block.taps_per_row).enumerate() {
        for x in 0..block.width {
            block.out[row * block.stride + x] = taps
                .iter()
                .map(|tap| {
                    tap.weight[0] * block.source[tap.offset[0] + x]
                        + tap.weight[1] * block.source[tap.offset[1] + x]
                })
                .sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn vectors_and_plain_loops_agree() {
        let mut random = thon_compute::seed_stream(3, "kernel", 0);
        let source: Vec<f32> = (0..5000).map(|_| random.random_range(-1.0..1.0)).collect();
        for width in [1, 7, 16, 100, 128, 517] {
            let (rows, taps_per_row, stride) = (3, 11, width + 5);
            let taps: Vec<Tap> = (0..rows * taps_per_row)
                .map(|_| {
                    let fraction = random.random_range(0.0..1.0);
                    let last = source.len() - width - PADDING;
                    Tap {
                        offset: [random.random_range(0..last), random.random_range(0..last)],
                        weight: [1.0 - fraction, fraction],
                    }
                })
                .collect();
            let run = |f: fn(Block<'_>)| {
                let mut out = vec![9.0; rows * stride];
                f(Block {
                    source: &source,
                    taps: &taps,
                    taps_per_row,
                    out: &mut out,
                    stride,
                    width,
                });
                out
            };
            let (fast, plain) = (run(accumulate), run(accumulate_plain));
            for (index, (a, b)) in fast.iter().zip(&plain).enumerate() {
                assert!(
                    (a - b).abs() < 1e-5,
                    "{a} against {b} at {index}, width {width}"
                );
                assert_eq!(
                    index % stride >= width,
                    *a == 9.0,
                    "only the width is written"
                );
            }
        }
    }
}

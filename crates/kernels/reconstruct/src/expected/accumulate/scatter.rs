//! Shares of samples to their neighbours, as whole quanta: AVX-512 and its portable twin.

use std::ops::Range;

use super::block::{Block, Placed};
use crate::expected::Contribution;
use crate::expected::sums::Element;
use crate::half_space::HalfSpace;

/// The cells with first ≤ z < end, their elements, and those of plane `end`.
pub(super) struct Slab<'a> {
    pub(super) space: HalfSpace,
    pub(super) first: usize,
    pub(super) end: usize,
    pub(super) elements: &'a mut [Element],
    pub(super) border: Vec<Element>,
}

/// Which loop adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expected) enum Scatter {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Scatter {
    /// The fastest that this processor has.
    pub(in crate::expected) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
        {
            return Self::Avx512;
        }
        Self::Portable
    }

    /// Adds samples of one particle and rotation.
    pub(super) fn insert(
        self,
        slab: &mut Slab<'_>,
        placed: &Placed,
        contribution: &Contribution<'_>,
        range: Range<usize>,
        block: &mut Block,
    ) {
        match self {
            Self::Portable => {
                block.fill(slab, placed, contribution, range);
                portable(slab, block);
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detect` is the only place that names this loop, after it found these features.
            Self::Avx512 => unsafe { wide::insert(slab, placed, contribution, range, block) },
        }
    }
}

impl Slab<'_> {
    /// The four rows of a sample's neighbours: two on its plane, two on the next.
    #[inline]
    fn row(&mut self, lower: usize, row: usize) -> &mut [Element; 2] {
        let first = lower + (row & 1) * self.space.width();
        let next = first + self.space.plane();
        let pair = if row < 2 {
            &mut self.elements[first..]
        } else if next < self.elements.len() {
            &mut self.elements[next..]
        } else {
            &mut self.border[next - self.elements.len()..]
        };
        pair.first_chunk_mut().expect("two neighbours along x")
    }
}

/// Adds a block, element by element.
fn portable(slab: &mut Slab<'_>, block: &Block) {
    for i in 0..block.length {
        let along_x = [1.0 - block.along_x[i], block.along_x[i]];
        for (row, shares) in block.rows.iter().enumerate() {
            let pair = slab.row(block.lower[i] as usize, row);
            for (element, along_x) in pair.iter_mut().zip(along_x) {
                for (sum, value) in element.iter_mut().zip(block.values[i]) {
                    *sum += whole(value * along_x * shares[i]);
                }
            }
        }
    }
}

/// Rounds to a whole number, half to even.
fn whole(value: f32) -> i64 {
    // From 2²³ on all are whole; below, adding 1.5 · 2²³ leaves no bits for fractions.
    const ROUND: f32 = 12_582_912.0;
    if value.abs() < 4_194_304.0 {
        ((value + ROUND) - ROUND) as i64
    } else {
        value.round_ties_even() as i64
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        _mm256_broadcast_ps, _mm256_mask_sub_ps, _mm256_mul_ps, _mm256_set1_ps, _mm512_add_epi64,
        _mm512_cvtps_epi64, _mm512_loadu_si512, _mm512_storeu_si512,
    };
    use std::ops::Range;

    use super::{Block, Contribution, Placed, Slab};

    /// Fills a block and adds it, both neighbours along x at once.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512cd")]
    pub(super) fn insert(
        slab: &mut Slab<'_>,
        placed: &Placed,
        contribution: &Contribution<'_>,
        range: Range<usize>,
        block: &mut Block,
    ) {
        block.fill(slab, placed, contribution, range);
        let (width, plane) = (slab.space.width(), slab.space.plane());
        // What `Block::fill` clamps: the first neighbour is in the slab and has neighbours after it in all directions.
        let length = slab.elements.len();
        assert!(slab.border.len() == plane && length == (slab.end - slab.first) * plane);
        let elements = slab.elements.as_mut_ptr();
        let border = slab.border.as_mut_ptr();
        let ones = _mm256_set1_ps(1.0);
        for i in 0..block.length {
            let lower = block.lower[i] as usize;
            let upper = lower + plane;
            // SAFETY: reads 16 bytes of an array of four f32.
            let value = unsafe { _mm256_broadcast_ps(&*block.values[i].as_ptr().cast()) };
            let fraction = _mm256_set1_ps(block.along_x[i]);
            let along_x = _mm256_mask_sub_ps(fraction, 0b1111, ones, fraction);
            let pair = _mm256_mul_ps(value, along_x);
            // SAFETY: `fill` leaves x ≤ width − 2, y ≤ height − 2 and z within the slab, so that two elements at `lower` and
            // at `lower` + width lie in one plane of the slab; one plane up they lie in the slab or, as many elements
            // after its end, in the border.
            unsafe {
                let low = elements.add(lower);
                let high = if upper < length {
                    elements.add(upper)
                } else {
                    border.add(upper - length)
                };
                let rows = [low, low.add(width), high, high.add(width)];
                for (row, shares) in rows.into_iter().zip(&block.rows) {
                    let share = _mm256_set1_ps(shares[i]);
                    let added = _mm512_cvtps_epi64(_mm256_mul_ps(pair, share));
                    let sum = _mm512_add_epi64(_mm512_loadu_si512(row.cast()), added);
                    _mm512_storeu_si512(row.cast(), sum);
                }
            }
        }
    }
}

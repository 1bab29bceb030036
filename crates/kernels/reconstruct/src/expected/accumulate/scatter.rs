//! Shares of samples to their neighbours, as whole quanta: AVX-512 and its portable twin.

use super::record::{Record, Tiles};
use super::{Insertion, Unit};
use crate::expected::sums::Element;
use crate::half_space::HalfSpace;

/// Which instructions the loops use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expected) enum Level {
    /// What every processor has.
    Portable,
    /// AVX-512 F, BW, CD, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Wide(wide::Token),
}

impl Level {
    /// The fastest that this processor has.
    pub(in crate::expected) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(token) = wide::Token::detect() {
            return Self::Wide(token);
        }
        Self::Portable
    }

    /// See [`Unit::sort`].
    pub(super) fn sort(
        self,
        insertion: &Insertion,
        tiles: Tiles,
        unit: &Unit<'_>,
        room: &mut [Record],
    ) -> Vec<u32> {
        match self {
            Self::Portable => unit.sort(insertion, tiles, room),
            #[cfg(target_arch = "x86_64")]
            Self::Wide(token) => token.sort(insertion, tiles, unit, room),
        }
    }

    /// Adds a unit to all elements as its samples come.
    pub(super) fn add(self, insertion: &Insertion, unit: &Unit<'_>, elements: &mut [Element]) {
        match self {
            Self::Portable => {
                let space = insertion.space;
                unit.records(insertion, |records| scatter(space, elements, records));
            }
            #[cfg(target_arch = "x86_64")]
            Self::Wide(token) => token.add(insertion, unit, elements),
        }
    }

    /// Adds records to the elements of their plane and the next.
    pub(super) fn scatter(self, space: HalfSpace, elements: &mut [Element], records: &[Record]) {
        match self {
            Self::Portable => scatter(space, elements, records),
            #[cfg(target_arch = "x86_64")]
            Self::Wide(token) => token.scatter(space, elements, records),
        }
    }
}

/// Offsets of the four rows of two neighbours from the first: (y, z), (y + 1, z), (y, z + 1), (y + 1, z + 1).
fn rows(space: HalfSpace) -> [usize; 4] {
    let (width, plane) = (space.width(), space.plane());
    [0, width, plane, plane + width]
}

/// Shares of the four rows.
#[inline]
fn shares([_, y, z]: [f32; 3]) -> [f32; 4] {
    let (v, w) = (1.0 - y, 1.0 - z);
    [v * w, y * w, v * z, y * z]
}

fn scatter(space: HalfSpace, elements: &mut [Element], records: &[Record]) {
    for record in records {
        let along_x = [1.0 - record.fraction[0], record.fraction[0]];
        for (row, share) in rows(space).into_iter().zip(shares(record.fraction)) {
            let first = record.lower as usize + row;
            for (element, along_x) in elements[first..][..2].iter_mut().zip(along_x) {
                for (sum, value) in element.iter_mut().zip(record.value) {
                    *sum += whole(value * along_x * share);
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
    #![expect(
        clippy::inline_always,
        reason = "what is not inlined into a function with target features loses them"
    )]

    use std::arch::x86_64::{
        __m128, __m512i, _mm256_broadcast_ps, _mm256_mask_sub_ps, _mm256_mul_ps, _mm256_set1_ps,
        _mm512_add_epi64, _mm512_cvtps_epi64, _mm512_setzero_si512,
    };
    use std::mem::transmute;

    use super::{Element, HalfSpace, Insertion, Record, Tiles, Unit, rows, shares};

    /// Exists only where the instructions do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::expected) struct Token(());

    #[expect(
        clippy::unused_self,
        reason = "the token is the proof that the instructions exist"
    )]
    impl Token {
        pub(super) fn detect() -> Option<Self> {
            let found = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512cd")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            found.then_some(Self(()))
        }

        pub(super) fn sort(
            self,
            insertion: &Insertion,
            tiles: Tiles,
            unit: &Unit<'_>,
            room: &mut [Record],
        ) -> Vec<u32> {
            // SAFETY: a token exists only after `detect` found these features.
            unsafe { sort(insertion, tiles, unit, room) }
        }

        pub(super) fn add(self, insertion: &Insertion, unit: &Unit<'_>, elements: &mut [Element]) {
            // SAFETY: a token exists only after `detect` found these features.
            unsafe { add(insertion, unit, elements) }
        }

        pub(super) fn scatter(
            self,
            space: HalfSpace,
            elements: &mut [Element],
            records: &[Record],
        ) {
            // SAFETY: a token exists only after `detect` found these features.
            unsafe { scatter(space, elements, records) }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn sort(insertion: &Insertion, tiles: Tiles, unit: &Unit<'_>, room: &mut [Record]) -> Vec<u32> {
        unit.sort(insertion, tiles, room)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn add(insertion: &Insertion, unit: &Unit<'_>, elements: &mut [Element]) {
        let space = insertion.space;
        unit.records(insertion, |records| scatter(space, elements, records));
    }

    /// As the portable loop, both neighbours along x at once.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn scatter(space: HalfSpace, elements: &mut [Element], records: &[Record]) {
        let rows = rows(space);
        let ones = _mm256_set1_ps(1.0);
        for record in records {
            // SAFETY: both types are 16 bytes of f32; any bytes are valid.
            let value = unsafe { transmute::<[f32; 4], __m128>(record.value) };
            let fraction = _mm256_set1_ps(record.fraction[0]);
            let along_x = _mm256_mask_sub_ps(fraction, 0b1111, ones, fraction);
            let pair = _mm256_mul_ps(_mm256_broadcast_ps(&value), along_x);
            let lower = record.lower as usize;
            // All rows are read before the first is written: a read close behind a write to an address that looks alike
            // (planes and rows are often a multiple of 4096 bytes apart) would wait for it.
            let mut sums = [_mm512_setzero_si512(); 4];
            for ((sum, row), share) in sums.iter_mut().zip(rows).zip(shares(record.fraction)) {
                let added = _mm512_cvtps_epi64(_mm256_mul_ps(pair, _mm256_set1_ps(share)));
                // SAFETY: both types are 64 bytes of whole numbers; any bytes are valid.
                let old = unsafe {
                    transmute::<[Element; 2], __m512i>(*neighbours(elements, lower, row))
                };
                *sum = _mm512_add_epi64(old, added);
            }
            for (sum, row) in sums.into_iter().zip(rows) {
                // SAFETY: as above.
                *neighbours(elements, lower, row) =
                    unsafe { transmute::<__m512i, [Element; 2]>(sum) };
            }
        }
    }

    /// The two elements of a row.
    #[inline(always)]
    fn neighbours(elements: &mut [Element], lower: usize, row: usize) -> &mut [Element; 2] {
        let pair = elements.get_mut(lower.wrapping_add(row)..);
        let pair = pair.and_then(<[_]>::first_chunk_mut);
        pair.expect("a record of these planes")
    }
}

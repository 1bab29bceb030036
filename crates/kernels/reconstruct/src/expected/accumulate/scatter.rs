//! Shares of samples to their neighbours, as whole quanta: AVX-512 and its portable twin.

use super::Unit;
use super::block::Placed;
use super::record::{Record, Slabs};
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
        unit: &Unit<'_>,
        placed: &Placed,
        slabs: Slabs,
        list: &mut [u16],
    ) -> Vec<u32> {
        match self {
            Self::Portable => unit.sort(placed, slabs, list),
            #[cfg(target_arch = "x86_64")]
            Self::Wide(token) => token.sort(unit, placed, slabs, list),
        }
    }

    /// Adds a unit to all elements as its samples come.
    pub(super) fn add(
        self,
        space: HalfSpace,
        unit: &Unit<'_>,
        placed: &Placed,
        elements: &mut [Element],
    ) {
        match self {
            Self::Portable => unit.records(placed, |records| scatter(space, elements, records)),
            #[cfg(target_arch = "x86_64")]
            Self::Wide(token) => token.add(space, unit, placed, elements),
        }
    }

    /// Adds listed samples of a unit to the elements of a slab of planes from `first` on.
    pub(super) fn add_listed(
        self,
        space: HalfSpace,
        (unit, placed): (&Unit<'_>, &Placed),
        list: &[u16],
        first: usize,
        elements: &mut [Element],
    ) {
        match self {
            Self::Portable => unit.records_listed(placed, first, list, |records| {
                scatter(space, elements, records);
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Wide(token) => token.add_listed(space, (unit, placed), list, first, elements),
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
        __m128, _mm256_broadcast_ps, _mm256_mask_sub_ps, _mm256_mul_ps, _mm256_permutevar8x32_ps,
        _mm256_set1_ps, _mm256_setr_epi32, _mm512_add_epi64, _mm512_cvtps_epi64,
        _mm512_mask_storeu_epi64, _mm512_maskz_loadu_epi64, _mm512_setzero_si512,
    };
    use std::mem::transmute;

    use super::{Element, HalfSpace, Placed, Record, Slabs, Unit, rows, shares};

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
            unit: &Unit<'_>,
            placed: &Placed,
            slabs: Slabs,
            list: &mut [u16],
        ) -> Vec<u32> {
            // SAFETY: a token exists only after `detect` found these features.
            unsafe { sort(unit, placed, slabs, list) }
        }

        pub(super) fn add(
            self,
            space: HalfSpace,
            unit: &Unit<'_>,
            placed: &Placed,
            elements: &mut [Element],
        ) {
            // SAFETY: a token exists only after `detect` found these features.
            unsafe { add(space, unit, placed, elements) }
        }

        pub(super) fn add_listed(
            self,
            space: HalfSpace,
            unit: (&Unit<'_>, &Placed),
            list: &[u16],
            first: usize,
            elements: &mut [Element],
        ) {
            // SAFETY: a token exists only after `detect` found these features.
            unsafe { add_listed(space, unit, list, first, elements) }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn sort(unit: &Unit<'_>, placed: &Placed, slabs: Slabs, list: &mut [u16]) -> Vec<u32> {
        unit.sort(placed, slabs, list)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn add(space: HalfSpace, unit: &Unit<'_>, placed: &Placed, elements: &mut [Element]) {
        unit.records(placed, |records| scatter(space, elements, records));
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn add_listed(
        space: HalfSpace,
        (unit, placed): (&Unit<'_>, &Placed),
        list: &[u16],
        first: usize,
        elements: &mut [Element],
    ) {
        unit.records_listed(placed, first, list, |records| {
            scatter(space, elements, records);
        });
    }

    /// Numbers of two elements.
    const BOTH: u8 = 0b11_1111;

    /// As the portable loop, both neighbours along x at once.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn scatter(space: HalfSpace, elements: &mut [Element], records: &[Record]) {
        let rows = rows(space);
        let ones = _mm256_set1_ps(1.0);
        let twice = _mm256_setr_epi32(0, 1, 2, 0, 1, 2, 3, 3);
        for record in records {
            // SAFETY: both types are 16 bytes of f32; any bytes are valid.
            let value = unsafe { transmute::<[f32; 4], __m128>(record.value) };
            let value = _mm256_permutevar8x32_ps(_mm256_broadcast_ps(&value), twice);
            let fraction = _mm256_set1_ps(record.fraction[0]);
            let along_x = _mm256_mask_sub_ps(fraction, 0b111, ones, fraction);
            let pair = _mm256_mul_ps(value, along_x);
            let lower = record.lower as usize;
            // All rows are read before the first is written: a read close behind a write to an address that looks alike
            // (planes and rows are often a multiple of 4096 bytes apart) would wait for it.
            let mut sums = [_mm512_setzero_si512(); 4];
            for ((sum, row), share) in sums.iter_mut().zip(rows).zip(shares(record.fraction)) {
                let added = _mm512_cvtps_epi64(_mm256_mul_ps(pair, _mm256_set1_ps(share)));
                let place = neighbours(elements, lower, row).as_ptr();
                // SAFETY: the six numbers of two elements are read, no more.
                let old = unsafe { _mm512_maskz_loadu_epi64(BOTH, place.cast()) };
                *sum = _mm512_add_epi64(old, added);
            }
            for (sum, row) in sums.into_iter().zip(rows) {
                let place = neighbours(elements, lower, row).as_mut_ptr();
                // SAFETY: the six numbers of two elements are written, no more.
                unsafe { _mm512_mask_storeu_epi64(place.cast(), BOTH, sum) };
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

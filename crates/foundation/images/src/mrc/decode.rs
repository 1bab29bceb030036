//! MRC rows to samples: 4-bit unpacking on top of the plain sample types.

use crate::ByteOrder;
use crate::mrc::MrcMode;
use crate::sample::{self, SampleKind, Samples};

/// Samples 0…15 of one packed row of `nx` samples, the low half of each byte first.
pub(crate) fn unpack_row(row: &[u8], nx: usize) -> impl Iterator<Item = u8> + '_ {
    row.iter().flat_map(|byte| [byte & 15, byte >> 4]).take(nx)
}

/// Converts whole rows of `nx` samples to `f32`. `out.len()` must be a multiple of `nx`.
pub(crate) fn rows_to_f32(
    mode: MrcMode,
    order: ByteOrder,
    nx: usize,
    bytes: &[u8],
    out: &mut [f32],
) {
    if mode != MrcMode::Packed4Bit {
        return sample::decode_f32(mode.sample_kind(), order, bytes, out);
    }
    for (row, line) in bytes.chunks(nx.div_ceil(2)).zip(out.chunks_mut(nx)) {
        for (to, from) in line.iter_mut().zip(unpack_row(row, nx)) {
            *to = f32::from(from);
        }
    }
}

/// Converts whole rows of `nx` samples to their stored type (4-bit samples to bytes).
pub(crate) fn rows_to_samples(mode: MrcMode, order: ByteOrder, nx: usize, bytes: &[u8]) -> Samples {
    if mode == MrcMode::Packed4Bit {
        let rows = bytes.chunks_exact(nx.div_ceil(2));
        return Samples::U8(rows.flat_map(|row| unpack_row(row, nx)).collect());
    }
    debug_assert!(mode.sample_kind() != SampleKind::F64);
    sample::decode_samples(mode.sample_kind(), order, bytes)
}

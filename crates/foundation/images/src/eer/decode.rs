//! One frame's bit stream to electron positions (Guo et al. 2020, IUCrJ 7, 860).

use super::Coding;
use super::bits::BitReader;

/// Why a frame cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The stream ends at this pixel.
    Ends(u64),
    /// The runs lead beyond the last pixel, to this one.
    Overruns(u64),
}

/// Calls `electron(pixel index, sub-pixel x, sub-pixel y)` for each electron of the frame, in order.
///
/// `pixels` is width × height. On a flaw the electrons before it have been handed out already.
pub(super) fn each_electron(
    coding: Coding,
    bytes: &[u8],
    pixels: u64,
    mut electron: impl FnMut(usize, u32, u32),
) -> Result<u64, Flaw> {
    let mut bits = BitReader::new(bytes);
    let (longest, inverted) = (coding.longest_run(), coding.inverted());
    let symbol_bits = coding.horizontal_bits + coding.vertical_bits;
    let mask_x = (1 << coding.horizontal_bits) - 1;
    let (mut position, mut electrons) = (0u64, 0);
    while position < pixels {
        let run = bits.take(coding.rle_bits).ok_or(Flaw::Ends(position))?;
        position += u64::from(run);
        if position >= pixels {
            break;
        }
        if run == longest {
            continue;
        }
        let symbol = bits.take(symbol_bits).ok_or(Flaw::Ends(position))? ^ inverted;
        electron(
            position as usize,
            symbol & mask_x,
            symbol >> coding.horizontal_bits,
        );
        position += 1;
        electrons += 1;
    }
    if position > pixels {
        return Err(Flaw::Overruns(position));
    }
    Ok(electrons)
}

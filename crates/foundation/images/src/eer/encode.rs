//! Electron positions to one frame's bit stream: the inverse of the decoder.

use super::bits::BitWriter;
use super::{Coding, FORMAT};
use crate::ImageError;

/// One electron at sub-pixel resolution: coordinates count sub-pixels from the first one of the frame.
///
/// For 2 + 2 sub-pixel bits `x` runs over 4 × width and `y` over 4 × height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Electron {
    /// Sub-pixel column.
    pub x: u32,
    /// Sub-pixel row.
    pub y: u32,
}

/// Encodes the electrons of one frame, in any order. A camera pixel holds at most one electron per frame.
pub(super) fn encode_frame(
    coding: Coding,
    width: u32,
    height: u32,
    electrons: &[Electron],
) -> Result<Vec<u8>, ImageError> {
    let mut events = Vec::with_capacity(electrons.len());
    for e in electrons {
        let (column, row) = (e.x >> coding.horizontal_bits, e.y >> coding.vertical_bits);
        if column >= width || row >= height {
            let asked = format!("({}, {})", e.x, e.y);
            let available = format!("{width} × {height} camera pixels");
            return Err(ImageError::out_of_range(
                FORMAT,
                "electron position",
                asked,
                available,
            ));
        }
        let sub_x = e.x & ((1 << coding.horizontal_bits) - 1);
        let sub_y = e.y & ((1 << coding.vertical_bits) - 1);
        let symbol = (sub_x | sub_y << coding.horizontal_bits) ^ coding.inverted();
        events.push((
            u64::from(row) * u64::from(width) + u64::from(column),
            symbol,
        ));
    }
    events.sort_unstable();
    if let Some(twice) = events.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let (row, column) = (twice[0].0 / u64::from(width), twice[0].0 % u64::from(width));
        let found = format!("two in row {row}, column {column}");
        let what = "electrons of one camera pixel in one frame";
        return Err(ImageError::bad_data(FORMAT, what, "at most one", found));
    }
    let mut bits = BitWriter::default();
    let mut position = 0;
    for (pixel, symbol) in events {
        put_run(&mut bits, coding, pixel - position);
        bits.put(symbol, coding.horizontal_bits + coding.vertical_bits);
        position = pixel + 1;
    }
    put_run(
        &mut bits,
        coding,
        u64::from(width) * u64::from(height) - position,
    );
    Ok(bits.into_bytes())
}

/// A run of any length: as many longest runs as needed, then the rest (possibly zero).
fn put_run(bits: &mut BitWriter, coding: Coding, mut length: u64) {
    let longest = u64::from(coding.longest_run());
    while length >= longest {
        bits.put(coding.longest_run(), coding.rle_bits);
        length -= longest;
    }
    bits.put(length as u32, coding.rle_bits);
}

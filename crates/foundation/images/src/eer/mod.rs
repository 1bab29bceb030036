//! EER movies (electron event representation) of Thermo Fisher Falcon cameras: own decoder and encoder.
//!
//! Container: a (Big)TIFF with one directory per raw camera frame. Method: Guo et al. 2020, IUCrJ 7, 860. A frame
//! is a bit stream, least significant bit first, of runs: `rle_bits` bits count the pixels without an electron; a
//! run of all ones only skips; any other run is followed by the sub-pixel position (`horizontal_bits`, then
//! `vertical_bits`, the top bit of each inverted) of one electron in the pixel reached, which is then passed. The
//! frame is sound when the runs end exactly at width × height. Compression 65000 is 8 + 2 + 2 bits, 65001 is
//! 7 + 2 + 2, 65002 takes its three numbers from the tags 65007, 65008 and 65009.
//!
//! Row 0 of the result is row 0 of the stream; nothing is flipped. Values are electron counts. **Gain**: counts
//! are not gain corrected. A gain reference of the camera software (`.gain`, a TIFF) is multiplied, and its rows
//! run the other way round than those of an MRC gain; every other EER gain reference holds expected *counts* and
//! divides (mean/value, zero marks a bad pixel). A reference of the camera's own size serves a super-resolution
//! image by repeating each value. This crate applies none of it.

mod bits;
mod decode;
mod encode;
mod reader;
mod render;
mod writer;

pub use encode::Electron;
pub use reader::{EerFile, SkippedFrame};
pub use render::{FractionPlan, Rendered, SuperResolution};
pub use writer::{EerSpec, EerWriter};

pub(crate) const FORMAT: &str = "EER";

/// Layout of the bit stream of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Coding {
    /// TIFF compression number: 65000, 65001 or 65002.
    pub compression: u16,
    /// Bits of a run.
    pub rle_bits: u32,
    /// Sub-pixel bits along x.
    pub horizontal_bits: u32,
    /// Sub-pixel bits along y.
    pub vertical_bits: u32,
}

impl Coding {
    /// Compression 65000: 8-bit runs, 4 × 4 sub-pixels.
    pub const EIGHT_BIT: Self = Self {
        compression: 65000,
        rle_bits: 8,
        horizontal_bits: 2,
        vertical_bits: 2,
    };
    /// Compression 65001: 7-bit runs, 4 × 4 sub-pixels.
    pub const SEVEN_BIT: Self = Self {
        compression: 65001,
        rle_bits: 7,
        horizontal_bits: 2,
        vertical_bits: 2,
    };

    /// Compression 65002 with the given depths; `None` outside 2…10 and 0…4 bits.
    pub fn variable(rle_bits: u32, horizontal_bits: u32, vertical_bits: u32) -> Option<Self> {
        let sound = (2..=10).contains(&rle_bits) && horizontal_bits <= 4 && vertical_bits <= 4;
        sound.then_some(Self {
            compression: 65002,
            rle_bits,
            horizontal_bits,
            vertical_bits,
        })
    }

    /// The run that skips without an electron.
    pub(crate) const fn longest_run(self) -> u32 {
        (1 << self.rle_bits) - 1
    }

    /// The bits of a stored symbol that are inverted: the top bit of each coordinate.
    pub(crate) const fn inverted(self) -> u32 {
        top_bit(self.horizontal_bits) | top_bit(self.vertical_bits) << self.horizontal_bits
    }
}

const fn top_bit(bits: u32) -> u32 {
    if bits == 0 { 0 } else { 1 << (bits - 1) }
}

//! The bytes of the MRC header: parsing with plausibility checks, and the exact inverse for writing.
//!
//! Offsets after the MRC2014 specification (Cheng et al. 2015, J. Struct. Biol. 192, 146) and IMOD's documented
//! additions.

use super::header::{AxisOrder, HEADER_BYTES, ImodFields, MrcHeader};
use super::{FORMAT, MrcMode};
use crate::{ByteOrder, ImageError};

/// `imodStamp`: the four characters "IMOD" read as a little-endian number.
const IMOD_STAMP: i32 = 1_146_047_817;
/// No dimension of a real file comes near this.
const LARGEST_DIMENSION: i32 = 1 << 24;

impl MrcHeader {
    /// Parses the first 1024 bytes of a file.
    ///
    /// The byte order comes from the machine stamp when a plausible header results, else from plausibility alone.
    ///
    /// # Errors
    /// [`ImageError::NotThisFormat`] when neither byte order gives plausible dimensions and a known mode.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let not_mrc = |reason: String| ImageError::NotThisFormat {
            article_format: "an MRC file",
            reason,
        };
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            let reason = format!(
                "{} bytes, the header alone takes {HEADER_BYTES}",
                bytes.len()
            );
            return Err(not_mrc(reason));
        };
        let stamped = match bytes[212] {
            0x44 => Some(ByteOrder::Little),
            0x11 => Some(ByteOrder::Big),
            _ => None,
        };
        let first = stamped.unwrap_or(ByteOrder::Little);
        let mut notes = Vec::new();
        let order = if plausible(bytes, first) {
            first
        } else if plausible(bytes, first.swapped()) {
            first.swapped()
        } else {
            let number = |at| Field(bytes, first).i32(at);
            return Err(not_mrc(format!(
                "nx ny nz mode read as {} {} {} {}, which fits in neither byte order",
                number(0),
                number(4),
                number(8),
                number(12)
            )));
        };
        if stamped != Some(order) {
            notes.push(format!(
                "machine stamp {:02x} {:02x} is not valid: read as {order:?}-endian because the dimensions fit",
                bytes[212], bytes[213]
            ));
        }
        Self::fields(Field(bytes, order), notes)
    }

    fn fields(field: Field<'_>, mut notes: Vec<String>) -> Result<Self, ImageError> {
        let bytes = field.0;
        let has_map_stamp = &bytes[208..212] == b"MAP " || &bytes[208..212] == b"MAP\0";
        if !has_map_stamp {
            notes.push(
                "the MAP stamp is missing (file of before 2000, or of a careless program)".into(),
            );
        }
        let imod = (field.i32(152) == IMOD_STAMP).then(|| ImodFields {
            flags: field.i32(156),
            series: std::array::from_fn(|i| field.i16(160 + 2 * i)),
            tilt_angles: field.f32s(172),
        });
        let [mut nx, ny, nz] = [0, 4, 8].map(|at| field.i32(at) as usize);
        let mut grid: [i32; 3] = field.i32s(28);
        let mut cell: [f32; 3] = field.f32s(40);
        let [min, max, mean] = field.f32s(76);
        let version = field.i32(108);
        let mut mode = mode_of(field.i32(12), imod, version, min, max, &mut notes)?;
        if mode == MrcMode::Uint8 && imod.is_some_and(|i| i.flags & 16 != 0) {
            notes.push("IMOD flag 16: each byte holds two 4-bit samples, nx is doubled".into());
            mode = MrcMode::Packed4Bit;
            if grid[0] == nx as i32 {
                grid[0] = grid[0].saturating_mul(2);
                cell[0] *= 2.0;
            }
            nx *= 2;
        }
        let axes = AxisOrder::from_stored(field.i32s(64)).unwrap_or_else(|| {
            let [c, r, s]: [i32; 3] = field.i32s(64);
            notes.push(format!(
                "mapc mapr maps are {c} {r} {s}, not a permutation: taken as 1 2 3"
            ));
            AxisOrder::XYZ
        });
        let label_count = usize::try_from(field.i32(220)).unwrap_or(0).min(10);
        Ok(Self {
            byte_order: field.1,
            mode,
            nx,
            ny,
            nz,
            start: field.i32s(16),
            grid,
            cell,
            cell_angles: field.f32s(52),
            axes,
            min,
            max,
            mean,
            rms: field.f32(216),
            space_group: field.i32(88),
            extended_bytes: field.i32(92).max(0) as usize,
            extended_kind: std::array::from_fn(|i| bytes[104 + i]),
            version,
            extended_counts: [field.i16(128), field.i16(130)],
            imod,
            stored_origin: field.f32s(196),
            has_map_stamp,
            labels: (0..label_count)
                .map(|i| label(&bytes[224 + 80 * i..][..80]))
                .collect(),
            notes,
        })
    }

    /// The 1024 bytes of this header, always little-endian.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let mut ints = |at: usize, values: &[i32]| {
            for (i, value) in values.iter().enumerate() {
                out[at + 4 * i..][..4].copy_from_slice(&value.to_le_bytes());
            }
        };
        let bits = |values: &[f32]| {
            values
                .iter()
                .map(|v| v.to_bits() as i32)
                .collect::<Vec<_>>()
        };
        ints(
            0,
            &[
                self.nx as i32,
                self.ny as i32,
                self.nz as i32,
                self.mode.code(),
            ],
        );
        ints(16, &self.start);
        ints(28, &self.grid);
        ints(40, &bits(&self.cell));
        ints(52, &bits(&self.cell_angles));
        ints(64, &self.axes.0.map(|axis| axis as i32 + 1));
        ints(76, &bits(&[self.min, self.max, self.mean]));
        ints(88, &[self.space_group, self.extended_bytes as i32]);
        ints(104, &[i32::from_le_bytes(self.extended_kind), self.version]);
        ints(196, &bits(&self.stored_origin));
        ints(
            216,
            &[self.rms.to_bits() as i32, self.labels.len().min(10) as i32],
        );
        if let Some(imod) = self.imod {
            ints(152, &[IMOD_STAMP, imod.flags]);
            ints(172, &bits(&imod.tilt_angles));
            for (i, value) in imod.series.iter().enumerate() {
                out[160 + 2 * i..][..2].copy_from_slice(&value.to_le_bytes());
            }
        }
        for (i, count) in self.extended_counts.iter().enumerate() {
            out[128 + 2 * i..][..2].copy_from_slice(&count.to_le_bytes());
        }
        out[208..216].copy_from_slice(b"MAP \x44\x44\0\0");
        for (i, text) in self.labels.iter().take(10).enumerate() {
            let ascii = text
                .bytes()
                .map(|b| if b.is_ascii_graphic() { b } else { b' ' });
            let padded = ascii.chain(std::iter::repeat(b' '));
            for (to, from) in out[224 + 80 * i..][..80].iter_mut().zip(padded) {
                *to = from;
            }
        }
        out
    }
}

/// A header together with the byte order it is read in; every offset used is inside the 1024 bytes.
#[derive(Clone, Copy)]
struct Field<'a>(&'a [u8; HEADER_BYTES], ByteOrder);

impl Field<'_> {
    fn i32(self, at: usize) -> i32 {
        self.1.i32_at(self.0, at).unwrap_or(0)
    }
    fn i16(self, at: usize) -> i16 {
        self.1.i16_at(self.0, at).unwrap_or(0)
    }
    fn f32(self, at: usize) -> f32 {
        self.1.f32_at(self.0, at).unwrap_or(0.0)
    }
    fn i32s(self, at: usize) -> [i32; 3] {
        std::array::from_fn(|i| self.i32(at + 4 * i))
    }
    fn f32s<const N: usize>(self, at: usize) -> [f32; N] {
        std::array::from_fn(|i| self.f32(at + 4 * i))
    }
}

/// Dimensions positive and bounded, a mode number that exists, an extended header of no negative length and axis
/// numbers of a sane size.
fn plausible(bytes: &[u8; HEADER_BYTES], order: ByteOrder) -> bool {
    let field = Field(bytes, order);
    let dims = [0, 4, 8].map(|at| field.i32(at));
    dims.iter().all(|n| (1..=LARGEST_DIMENSION).contains(n))
        && matches!(field.i32(12), 0..=4 | 6 | 12 | 16 | 101)
        && field.i32(92) >= 0
        && field.i32s(64).iter().all(|axis| (-3..=3).contains(axis))
}

/// The mode, with the question of signed or unsigned bytes settled: IMOD's flag when its stamp is there; else
/// signed for files that declare MRC2014; else by the range in the header; else signed as the standard says.
fn mode_of(
    code: i32,
    imod: Option<ImodFields>,
    version: i32,
    min: f32,
    max: f32,
    notes: &mut Vec<String>,
) -> Result<MrcMode, ImageError> {
    let signed = if let Some(imod) = imod {
        imod.flags & 1 != 0
    } else if version >= 20140 || min < 0.0 {
        true
    } else if code == 0 && min <= max && max > 127.0 {
        notes.push(format!(
            "mode 0 without IMOD stamp: unsigned, because the header's maximum is {max}"
        ));
        false
    } else {
        true
    };
    MrcMode::from_code(code, signed).ok_or_else(|| ImageError::Unsupported {
        format: FORMAT,
        what: format!("mode {code}"),
        hint: " (hint: convert the file to mode 2 first, e.g. with IMOD's newstack -mode 2)",
    })
}

fn label(raw: &[u8]) -> String {
    let end = raw.iter().position(|&b| b == 0).unwrap_or(raw.len());
    String::from_utf8_lossy(&raw[..end]).trim_end().to_owned()
}

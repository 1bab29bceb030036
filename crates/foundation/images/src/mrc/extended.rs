//! MRC extended headers to one record per section: SERI (SerialEM), FEI1, FEI2, AGAR and the older FEI layout.
//!
//! Units in the records are those of this project: angles in degrees (this is a file format), stage in µm,
//! lengths in Å, dose in e/Å², defocus in Å with underfocus positive. Everything is optional.

use serde::Serialize;

use super::{MrcHeader, fei};
use crate::ByteOrder;

/// What an extended header says about one section.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SectionMetadata {
    /// Stage tilt in degrees.
    pub tilt_angle: Option<f64>,
    /// Second stage tilt in degrees.
    pub beta_tilt: Option<f64>,
    /// Direction of the tilt axis in the image, degrees, as the microscope's software reports it.
    pub tilt_axis_angle: Option<f64>,
    /// Stage position x, y in µm.
    pub stage_position: Option<[f64; 2]>,
    /// Stage height in µm.
    pub stage_height: Option<f64>,
    /// Exposure dose in e/Å².
    pub dose: Option<f64>,
    /// Exposure time in seconds.
    pub exposure_time: Option<f64>,
    /// Pixel size in Å.
    pub pixel_size: Option<f64>,
    /// Defocus reported by the microscope in Å, underfocus positive.
    pub defocus: Option<f64>,
    /// Magnification.
    pub magnification: Option<f64>,
    /// Acceleration voltage in kV.
    pub voltage: Option<f64>,
    /// Energy slit width in eV.
    pub slit_width: Option<f64>,
    /// Mean intensity or beam intensity setting, as stored.
    pub intensity: Option<f64>,
    /// Piece coordinates of a montage in pixels, and the section of the montage.
    pub piece: Option<[i32; 3]>,
    /// Camera name.
    pub camera: Option<String>,
}

/// A parsed extended header.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ExtendedHeader {
    /// There is none.
    None,
    /// SerialEM: short integers chosen by bit flags.
    SerialEm {
        /// One record per section.
        sections: Vec<SectionMetadata>,
    },
    /// Thermo Fisher "FEI1" or "FEI2", or the older layout of 32 floats.
    Fei {
        /// 0 (older layout), 1 or 2.
        version: u8,
        /// One record per section.
        sections: Vec<SectionMetadata>,
    },
    /// UCSF/Agard: integers and floats of free meaning; the first float is the tilt angle.
    Agard {
        /// One record per section.
        sections: Vec<SectionMetadata>,
        /// All integers of each section.
        integers: Vec<Vec<i32>>,
        /// All floats of each section.
        floats: Vec<Vec<f32>>,
    },
    /// Crystallographic symmetry records (CCP4) or nothing this crate understands.
    Other {
        /// `exttyp` as text.
        name: String,
        /// The bytes.
        #[serde(skip)]
        bytes: Vec<u8>,
    },
}

/// Most sections whose records are parsed; stacks with such headers hold hundreds.
const MOST_SECTIONS: usize = 1 << 16;

impl ExtendedHeader {
    /// Parses the bytes after the fixed header. Records that are cut off are left out, as are those of sections
    /// beyond 65536.
    pub fn parse(header: &MrcHeader, bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            return Self::None;
        }
        let order = header.byte_order;
        let sections_wanted = header.nz.min(MOST_SECTIONS);
        let [integers, reals] = header.extended_counts;
        let named = |name: &[u8; 4]| &header.extended_kind == name;
        if named(b"FEI1") || named(b"FEI2") {
            let version = header.extended_kind[3] - b'0';
            let sections = fei::records(order, &bytes, sections_wanted);
            return Self::Fei { version, sections };
        }
        let unnamed = !header.extended_kind.iter().any(u8::is_ascii_alphabetic);
        let serial_em = serial_em_bytes(reals) == usize::try_from(integers).ok() && integers > 0;
        if serial_em && (unnamed || named(b"SERI")) {
            return Self::SerialEm {
                sections: serial_em_records(
                    order,
                    &bytes,
                    sections_wanted,
                    integers as usize,
                    reals,
                ),
            };
        }
        if unnamed && integers == 0 && reals == 32 {
            let sections = fei::legacy_records(order, &bytes, sections_wanted);
            return Self::Fei {
                version: 0,
                sections,
            };
        }
        if (unnamed || named(b"AGAR")) && integers >= 0 && reals > 0 {
            return agard(
                order,
                &bytes,
                sections_wanted,
                integers as usize,
                reals as usize,
            );
        }
        let name = String::from_utf8_lossy(&header.extended_kind);
        let name = name.trim_matches(['\0', ' ']).to_owned();
        Self::Other { name, bytes }
    }

    /// One record per section; empty when the header has none.
    pub fn sections(&self) -> &[SectionMetadata] {
        match self {
            Self::SerialEm { sections }
            | Self::Fei { sections, .. }
            | Self::Agard { sections, .. } => sections,
            Self::None | Self::Other { .. } => &[],
        }
    }
}

/// Bytes per section that the SerialEM bit flags ask for; `None` when an unknown bit is set.
fn serial_em_bytes(flags: i16) -> Option<usize> {
    const SIZES: [(i16, usize); 6] = [(1, 2), (2, 6), (4, 4), (8, 2), (16, 2), (32, 4)];
    let known = SIZES.iter().fold(0, |all, (bit, _)| all | bit);
    (flags & !known == 0).then(|| {
        SIZES
            .iter()
            .filter(|(bit, _)| flags & bit != 0)
            .map(|(_, size)| size)
            .sum()
    })
}

fn serial_em_records(
    order: ByteOrder,
    bytes: &[u8],
    sections: usize,
    record_bytes: usize,
    flags: i16,
) -> Vec<SectionMetadata> {
    let one = |record: &[u8]| {
        let mut at = 0;
        let mut short = || {
            at += 2;
            order.i16_at(record, at - 2).map(f64::from)
        };
        let mut section = SectionMetadata::default();
        if flags & 1 != 0 {
            section.tilt_angle = short().map(|v| v / 100.0);
        }
        if flags & 2 != 0 {
            let piece = [short(), short(), short()];
            section.piece = Some(piece.map(|v| v.unwrap_or(0.0) as i32));
        }
        if flags & 4 != 0 {
            let stage = [short(), short()];
            section.stage_position = Some(stage.map(|v| v.unwrap_or(0.0) / 25.0));
        }
        if flags & 8 != 0 {
            section.magnification = short().map(|v| v * 100.0);
        }
        if flags & 16 != 0 {
            section.intensity = short().map(|v| v / 25000.0);
        }
        if flags & 32 != 0 {
            section.dose = order.f32_at(record, at).map(f64::from);
        }
        section
    };
    bytes
        .chunks_exact(record_bytes)
        .take(sections)
        .map(one)
        .collect()
}

fn agard(
    order: ByteOrder,
    bytes: &[u8],
    sections: usize,
    integers: usize,
    floats: usize,
) -> ExtendedHeader {
    let records = || bytes.chunks_exact(4 * (integers + floats)).take(sections);
    let float = |record: &[u8], i| order.f32_at(record, 4 * (integers + i)).unwrap_or(0.0);
    let all_floats: Vec<Vec<f32>> = records()
        .map(|record| (0..floats).map(|i| float(record, i)).collect())
        .collect();
    ExtendedHeader::Agard {
        sections: all_floats
            .iter()
            .map(|values: &Vec<f32>| SectionMetadata {
                tilt_angle: values.first().map(|&v| f64::from(v)),
                ..SectionMetadata::default()
            })
            .collect(),
        integers: records()
            .map(|r| {
                (0..integers)
                    .map(|i| order.i32_at(r, 4 * i).unwrap_or(0))
                    .collect()
            })
            .collect(),
        floats: all_floats,
    }
}

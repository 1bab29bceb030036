//! The 1024-byte MRC header: what its fields say. Lengths Å,
//! angles of the cell in degrees as stored. `nx ny nz` count columns, rows and sections of the file; `grid`,
//! `cell` and `origin` run along X, Y, Z of the specimen; [`AxisOrder`] connects the two.

use serde::Serialize;

use super::MrcMode;
use crate::ByteOrder;

/// Length of the fixed header in bytes.
pub const HEADER_BYTES: usize = 1024;

/// What the sections of the file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MrcKind {
    /// Independent images (`ispg` 0).
    ImageStack,
    /// One volume (`ispg` 1, or a crystallographic space group).
    Volume,
    /// Several volumes one after the other (`ispg` ≥ 401), each of this many sections.
    VolumeStack {
        /// Sections of one volume (`mz`).
        sections_per_volume: usize,
    },
}

/// Which specimen axis (0 = X, 1 = Y, 2 = Z) runs along columns, rows and sections (`mapc mapr maps` minus 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AxisOrder(pub [usize; 3]);

impl AxisOrder {
    /// Columns along X, rows along Y, sections along Z.
    pub const XYZ: Self = Self([0, 1, 2]);

    pub(super) fn from_stored(stored: [i32; 3]) -> Option<Self> {
        let axes = stored.map(|axis| usize::try_from(axis - 1).unwrap_or(3));
        let mut sorted = axes;
        sorted.sort_unstable();
        (sorted == [0, 1, 2]).then_some(Self(axes))
    }
}

/// Fields that IMOD puts into the free part of the header.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ImodFields {
    /// Bit 1 signed bytes, 2 pixel size from the extended header, 4 origin sign as in CCP4, 8 negative rms means
    /// not computed, 16 mode-0 bytes hold two 4-bit samples.
    pub flags: i32,
    /// `idtype lens nd1 nd2 vd1 vd2`.
    pub series: [i16; 6],
    /// `tiltangles[6]`, degrees.
    pub tilt_angles: [f32; 6],
}

/// Everything the fixed header says, with what was odd about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MrcHeader {
    /// Byte order of the file.
    pub byte_order: ByteOrder,
    /// Sample type.
    pub mode: MrcMode,
    /// Columns (samples in a row).
    pub nx: usize,
    /// Rows (in a section).
    pub ny: usize,
    /// Sections.
    pub nz: usize,
    /// `nxstart nystart nzstart`: columns, rows, sections before this sub-image.
    pub start: [i32; 3],
    /// `mx my mz`: samples per cell along X, Y, Z.
    pub grid: [i32; 3],
    /// Cell size along X, Y, Z in Å; zero means unknown.
    pub cell: [f32; 3],
    /// Cell angles in degrees.
    pub cell_angles: [f32; 3],
    /// Axis permutation.
    pub axes: AxisOrder,
    /// Smallest sample according to the header; undefined when larger than `max`.
    pub min: f32,
    /// Largest sample according to the header.
    pub max: f32,
    /// Mean according to the header.
    pub mean: f32,
    /// Standard deviation according to the header; negative means not computed.
    pub rms: f32,
    /// `ispg`.
    pub space_group: i32,
    /// `nsymbt`: length of the extended header in bytes.
    pub extended_bytes: usize,
    /// `exttyp`.
    pub extended_kind: [u8; 4],
    /// `nversion` (20140, 20141) or 0.
    pub version: i32,
    /// `nint` and `nreal` of SerialEM and Agard extended headers.
    pub extended_counts: [i16; 2],
    /// IMOD's fields when the IMOD stamp is present.
    pub imod: Option<ImodFields>,
    /// Origin as stored (x, y, z), Å; see [`MrcHeader::origin`] for the sign.
    pub stored_origin: [f32; 3],
    /// Whether the characters "MAP " are where they belong.
    pub has_map_stamp: bool,
    /// Text labels.
    pub labels: Vec<String>,
    /// What was odd about this header and how it was understood.
    pub notes: Vec<String>,
}

impl MrcHeader {
    /// Shape of the data in the file, `[sections, rows, columns]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.nz, self.ny, self.nx]
    }

    /// What the sections are.
    pub fn kind(&self) -> MrcKind {
        match self.space_group {
            ..=0 => MrcKind::ImageStack,
            401.. => {
                let per_volume = usize::try_from(self.grid[2]).unwrap_or(0);
                let divides = per_volume > 0 && self.nz.is_multiple_of(per_volume);
                MrcKind::VolumeStack {
                    sections_per_volume: if divides { per_volume } else { self.nz },
                }
            }
            _ => MrcKind::Volume,
        }
    }

    /// Sample spacing along X, Y and Z of the specimen in Å (cell / grid); `None` for an axis without a usable
    /// value. A zero cell is unknown, never 1 Å.
    pub fn voxel_size(&self) -> [Option<f64>; 3] {
        std::array::from_fn(|axis| {
            let spacing = f64::from(self.cell[axis]) / f64::from(self.grid[axis]);
            (self.grid[axis] > 0 && (1e-4..1e8).contains(&spacing)).then_some(spacing)
        })
    }

    /// Sample spacing along columns in Å when it is known.
    pub fn pixel_size(&self) -> Option<f64> {
        self.voxel_size()[self.axes.0[0]]
    }

    /// Origin (x, y, z) in Å with the sign of CCP4 and the standard: the coordinate of the first voxel.
    ///
    /// IMOD stores the opposite sign unless its flag 4 is set.
    pub fn origin(&self) -> [f64; 3] {
        let opposite = self.imod.is_some_and(|imod| imod.flags & 4 == 0);
        self.stored_origin
            .map(|v| f64::from(if opposite && v != 0.0 { -v } else { v }))
    }

    /// Byte offset of the first sample.
    pub fn data_offset(&self) -> u64 {
        (HEADER_BYTES + self.extended_bytes) as u64
    }

    /// Bytes of one section on disk, or `None` when that overflows.
    pub fn section_bytes(&self) -> Option<usize> {
        self.mode.row_bytes(self.nx)?.checked_mul(self.ny)
    }

    /// Length of a complete file in bytes, or `None` when that overflows.
    pub fn file_bytes(&self) -> Option<u64> {
        let data = (self.section_bytes()? as u64).checked_mul(self.nz as u64)?;
        data.checked_add(self.data_offset())
    }
}

//! What an MRC file to be written looks like, and the header that follows from it.

use super::header::ImodFields;
use super::{AxisOrder, FORMAT, MrcHeader, MrcKind, MrcMode};
use crate::{ByteOrder, ImageError};

/// What an MRC file to be written looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct MrcSpec {
    /// `[sections, rows, columns]`, all at least 1.
    pub shape: [usize; 3],
    /// Stored type: `Int8`, `Int16`, `Float32`, `Uint16`, `Float16` or `Packed4Bit`.
    pub mode: MrcMode,
    /// Sample spacing along x, y, z in Å, or unknown.
    pub voxel_size: Option<[f64; 3]>,
    /// Images, one volume, or a stack of volumes.
    pub kind: MrcKind,
    /// Coordinate (x, y, z) of the first voxel in Å, sign of the standard.
    pub origin: [f64; 3],
    /// `nxstart nystart nzstart`.
    pub start: [i32; 3],
    /// Up to ten labels of up to 80 ASCII characters.
    pub labels: Vec<String>,
    /// Tilt angles in degrees, one per section, for a SerialEM extended header (stored to 0.01°).
    pub tilt_angles: Option<Vec<f32>>,
}

impl MrcSpec {
    /// One volume of `shape` `[z, y, x]` in 32-bit floats.
    pub fn volume(shape: [usize; 3], voxel_size: Option<f64>) -> Self {
        Self {
            shape,
            mode: MrcMode::Float32,
            voxel_size: voxel_size.map(|v| [v; 3]),
            kind: MrcKind::Volume,
            origin: [0.0; 3],
            start: [0; 3],
            labels: Vec::new(),
            tilt_angles: None,
        }
    }

    /// A stack of images of `shape` `[section, row, column]` in 32-bit floats.
    pub fn stack(shape: [usize; 3], pixel_size: Option<f64>) -> Self {
        Self {
            kind: MrcKind::ImageStack,
            ..Self::volume(shape, pixel_size)
        }
    }

    /// The same in another stored type.
    pub fn with_mode(self, mode: MrcMode) -> Self {
        Self { mode, ..self }
    }

    pub(super) fn header(&self) -> Result<MrcHeader, ImageError> {
        let [nz, ny, nx] = self.shape;
        self.check()?;
        let mz = match self.kind {
            MrcKind::VolumeStack {
                sections_per_volume,
            } => sections_per_volume,
            MrcKind::Volume => nz,
            // The standard counts each image of a stack as a cell of its own.
            MrcKind::ImageStack => 1,
        };
        let grid = [nx, ny, mz].map(|n| n as i32);
        let spacing = self.voxel_size.unwrap_or([0.0; 3]);
        let signed_bytes = ImodFields {
            flags: 1 | 4,
            ..ImodFields::default()
        };
        Ok(MrcHeader {
            byte_order: ByteOrder::Little,
            mode: self.mode,
            nx,
            ny,
            nz,
            start: self.start,
            grid,
            cell: std::array::from_fn(|i| (spacing[i] * f64::from(grid[i])) as f32),
            cell_angles: [90.0; 3],
            axes: AxisOrder::XYZ,
            min: 0.0,
            max: -1.0,
            mean: -2.0,
            rms: -1.0,
            space_group: match self.kind {
                MrcKind::ImageStack => 0,
                MrcKind::Volume => 1,
                MrcKind::VolumeStack { .. } => 401,
            },
            extended_bytes: self.tilt_angles.as_ref().map_or(0, |_| nz * 2),
            extended_kind: self.tilt_angles.as_ref().map_or([0; 4], |_| *b"SERI"),
            version: 20141,
            extended_counts: self.tilt_angles.as_ref().map_or([0; 2], |_| [2, 1]),
            imod: (self.mode == MrcMode::Int8).then_some(signed_bytes),
            stored_origin: self.origin.map(|v| v as f32),
            has_map_stamp: true,
            labels: self.labels.clone(),
            notes: Vec::new(),
        })
    }

    pub(super) fn check(&self) -> Result<(), ImageError> {
        let bad = |field, found: String, expected: &str| {
            Err(ImageError::header(FORMAT, field, found, expected))
        };
        if self.shape.iter().any(|&n| n == 0 || n > 1 << 24) {
            return bad(
                "shape",
                format!("{:?}", self.shape),
                "1 to 16777216 along each axis",
            );
        }
        if matches!(
            self.mode,
            MrcMode::Uint8 | MrcMode::ComplexInt16 | MrcMode::ComplexFloat32
        ) {
            let expected = "Int8, Int16, Float32, Uint16, Float16 or Packed4Bit";
            return bad("mode", format!("{:?}", self.mode), expected);
        }
        if let MrcKind::VolumeStack {
            sections_per_volume: n,
        } = self.kind
            && (n == 0 || !self.shape[0].is_multiple_of(n))
        {
            return bad(
                "sections per volume",
                n.to_string(),
                "a divisor of the number of sections",
            );
        }
        let spacing = self.voxel_size.unwrap_or([1.0; 3]);
        if spacing.iter().any(|v| !(1e-4..1e8).contains(v)) {
            return bad(
                "voxel size",
                format!("{spacing:?}"),
                "1e-4 to 1e8 Å, or None",
            );
        }
        if let Some(angles) = &self.tilt_angles
            && (angles.len() != self.shape[0]
                || angles.iter().any(|a| a.is_nan() || a.abs() > 327.0))
        {
            let found = format!("{} angles", angles.len());
            return bad("tilt angles", found, "one angle within ±327° per section");
        }
        if self.labels.len() > 10 {
            return bad("labels", self.labels.len().to_string(), "at most 10");
        }
        Ok(())
    }
}

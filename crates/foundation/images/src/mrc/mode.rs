//! MRC data modes: the number in the header and what one row of samples takes on disk.

use serde::Serialize;

use crate::SampleKind;

/// How the samples of an MRC file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MrcMode {
    /// Mode 0, signed bytes (the standard).
    Int8,
    /// Mode 0, unsigned bytes (legacy IMOD and SerialEM). Read only.
    Uint8,
    /// Mode 1.
    Int16,
    /// Mode 2.
    Float32,
    /// Mode 3: real and imaginary 16-bit integers.
    ComplexInt16,
    /// Mode 4: real and imaginary 32-bit floats.
    ComplexFloat32,
    /// Mode 6.
    Uint16,
    /// Mode 12.
    Float16,
    /// Mode 101, or mode 0 with the IMOD flag 16: two samples 0…15 in a byte, the low half first.
    Packed4Bit,
}

impl MrcMode {
    /// The mode with this number. `signed_bytes` decides mode 0.
    pub const fn from_code(code: i32, signed_bytes: bool) -> Option<Self> {
        Some(match code {
            0 if signed_bytes => Self::Int8,
            0 => Self::Uint8,
            1 => Self::Int16,
            2 => Self::Float32,
            3 => Self::ComplexInt16,
            4 => Self::ComplexFloat32,
            6 => Self::Uint16,
            12 => Self::Float16,
            101 => Self::Packed4Bit,
            _ => return None,
        })
    }

    /// The number in the header.
    pub const fn code(self) -> i32 {
        match self {
            Self::Int8 | Self::Uint8 => 0,
            Self::Int16 => 1,
            Self::Float32 => 2,
            Self::ComplexInt16 => 3,
            Self::ComplexFloat32 => 4,
            Self::Uint16 => 6,
            Self::Float16 => 12,
            Self::Packed4Bit => 101,
        }
    }

    /// The stored sample type; for 4-bit data the type after unpacking.
    pub const fn sample_kind(self) -> SampleKind {
        match self {
            Self::Int8 => SampleKind::I8,
            Self::Uint8 | Self::Packed4Bit => SampleKind::U8,
            Self::Int16 => SampleKind::I16,
            Self::Float32 => SampleKind::F32,
            Self::ComplexInt16 => SampleKind::ComplexI16,
            Self::ComplexFloat32 => SampleKind::ComplexF32,
            Self::Uint16 => SampleKind::U16,
            Self::Float16 => SampleKind::F16,
        }
    }

    /// Bytes of one row of `nx` samples on disk, or `None` on overflow.
    pub const fn row_bytes(self, nx: usize) -> Option<usize> {
        match self {
            Self::Packed4Bit => Some(nx.div_ceil(2)),
            other => nx.checked_mul(other.sample_kind().bytes()),
        }
    }
}

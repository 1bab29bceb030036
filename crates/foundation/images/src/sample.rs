//! Sample types of stored pixels and their conversion to `f32` or to typed vectors.
//!
//! 32-bit integers and 64-bit numbers lose precision in `f32`; the typed access keeps them whole.

use half::f16;
use serde::Serialize;

use crate::ByteOrder;

/// How one stored sample is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleKind {
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 64-bit integer.
    U64,
    /// Signed 64-bit integer.
    I64,
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// Real and imaginary signed 16-bit integers.
    ComplexI16,
    /// Real and imaginary single precision.
    ComplexF32,
}

impl SampleKind {
    /// Stored size of one sample in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 | Self::ComplexI16 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::ComplexF32 => 8,
        }
    }

    /// Whether one sample is a complex number.
    pub const fn is_complex(self) -> bool {
        matches!(self, Self::ComplexI16 | Self::ComplexF32)
    }
}

/// Samples in the type in which they are stored.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is named after the type it holds")]
pub enum Samples {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F16(Vec<f16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    /// `[real, imaginary]`.
    ComplexI16(Vec<[i16; 2]>),
    /// `[real, imaginary]`.
    ComplexF32(Vec<[f32; 2]>),
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::ComplexI16(v) => v.len(),
            Self::ComplexF32(v) => v.len(),
        }
    }

    /// The type of the samples.
    pub fn kind(&self) -> SampleKind {
        match self {
            Self::U8(_) => SampleKind::U8,
            Self::I8(_) => SampleKind::I8,
            Self::U16(_) => SampleKind::U16,
            Self::I16(_) => SampleKind::I16,
            Self::U32(_) => SampleKind::U32,
            Self::I32(_) => SampleKind::I32,
            Self::U64(_) => SampleKind::U64,
            Self::I64(_) => SampleKind::I64,
            Self::F16(_) => SampleKind::F16,
            Self::F32(_) => SampleKind::F32,
            Self::F64(_) => SampleKind::F64,
            Self::ComplexI16(_) => SampleKind::ComplexI16,
            Self::ComplexF32(_) => SampleKind::ComplexF32,
        }
    }

    /// The samples as they are stored in a file of this byte order.
    pub fn to_bytes(&self, order: ByteOrder) -> Vec<u8> {
        macro_rules! bytes {
            ($values:expr) => {
                match order {
                    ByteOrder::Little => $values.flat_map(|v| v.to_le_bytes()).collect(),
                    ByteOrder::Big => $values.flat_map(|v| v.to_be_bytes()).collect(),
                }
            };
        }
        match self {
            Self::U8(v) => v.clone(),
            Self::I8(v) => bytes!(v.iter()),
            Self::U16(v) => bytes!(v.iter()),
            Self::I16(v) => bytes!(v.iter()),
            Self::U32(v) => bytes!(v.iter()),
            Self::I32(v) => bytes!(v.iter()),
            Self::U64(v) => bytes!(v.iter()),
            Self::I64(v) => bytes!(v.iter()),
            Self::F16(v) => bytes!(v.iter().map(|h| h.to_bits())),
            Self::F32(v) => bytes!(v.iter()),
            Self::F64(v) => bytes!(v.iter()),
            Self::ComplexI16(v) => bytes!(v.iter().flatten()),
            Self::ComplexF32(v) => bytes!(v.iter().flatten()),
        }
    }

    /// The samples as `f64` (64-bit integers above 2⁵³ lose precision); real parts of complex ones.
    pub fn to_f64(&self) -> Vec<f64> {
        macro_rules! cast {
            ($values:expr) => {
                $values.iter().map(|&v| v as f64).collect()
            };
        }
        match self {
            Self::U8(v) => cast!(v),
            Self::I8(v) => cast!(v),
            Self::U16(v) => cast!(v),
            Self::I16(v) => cast!(v),
            Self::U32(v) => cast!(v),
            Self::I32(v) => cast!(v),
            Self::U64(v) => cast!(v),
            Self::I64(v) => cast!(v),
            Self::F16(v) => v.iter().map(|h| h.to_f64()).collect(),
            Self::F32(v) => cast!(v),
            Self::F64(v) => v.clone(),
            Self::ComplexI16(v) => v.iter().map(|c| f64::from(c[0])).collect(),
            Self::ComplexF32(v) => v.iter().map(|c| f64::from(c[0])).collect(),
        }
    }

    /// The samples as `f32`; real parts of complex ones.
    pub fn into_f32(self) -> Vec<f32> {
        macro_rules! cast {
            ($values:expr) => {
                $values.into_iter().map(|v| v as f32).collect()
            };
        }
        match self {
            Self::F32(v) => v,
            Self::U8(v) => cast!(v),
            Self::I8(v) => cast!(v),
            Self::U16(v) => cast!(v),
            Self::I16(v) => cast!(v),
            Self::U32(v) => cast!(v),
            Self::I32(v) => cast!(v),
            Self::U64(v) => cast!(v),
            Self::I64(v) => cast!(v),
            Self::F16(v) => v.into_iter().map(f16::to_f32).collect(),
            Self::F64(v) => cast!(v),
            Self::ComplexI16(v) => v.into_iter().map(|c| f32::from(c[0])).collect(),
            Self::ComplexF32(v) => v.into_iter().map(|c| c[0]).collect(),
        }
    }

    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Calls `$use` on every stored number of type `$type`, in order.
macro_rules! each {
    ($type:ty, $order:expr, $bytes:expr) => {{
        let (chunks, _) = $bytes.as_chunks::<{ size_of::<$type>() }>();
        let order = $order;
        chunks.iter().map(move |raw| match order {
            ByteOrder::Little => <$type>::from_le_bytes(*raw),
            ByteOrder::Big => <$type>::from_be_bytes(*raw),
        })
    }};
}

macro_rules! fill {
    ($type:ty, $order:expr, $bytes:expr, $out:expr, $convert:expr) => {
        for (to, from) in $out.iter_mut().zip(each!($type, $order, $bytes)) {
            *to = $convert(from);
        }
    };
}

/// Converts as many real samples as fit both `bytes` and `out` to `f32`. Complex samples become their real part;
/// use [`decode_complex`] or [`decode_samples`] for those.
pub fn decode_f32(kind: SampleKind, order: ByteOrder, bytes: &[u8], out: &mut [f32]) {
    match kind {
        SampleKind::U8 => fill!(u8, order, bytes, out, f32::from),
        SampleKind::I8 => fill!(i8, order, bytes, out, f32::from),
        SampleKind::U16 => fill!(u16, order, bytes, out, f32::from),
        SampleKind::I16 => fill!(i16, order, bytes, out, f32::from),
        SampleKind::U32 => fill!(u32, order, bytes, out, |v| v as f32),
        SampleKind::I32 => fill!(i32, order, bytes, out, |v| v as f32),
        SampleKind::U64 => fill!(u64, order, bytes, out, |v| v as f32),
        SampleKind::I64 => fill!(i64, order, bytes, out, |v| v as f32),
        SampleKind::F16 => fill!(u16, order, bytes, out, |v| f16::from_bits(v).to_f32()),
        SampleKind::F32 => fill!(f32, order, bytes, out, |v| v),
        SampleKind::F64 => fill!(f64, order, bytes, out, |v| v as f32),
        SampleKind::ComplexI16 | SampleKind::ComplexF32 => {
            for (to, from) in out.iter_mut().zip(decode_complex(kind, order, bytes)) {
                *to = from[0];
            }
        }
    }
}

/// All complex samples in `bytes` as `[real, imaginary]`; real samples get a zero imaginary part.
pub fn decode_complex(kind: SampleKind, order: ByteOrder, bytes: &[u8]) -> Vec<[f32; 2]> {
    match kind {
        SampleKind::ComplexI16 => {
            let flat: Vec<f32> = each!(i16, order, bytes).map(f32::from).collect();
            flat.as_chunks::<2>().0.to_vec()
        }
        SampleKind::ComplexF32 => {
            let flat: Vec<f32> = each!(f32, order, bytes).collect();
            flat.as_chunks::<2>().0.to_vec()
        }
        _ => {
            let mut flat = vec![0.0; bytes.len() / kind.bytes()];
            decode_f32(kind, order, bytes, &mut flat);
            flat.into_iter().map(|real| [real, 0.0]).collect()
        }
    }
}

/// All samples in `bytes` in their stored type.
pub fn decode_samples(kind: SampleKind, order: ByteOrder, bytes: &[u8]) -> Samples {
    match kind {
        SampleKind::U8 => Samples::U8(bytes.to_vec()),
        SampleKind::I8 => Samples::I8(each!(i8, order, bytes).collect()),
        SampleKind::U16 => Samples::U16(each!(u16, order, bytes).collect()),
        SampleKind::I16 => Samples::I16(each!(i16, order, bytes).collect()),
        SampleKind::U32 => Samples::U32(each!(u32, order, bytes).collect()),
        SampleKind::I32 => Samples::I32(each!(i32, order, bytes).collect()),
        SampleKind::U64 => Samples::U64(each!(u64, order, bytes).collect()),
        SampleKind::I64 => Samples::I64(each!(i64, order, bytes).collect()),
        SampleKind::F16 => Samples::F16(each!(u16, order, bytes).map(f16::from_bits).collect()),
        SampleKind::F32 => Samples::F32(each!(f32, order, bytes).collect()),
        SampleKind::F64 => Samples::F64(each!(f64, order, bytes).collect()),
        SampleKind::ComplexI16 => {
            let flat: Vec<i16> = each!(i16, order, bytes).collect();
            Samples::ComplexI16(flat.as_chunks::<2>().0.to_vec())
        }
        SampleKind::ComplexF32 => Samples::ComplexF32(decode_complex(kind, order, bytes)),
    }
}

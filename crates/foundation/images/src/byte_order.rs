//! Byte order of a file and the reading of single numbers at fixed offsets of a header.

/// Order of the bytes of a multi-byte number in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

macro_rules! number_at {
    ($($name:ident: $type:ty),* $(,)?) => {$(
        #[doc = concat!("The `", stringify!($type), "` that starts at byte `offset`, or `None` beyond the end.")]
        pub fn $name(self, bytes: &[u8], offset: usize) -> Option<$type> {
            let raw = bytes.get(offset..)?.first_chunk::<{ size_of::<$type>() }>()?;
            Some(match self {
                Self::Little => <$type>::from_le_bytes(*raw),
                Self::Big => <$type>::from_be_bytes(*raw),
            })
        }
    )*};
}

impl ByteOrder {
    /// The byte order of the machine this runs on.
    pub const NATIVE: Self = if cfg!(target_endian = "big") {
        Self::Big
    } else {
        Self::Little
    };

    /// The other order.
    pub const fn swapped(self) -> Self {
        match self {
            Self::Little => Self::Big,
            Self::Big => Self::Little,
        }
    }

    number_at! {
        u16_at: u16, i16_at: i16, u32_at: u32, i32_at: i32,
        u64_at: u64, i64_at: i64, f32_at: f32, f64_at: f64,
    }
}

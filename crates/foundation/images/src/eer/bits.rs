//! Bit streams, least significant bit of each byte first.

/// Takes numbers off the front of a bit stream.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `count` bits (at most 32), or `None` when fewer are left.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let start = self.position >> 3;
        let word = if let Some(eight) = self.bytes[start..].first_chunk::<8>() {
            u64::from_le_bytes(*eight)
        } else {
            if self.position + count as usize > self.bytes.len() * 8 {
                return None;
            }
            let mut last = [0; 8];
            let rest = &self.bytes[start..];
            last[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(last)
        };
        let value = (word >> (self.position & 7)) & ((1 << count) - 1);
        self.position += count as usize;
        Some(value as u32)
    }
}

/// Appends numbers to a bit stream.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.pending |= u64::from(value) << self.pending_bits;
        self.pending_bits += count;
        while self.pending_bits >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.pending_bits -= 8;
        }
    }

    /// The stream, padded with zero bits to whole bytes.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        if self.pending_bits > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

//! States and blocks as bytes: a head of JSON for what is small and named, then columns of numbers, little-endian.
//!
//! Layout: eight bytes of magic, u64 length of the head, the head, then per column u64 count and its values. Lengths are
//! checked against what is left before anything is allocated.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::AverageError;

/// Writes a head and columns.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins with a head.
    pub(crate) fn new(magic: [u8; 8], head: &impl Serialize) -> Self {
        let head = serde_json::to_vec(head).expect("plain data with text keys");
        let mut bytes = magic.to_vec();
        bytes.extend((head.len() as u64).to_le_bytes());
        bytes.extend(head);
        Self { bytes }
    }

    pub(crate) fn f32s(&mut self, values: &[f32]) {
        self.count(values.len());
        self.bytes
            .extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }

    pub(crate) fn f64s(&mut self, values: &[f64]) {
        self.count(values.len());
        self.bytes
            .extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }

    pub(crate) fn bytes(&mut self, values: &[u8]) {
        self.count(values.len());
        self.bytes.extend_from_slice(values);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn count(&mut self, count: usize) {
        self.bytes.extend((count as u64).to_le_bytes());
    }
}

/// Reads what [`Writer`] wrote.
pub(crate) struct Reader<'a> {
    what: &'static str,
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the magic and reads the head.
    pub(crate) fn new<T: DeserializeOwned>(
        what: &'static str,
        magic: [u8; 8],
        bytes: &'a [u8],
    ) -> Result<(Self, T), AverageError> {
        let Some(left) = bytes.strip_prefix(&magic) else {
            return Err(AverageError::bytes(what, "it begins differently"));
        };
        let mut reader = Self { what, left };
        let head = reader.bytes()?;
        let head = serde_json::from_slice(head)
            .map_err(|error| AverageError::bytes(what, format!("its head: {error}")))?;
        Ok((reader, head))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], AverageError> {
        self.column(1)
    }

    pub(crate) fn f32s(&mut self) -> Result<Vec<f32>, AverageError> {
        let column = self.column(4)?.as_chunks::<4>().0;
        Ok(column.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    pub(crate) fn f64s(&mut self) -> Result<Vec<f64>, AverageError> {
        let column = self.column(8)?.as_chunks::<8>().0;
        Ok(column.iter().map(|b| f64::from_le_bytes(*b)).collect())
    }

    /// Fails when something is left over.
    pub(crate) fn finish(self) -> Result<(), AverageError> {
        if self.left.is_empty() {
            Ok(())
        } else {
            let why = format!("{} bytes too many", self.left.len());
            Err(AverageError::bytes(self.what, why))
        }
    }

    fn column(&mut self, width: usize) -> Result<&'a [u8], AverageError> {
        let truncated = || AverageError::bytes(self.what, "it is truncated");
        let (count, rest) = self.left.split_first_chunk::<8>().ok_or_else(truncated)?;
        let length = usize::try_from(u64::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(width))
            .ok_or_else(truncated)?;
        let (column, rest) = rest.split_at_checked(length).ok_or_else(truncated)?;
        self.left = rest;
        Ok(column)
    }
}

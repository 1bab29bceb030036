//! Sums as bytes, for files between processes.
//!
//! Little-endian: `b"thonsums"`, version, box, padding, band (u32 each), quanta of products and weights (f64), number of
//! placements (u64), then real part, imaginary part and weight (i64 each) of every element in quanta, x fastest, y and z
//! from −e to e with e as [`ExpectedSums`] says.

use super::sums::LARGEST;
use super::{ExpectedSums, Quanta};
use crate::ReconstructError;

const MAGIC: [u8; 8] = *b"thonsums";
const VERSION: u32 = 1;
const HEADER: usize = 48;
/// Bytes of one element.
const STORED: usize = 24;

impl ExpectedSums {
    /// The sums with all that is needed to read them. Equal sums have equal bytes on every machine.
    pub fn as_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + STORED * self.elements.len());
        bytes.extend(MAGIC);
        let numbers = [self.box_size(), self.padding(), self.band()];
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(numbers.iter().flat_map(|n| (*n as u32).to_le_bytes()));
        bytes.extend(self.quanta().products.to_le_bytes());
        bytes.extend(self.quanta().weights.to_le_bytes());
        bytes.extend(self.placements().to_le_bytes());
        for value in self.elements.as_flattened() {
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    /// Sums from what [`ExpectedSums::as_bytes`] gave.
    ///
    /// # Errors
    /// [`ReconstructError::StoredSums`] for bytes that are something else, of another version, cut short, too long, or with
    /// values that sums cannot have; [`ReconstructError::Parameter`] for numbers that no sums can be made of.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReconstructError> {
        let fault = |field, found: String, expected: String| ReconstructError::StoredSums {
            field,
            found,
            expected,
        };
        let Some((header, stored)) = bytes.split_first_chunk::<HEADER>() else {
            let expected = format!("at least {HEADER} bytes");
            return Err(fault("length", format!("{} bytes", bytes.len()), expected));
        };
        let (words, _) = header.as_chunks::<4>();
        let (doubles, _) = header.as_chunks::<8>();
        if doubles[0] != MAGIC {
            let found = String::from_utf8_lossy(&doubles[0]).into_owned();
            return Err(fault("first word", found, "thonsums".into()));
        }
        let number = |i: usize| u32::from_le_bytes(words[i]);
        if number(2) != VERSION {
            let found = number(2).to_string();
            return Err(fault("version", found, VERSION.to_string()));
        }
        let [box_size, padding, band] = [3, 4, 5].map(|i| number(i) as usize);
        let quanta = Quanta {
            products: f64::from_le_bytes(doubles[3]),
            weights: f64::from_le_bytes(doubles[4]),
        };
        crate::fourier_slice::check_box(box_size, padding)?;
        let expected = Self::space_of(box_size, padding, band.min(box_size)).len() * STORED;
        if stored.len() != expected {
            let found = format!("{} bytes", bytes.len());
            let expected = format!("{} bytes", HEADER + expected);
            return Err(fault("length", found, expected));
        }
        let mut sums = Self::new(box_size, padding, band, quanta)?;
        let (values, _) = stored.as_chunks::<8>();
        for (element, values) in sums.elements.iter_mut().zip(values.as_chunks::<3>().0) {
            for (value, bytes) in element.iter_mut().zip(values) {
                *value = i64::from_le_bytes(*bytes);
            }
            let sound = element.iter().all(|v| v.unsigned_abs() < LARGEST as u64);
            if !sound || element[2] < 0 {
                let expected = "values below 2^62 and weights from 0".into();
                return Err(fault("elements", format!("{element:?}"), expected));
            }
        }
        sums.placements = u64::from_le_bytes(doubles[5]);
        sums.filled = sums.largest();
        Ok(sums)
    }
}

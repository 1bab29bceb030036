//! The two sums of a reconstruction over half of the padded Fourier space, Σ w·t·X and Σ w·t².
//!
//! Sums are f32: with random signs the rounding of a million slices stays below 1e-4 of a value. Blocks of particles summed
//! apart are added in block order, so that the result does not depend on who summed what when.

use thon_signal::fft::Complex32;

use crate::ReconstructError;
use crate::fourier_slice::check_box;
use crate::half_space::HalfSpace;

/// Partial sums of one half set (or one block of it).
#[derive(Clone, Debug, PartialEq)]
pub struct PartialSums {
    box_size: usize,
    padding: usize,
    views: u64,
    pub(super) data: Vec<Complex32>,
    pub(super) weight: Vec<f32>,
}

impl PartialSums {
    /// Empty sums for boxes of `box_size` pixels and a Fourier space padded `padding` times (2 as a rule). They take about
    /// 6 · (`padding` · `box_size`)³ bytes.
    ///
    /// # Errors
    /// [`ReconstructError::Parameter`] for a box outside 2 to 4096 or a padding outside 1 to 4.
    pub fn new(box_size: usize, padding: usize) -> Result<Self, ReconstructError> {
        check_box(box_size, padding)?;
        let space = HalfSpace::new(box_size, padding);
        Ok(Self {
            box_size,
            padding,
            views: 0,
            data: vec![Complex32::default(); space.len()],
            weight: vec![0.0; space.len()],
        })
    }

    /// Pixels along the edge of a box.
    pub fn box_size(&self) -> usize {
        self.box_size
    }

    /// How many times the Fourier space is padded.
    pub fn padding(&self) -> usize {
        self.padding
    }

    /// Number of views inserted.
    pub fn views(&self) -> u64 {
        self.views
    }

    pub(super) fn space(&self) -> HalfSpace {
        HalfSpace::new(self.box_size, self.padding)
    }

    pub(super) fn count_views(&mut self, views: usize) {
        self.views += views as u64;
    }

    /// Adds the sums of another block.
    ///
    /// # Errors
    /// [`ReconstructError::Parameter`] when box or padding differ.
    pub fn add(&mut self, other: &Self) -> Result<(), ReconstructError> {
        if (self.box_size, self.padding) != (other.box_size, other.padding) {
            return Err(ReconstructError::parameter(
                "sums to add",
                &format!("box {} padded {} times", other.box_size, other.padding),
                "the same box and padding",
            ));
        }
        for (sum, value) in self.data.iter_mut().zip(&other.data) {
            *sum += value;
        }
        for (sum, value) in self.weight.iter_mut().zip(&other.weight) {
            *sum += value;
        }
        self.views += other.views;
        Ok(())
    }

    /// Both sums as bytes of this machine's order, for a file: Σ w·t·X (pairs of f32) and Σ w·t² (f32).
    pub fn as_bytes(&self) -> [&[u8]; 2] {
        [
            bytemuck::cast_slice(&self.data),
            bytemuck::cast_slice(&self.weight),
        ]
    }

    /// Sums from what [`PartialSums::as_bytes`] gave.
    ///
    /// # Errors
    /// [`ReconstructError::Length`] when the bytes are not those of this box and padding.
    pub fn from_bytes(
        box_size: usize,
        padding: usize,
        views: u64,
        [data, weight]: [&[u8]; 2],
    ) -> Result<Self, ReconstructError> {
        check_box(box_size, padding)?;
        let elements = HalfSpace::new(box_size, padding).len();
        ReconstructError::check_length("bytes of the data sum", data.len(), 8 * elements)?;
        ReconstructError::check_length("bytes of the weight sum", weight.len(), 4 * elements)?;
        // The bytes need not be aligned.
        let floats = |bytes: &[u8]| -> Vec<f32> {
            let (words, _) = bytes.as_chunks::<4>();
            words.iter().map(|word| f32::from_ne_bytes(*word)).collect()
        };
        let data = floats(data);
        Ok(Self {
            box_size,
            padding,
            views,
            data: data
                .chunks_exact(2)
                .map(|pair| Complex32::new(pair[0], pair[1]))
                .collect(),
            weight: floats(weight),
        })
    }
}

//! The two sums of a reconstruction over half of the padded Fourier space, Σ w·t·X and Σ w·t².
//!
//! Sums are f32: with random signs the rounding of a million slices stays below 1e-4 of a value. Blocks of particles summed
//! apart are added in block order, so that the result does not depend on who summed what when.

use crate::ReconstructError;
use crate::fourier_slice::check_box;
use crate::half_space::HalfSpace;

/// Real and imaginary part of Σ w·t·X, Σ w·t², and nothing: neighbours along x are one vector of eight.
pub(super) type Element = [f32; 4];

/// Partial sums of one half set (or one block of it).
#[derive(Clone, Debug, PartialEq)]
pub struct PartialSums {
    box_size: usize,
    padding: usize,
    views: u64,
    pub(super) elements: Vec<Element>,
}

impl PartialSums {
    /// Empty sums for boxes of `box_size` pixels and a Fourier space padded `padding` times (2 as a rule). They take about
    /// 8 · (`padding` · `box_size`)³ bytes.
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
            elements: vec![Element::default(); space.len()],
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
        let sums = self.elements.as_flattened_mut().iter_mut();
        for (sum, value) in sums.zip(other.elements.as_flattened()) {
            *sum += value;
        }
        self.views += other.views;
        Ok(())
    }

    /// The sums as bytes of this machine's order, for a file: four f32 per element.
    pub fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.elements)
    }

    /// Sums from what [`PartialSums::as_bytes`] gave, which need not be aligned.
    ///
    /// # Errors
    /// [`ReconstructError::Length`] when the bytes are not those of this box and padding.
    pub fn from_bytes(
        box_size: usize,
        padding: usize,
        views: u64,
        bytes: &[u8],
    ) -> Result<Self, ReconstructError> {
        check_box(box_size, padding)?;
        let expected = size_of::<Element>() * HalfSpace::new(box_size, padding).len();
        ReconstructError::check_length("bytes of the sums", bytes.len(), expected)?;
        let mut sums = Self::new(box_size, padding)?;
        sums.views = views;
        bytemuck::cast_slice_mut(&mut sums.elements).copy_from_slice(bytes);
        Ok(sums)
    }
}

//! Real rows and their half spectra, many at a time.

use std::sync::Arc;

use ndarray::Array2;
use realfft::{ComplexToReal, RealToComplex};

use super::Complex32;
use super::engine::{plan_real_forward, plan_real_inverse, rows_to_spectra, spectra_to_rows};

/// Transforms of real rows of one length, many at a time: `[rows, n]` ↔ `[rows, n/2 + 1]`.
#[derive(Clone)]
pub struct Fft1 {
    length: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Fft1 {
    /// Plans rows of `length` values.
    pub fn plan(length: usize) -> Self {
        Self {
            length,
            forward: plan_real_forward(length),
            inverse: plan_real_inverse(length),
        }
    }

    /// Values in a row.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Elements in a row's half spectrum: `length/2 + 1`.
    pub fn half_length(&self) -> usize {
        self.length / 2 + 1
    }

    /// Spectra of the rows of `rows`, `[rows, n]` → `[rows, n/2 + 1]`.
    ///
    /// # Panics
    /// When the rows do not have the planned length.
    pub fn forward(&self, rows: &Array2<f32>) -> Array2<Complex32> {
        let mut spectra = Array2::zeros((rows.nrows(), self.half_length()));
        self.forward_into(values(&rows.as_standard_layout()), values_mut(&mut spectra));
        spectra
    }

    /// Rows from their spectra, `[rows, n/2 + 1]` → `[rows, n]`, divided by n.
    ///
    /// # Panics
    /// When the spectra do not have the planned length.
    pub fn inverse(&self, spectra: &Array2<Complex32>) -> Array2<f32> {
        let mut rows = Array2::zeros((spectra.nrows(), self.length));
        self.inverse_into(
            values_mut(&mut spectra.as_standard_layout().into_owned()),
            values_mut(&mut rows),
        );
        rows
    }

    /// As [`Fft1::forward`] on contiguous slices of any number of rows; allocates nothing.
    ///
    /// # Panics
    /// When the slices do not hold the same number of whole rows.
    pub fn forward_into(&self, rows: &[f32], spectra: &mut [Complex32]) {
        self.check(rows.len(), spectra.len());
        if !rows.is_empty() {
            rows_to_spectra(rows, spectra, &*self.forward);
        }
    }

    /// As [`Fft1::inverse`] on contiguous slices; allocates nothing and destroys `spectra`.
    ///
    /// # Panics
    /// When the slices do not hold the same number of whole rows.
    pub fn inverse_into(&self, spectra: &mut [Complex32], rows: &mut [f32]) {
        self.check(rows.len(), spectra.len());
        if !rows.is_empty() {
            self.inverse_scaled_into(spectra, rows, 1.0 / self.length as f32);
        }
    }

    /// As [`Fft1::inverse_into`] with another factor, for the last axis of an image or volume.
    pub(super) fn inverse_scaled_into(
        &self,
        spectra: &mut [Complex32],
        rows: &mut [f32],
        scale: f32,
    ) {
        spectra_to_rows(spectra, rows, &*self.inverse, scale);
    }

    fn check(&self, rows: usize, spectra: usize) {
        assert!(
            rows * self.half_length() == spectra * self.length
                && rows.is_multiple_of(self.length.max(1)),
            "rows of {}: {rows} values do not go with {spectra} spectrum elements",
            self.length,
        );
    }
}

/// The elements of an array in standard layout.
pub(super) fn values<S: ndarray::Data, D: ndarray::Dimension>(
    array: &ndarray::ArrayBase<S, D>,
) -> &[S::Elem] {
    array
        .as_slice()
        .expect("the array was just brought into standard layout")
}

/// The elements of an owned array in standard layout.
pub(super) fn values_mut<T, D: ndarray::Dimension>(array: &mut ndarray::Array<T, D>) -> &mut [T] {
    array
        .as_slice_mut()
        .expect("the array was just made in standard layout")
}

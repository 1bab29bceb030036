//! Complex fields, transformed in place: rows, images, volumes.

use std::sync::Arc;

use ndarray::{Array2, Array3};
use rustfft::{Fft, FftDirection};
use thon_compute::columns::Strided;

use super::Complex32;
use super::engine::{plan_complex, transform_columns, transform_rows};
use super::rows::values_mut;

type Engines = [Arc<dyn Fft<f32>>; 2];

fn both(length: usize) -> Engines {
    [FftDirection::Forward, FftDirection::Inverse].map(|direction| plan_complex(length, direction))
}

/// Transforms of complex rows of one length, many at a time.
#[derive(Clone)]
pub struct ComplexFft1 {
    length: usize,
    engines: Engines,
}

impl ComplexFft1 {
    /// Plans rows of `length` elements.
    pub fn plan(length: usize) -> Self {
        Self {
            length,
            engines: both(length),
        }
    }

    /// Transforms each of the contiguous rows in `rows`.
    ///
    /// # Panics
    /// When `rows` is not a whole number of rows.
    pub fn forward_in_place(&self, rows: &mut [Complex32]) {
        self.transform(rows, 0, 1.0);
    }

    /// The inverse of [`ComplexFft1::forward_in_place`] (divides by the length).
    ///
    /// # Panics
    /// When `rows` is not a whole number of rows.
    pub fn inverse_in_place(&self, rows: &mut [Complex32]) {
        self.transform(rows, 1, 1.0 / self.length as f32);
    }

    fn transform(&self, rows: &mut [Complex32], direction: usize, scale: f32) {
        assert!(
            rows.len().is_multiple_of(self.length.max(1)),
            "{} elements are no rows of {}",
            rows.len(),
            self.length
        );
        transform_rows(rows, &*self.engines[direction], scale);
    }
}

/// Transforms of complex images `[y, x]`.
#[derive(Clone)]
pub struct ComplexFft2(ComplexFft3);

impl ComplexFft2 {
    /// Plans images of `[ny, nx]`.
    pub fn plan([ny, nx]: [usize; 2]) -> Self {
        Self(ComplexFft3::plan([1, ny, nx]))
    }

    /// The spectrum of an image.
    ///
    /// # Panics
    /// When the image does not have the planned extents.
    pub fn forward(&self, image: &Array2<Complex32>) -> Array2<Complex32> {
        self.copied(image, 0)
    }

    /// The image of a spectrum, divided by the number of pixels.
    ///
    /// # Panics
    /// When the spectrum does not have the planned extents.
    pub fn inverse(&self, spectrum: &Array2<Complex32>) -> Array2<Complex32> {
        self.copied(spectrum, 1)
    }

    /// As [`ComplexFft2::forward`] in place; allocates nothing.
    ///
    /// # Panics
    /// When the slice does not have the planned number of elements.
    pub fn forward_in_place(&self, image: &mut [Complex32]) {
        self.0.forward_in_place(image);
    }

    /// As [`ComplexFft2::inverse`] in place; allocates nothing.
    ///
    /// # Panics
    /// When the slice does not have the planned number of elements.
    pub fn inverse_in_place(&self, spectrum: &mut [Complex32]) {
        self.0.inverse_in_place(spectrum);
    }

    fn copied(&self, image: &Array2<Complex32>, direction: usize) -> Array2<Complex32> {
        assert_eq!(image.shape(), &self.0.dims[1..], "image against plan");
        let mut result = image.as_standard_layout().into_owned();
        self.0.transform(values_mut(&mut result), direction);
        result
    }
}

/// Transforms of complex volumes `[z, y, x]`.
#[derive(Clone)]
pub struct ComplexFft3 {
    dims: [usize; 3],
    /// Forward and inverse engines of z, y, x.
    engines: [Engines; 3],
}

impl ComplexFft3 {
    /// Plans volumes of `[nz, ny, nx]`.
    pub fn plan(dims: [usize; 3]) -> Self {
        Self {
            dims,
            engines: dims.map(both),
        }
    }

    /// The spectrum of a volume.
    ///
    /// # Panics
    /// When the volume does not have the planned extents.
    pub fn forward(&self, volume: &Array3<Complex32>) -> Array3<Complex32> {
        self.copied(volume, 0)
    }

    /// The volume of a spectrum, divided by the number of voxels.
    ///
    /// # Panics
    /// When the spectrum does not have the planned extents.
    pub fn inverse(&self, spectrum: &Array3<Complex32>) -> Array3<Complex32> {
        self.copied(spectrum, 1)
    }

    /// As [`ComplexFft3::forward`] in place; allocates nothing.
    ///
    /// # Panics
    /// When the slice does not have the planned number of elements.
    pub fn forward_in_place(&self, volume: &mut [Complex32]) {
        self.transform(volume, 0);
    }

    /// As [`ComplexFft3::inverse`] in place; allocates nothing.
    ///
    /// # Panics
    /// When the slice does not have the planned number of elements.
    pub fn inverse_in_place(&self, spectrum: &mut [Complex32]) {
        self.transform(spectrum, 1);
    }

    fn copied(&self, volume: &Array3<Complex32>, direction: usize) -> Array3<Complex32> {
        assert_eq!(volume.shape(), self.dims, "volume against plan");
        let mut result = volume.as_standard_layout().into_owned();
        self.transform(values_mut(&mut result), direction);
        result
    }

    fn transform(&self, data: &mut [Complex32], direction: usize) {
        let [nz, ny, nx] = self.dims;
        assert_eq!(
            data.len(),
            nz * ny * nx,
            "elements against plan {:?}",
            self.dims
        );
        if data.is_empty() {
            return;
        }
        let scale = if direction == 0 {
            1.0
        } else {
            1.0 / data.len() as f32
        };
        transform_rows(data, &*self.engines[2][direction], scale);
        transform_columns(
            data,
            Strided {
                outer: nz,
                length: ny,
                inner: nx,
            },
            &*self.engines[1][direction],
        );
        transform_columns(
            data,
            Strided {
                outer: 1,
                length: nz,
                inner: ny * nx,
            },
            &*self.engines[0][direction],
        );
    }
}

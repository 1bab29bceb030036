//! Real images and volumes and their half spectra.

use std::sync::Arc;

use ndarray::{Array2, Array3};
use rustfft::{Fft, FftDirection};
use thon_compute::columns::Strided;

use super::Complex32;
use super::engine::{plan_complex, transform_columns};
use super::rows::{Fft1, values, values_mut};

/// Transforms of real images `[y, x]` ↔ half spectra `[y, x/2 + 1]`.
#[derive(Clone)]
pub struct Fft2(Fft3);

impl Fft2 {
    /// Plans images of `[ny, nx]`.
    pub fn plan([ny, nx]: [usize; 2]) -> Self {
        Self(Fft3::plan([1, ny, nx]))
    }

    /// The planned `[ny, nx]`.
    pub fn dims(&self) -> [usize; 2] {
        [self.0.dims[1], self.0.dims[2]]
    }

    /// Extents of the half spectrum: `[ny, nx/2 + 1]`.
    pub fn half_dims(&self) -> [usize; 2] {
        [self.0.dims[1], self.0.dims[2] / 2 + 1]
    }

    /// The half spectrum of an image.
    ///
    /// # Panics
    /// When the image does not have the planned extents.
    pub fn forward(&self, image: &Array2<f32>) -> Array2<Complex32> {
        assert_eq!(image.shape(), self.dims(), "image against plan");
        let mut spectrum = Array2::zeros(self.half_dims());
        self.forward_into(
            values(&image.as_standard_layout()),
            values_mut(&mut spectrum),
        );
        spectrum
    }

    /// The image of a half spectrum, divided by the number of pixels.
    ///
    /// # Panics
    /// When the spectrum does not have the planned extents.
    pub fn inverse(&self, spectrum: &Array2<Complex32>) -> Array2<f32> {
        assert_eq!(spectrum.shape(), self.half_dims(), "spectrum against plan");
        let mut image = Array2::zeros(self.dims());
        self.inverse_into(
            values_mut(&mut spectrum.as_standard_layout().into_owned()),
            values_mut(&mut image),
        );
        image
    }

    /// As [`Fft2::forward`] on contiguous slices; allocates nothing.
    ///
    /// # Panics
    /// When a slice does not have the planned number of elements.
    pub fn forward_into(&self, image: &[f32], spectrum: &mut [Complex32]) {
        self.0.forward_into(image, spectrum);
    }

    /// As [`Fft2::inverse`] on contiguous slices; allocates nothing and destroys `spectrum`.
    ///
    /// # Panics
    /// When a slice does not have the planned number of elements.
    pub fn inverse_into(&self, spectrum: &mut [Complex32], image: &mut [f32]) {
        self.0.inverse_into(spectrum, image);
    }
}

/// Transforms of real volumes `[z, y, x]` ↔ half spectra `[z, y, x/2 + 1]`.
#[derive(Clone)]
pub struct Fft3 {
    dims: [usize; 3],
    rows: Fft1,
    /// Forward and inverse engines of z and y.
    columns: [[Arc<dyn Fft<f32>>; 2]; 2],
}

impl Fft3 {
    /// Plans volumes of `[nz, ny, nx]`.
    pub fn plan(dims: [usize; 3]) -> Self {
        let both = |length| {
            [FftDirection::Forward, FftDirection::Inverse].map(|d| plan_complex(length, d))
        };
        Self {
            dims,
            rows: Fft1::plan(dims[2]),
            columns: [both(dims[0]), both(dims[1])],
        }
    }

    /// The planned `[nz, ny, nx]`.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Extents of the half spectrum: `[nz, ny, nx/2 + 1]`.
    pub fn half_dims(&self) -> [usize; 3] {
        [self.dims[0], self.dims[1], self.dims[2] / 2 + 1]
    }

    /// The half spectrum of a volume.
    ///
    /// # Panics
    /// When the volume does not have the planned extents.
    pub fn forward(&self, volume: &Array3<f32>) -> Array3<Complex32> {
        assert_eq!(volume.shape(), self.dims, "volume against plan");
        let mut spectrum = Array3::zeros(self.half_dims());
        self.forward_into(
            values(&volume.as_standard_layout()),
            values_mut(&mut spectrum),
        );
        spectrum
    }

    /// The volume of a half spectrum, divided by the number of voxels.
    ///
    /// # Panics
    /// When the spectrum does not have the planned extents.
    pub fn inverse(&self, spectrum: &Array3<Complex32>) -> Array3<f32> {
        assert_eq!(spectrum.shape(), self.half_dims(), "spectrum against plan");
        let mut volume = Array3::zeros(self.dims);
        self.inverse_into(
            values_mut(&mut spectrum.as_standard_layout().into_owned()),
            values_mut(&mut volume),
        );
        volume
    }

    /// As [`Fft3::forward`] on contiguous slices; allocates nothing.
    ///
    /// # Panics
    /// When a slice does not have the planned number of elements.
    pub fn forward_into(&self, volume: &[f32], spectrum: &mut [Complex32]) {
        self.check(volume.len(), spectrum.len());
        self.rows.forward_into(volume, spectrum);
        let [z, y] = self.axes();
        transform_columns(spectrum, y, &*self.columns[1][0]);
        transform_columns(spectrum, z, &*self.columns[0][0]);
    }

    /// As [`Fft3::inverse`] on contiguous slices; allocates nothing and destroys `spectrum`.
    ///
    /// # Panics
    /// When a slice does not have the planned number of elements.
    pub fn inverse_into(&self, spectrum: &mut [Complex32], volume: &mut [f32]) {
        self.check(volume.len(), spectrum.len());
        if volume.is_empty() {
            return;
        }
        let [z, y] = self.axes();
        transform_columns(spectrum, z, &*self.columns[0][1]);
        transform_columns(spectrum, y, &*self.columns[1][1]);
        self.rows
            .inverse_scaled_into(spectrum, volume, 1.0 / volume.len() as f32);
    }

    fn axes(&self) -> [Strided; 2] {
        let [nz, ny, half] = self.half_dims();
        [
            Strided {
                outer: 1,
                length: nz,
                inner: ny * half,
            },
            Strided {
                outer: nz,
                length: ny,
                inner: half,
            },
        ]
    }

    fn check(&self, volume: usize, spectrum: usize) {
        assert_eq!(
            volume,
            self.dims.iter().product::<usize>(),
            "elements of the volume against plan {:?}",
            self.dims
        );
        assert_eq!(
            spectrum,
            self.half_dims().iter().product::<usize>(),
            "elements of the spectrum against plan {:?}",
            self.dims
        );
    }
}

//! Real fields and their half spectra: rows, images, volumes.

use std::sync::Arc;

use ndarray::{Array2, Array3};
use realfft::{ComplexToReal, RealToComplex};
use rustfft::{Fft, FftDirection};
use thon_compute::columns::Strided;

use super::Complex32;
use super::engine::{
    plan_complex, plan_real_forward, plan_real_inverse, rows_to_spectra, spectra_to_rows,
    transform_columns,
};

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
            spectra_to_rows(spectra, rows, &*self.inverse, 1.0 / self.length as f32);
        }
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
        spectra_to_rows(
            spectrum,
            volume,
            &*self.rows.inverse,
            1.0 / volume.len() as f32,
        );
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

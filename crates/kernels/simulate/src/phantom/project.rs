//! Projections of a phantom as half spectra of small square images.
//!
//! The projection of V under a linear map M (rows: image x, image y, depth; [`thon_geometry::TiltGeometry::matrix`])
//! is g(u) with transform ĝ(k) = |det A| · F(Mᵀ(k, 0)), A the in-plane deformation; for a rotation the projection keeps
//! its integral. Values are projected potential, V·Å.

use thon_geometry::TiltGeometry;
use thon_geometry::glam::{DMat2, DMat3, DVec2, DVec3};
use thon_signal::fft::{Complex32, Fft2, frequency, half_length, signed_index};
use thon_units::PixelSize;

use super::Phantom;
use crate::gridding::{Kernel, correction};

/// Makes projections of one box and pixel size; plans are made once.
#[derive(Clone)]
pub struct ImageProjector {
    size: usize,
    pixel_size: PixelSize,
    kernel: Kernel,
    correction: Vec<f32>,
    fine: Fft2,
    inverse: Fft2,
}

impl ImageProjector {
    /// For square images of `size` pixels.
    pub fn new(size: usize, pixel_size: PixelSize) -> Self {
        let size = size.max(2);
        Self {
            size,
            pixel_size,
            kernel: Kernel::new(),
            correction: correction(size),
            fine: Fft2::plan([2 * size; 2]),
            inverse: Fft2::plan([size; 2]),
        }
    }

    /// Edge length of the images, pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Half spectrum (row-major `[size, size/2 + 1]`) of the projection of `phantom`, first turned by `rotation`, then
    /// seen through `view`; the phantom's origin falls on pixel `origin` (x, y). What lies outside the box wraps.
    pub fn spectrum(
        &self,
        phantom: &Phantom,
        rotation: DMat3,
        view: &TiltGeometry,
        origin: DVec2,
    ) -> Vec<Complex32> {
        let (fine, half) = (2 * self.size, half_length(self.size));
        let matrix = view.matrix() * rotation;
        let (rows_x, rows_y) = (matrix.row(0), matrix.row(1));
        let scale = view.affine.determinant().abs() / (self.pixel_size.0 * self.pixel_size.0);
        let mut sum = vec![Complex32::default(); self.size * half];
        let mut transform = vec![Complex32::default(); fine * half_length(fine)];
        for class in phantom.classes() {
            let mut grid = vec![0.0f32; fine * fine];
            let place = |row: DVec3, position: DVec3, origin: f64| {
                2.0 * (row.dot(position) / self.pixel_size.0 + origin)
            };
            for (position, weight) in class.positions.iter().zip(&class.weights) {
                let at = [
                    place(rows_x, *position, origin.x),
                    place(rows_y, *position, origin.y),
                ];
                self.kernel
                    .spread_2d(&mut grid, fine, at, (weight * scale) as f32);
            }
            self.fine.forward_into(&grid, &mut transform);
            self.collect(&mut sum, &transform, view.affine, |k| class.form_factor(k));
        }
        sum
    }

    /// Crops the fine transform to the band of the box, undoing the spreading and applying the form factor.
    fn collect(
        &self,
        sum: &mut [Complex32],
        transform: &[Complex32],
        affine: DMat2,
        form_factor: impl Fn(f64) -> f64,
    ) {
        let (half, fine_half) = (half_length(self.size), half_length(2 * self.size));
        let table = FormFactorTable::new(&form_factor, self.pixel_size, &affine);
        let transposed = affine.transpose();
        for (y, row) in sum.chunks_exact_mut(half).enumerate() {
            let ky = signed_index(y, self.size);
            if 2 * ky.unsigned_abs() >= self.size {
                continue; // the Nyquist row of an even size stays zero
            }
            let from = ky.rem_euclid(2 * self.size as isize) as usize * fine_half;
            let undo_y = self.correction[ky.unsigned_abs()];
            let frequency_y = frequency(y, self.size) / self.pixel_size.0;
            for (x, value) in row.iter_mut().enumerate().take(self.size.div_ceil(2)) {
                let k = DVec2::new(
                    x as f64 / (self.size as f64 * self.pixel_size.0),
                    frequency_y,
                );
                let factor = table.at((transposed * k).length());
                *value += transform[from + x] * (undo_y * self.correction[x] * factor);
            }
        }
    }

    /// The image `[size · size]` of a half spectrum, which is destroyed.
    pub fn image(&self, mut spectrum: Vec<Complex32>) -> Vec<f32> {
        let mut image = vec![0.0; self.size * self.size];
        self.inverse.inverse_into(&mut spectrum, &mut image);
        image
    }
}

/// A form factor tabulated over |k| up to the corner of the band.
struct FormFactorTable {
    values: Vec<f32>,
    step: f64,
}

impl FormFactorTable {
    const ENTRIES: usize = 1024;

    fn new(form_factor: &impl Fn(f64) -> f64, pixel_size: PixelSize, affine: &DMat2) -> Self {
        let stretch = affine.x_axis.length() + affine.y_axis.length();
        let step = pixel_size.nyquist().0 * stretch.max(1.5) / (Self::ENTRIES - 2) as f64;
        let values = (0..Self::ENTRIES).map(|i| form_factor(i as f64 * step) as f32);
        Self {
            values: values.collect(),
            step,
        }
    }

    #[inline]
    fn at(&self, k: f64) -> f32 {
        let position = (k / self.step).min((Self::ENTRIES - 2) as f64);
        let entry = position as usize;
        let fraction = (position - entry as f64) as f32;
        self.values[entry] + fraction * (self.values[entry + 1] - self.values[entry])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::Gaussian;
    use std::f64::consts::PI;
    use thon_geometry::Point;
    use thon_units::{Angstrom, Degrees};

    #[test]
    fn a_projected_gaussian_is_the_analytic_one() {
        let position = Point::new(21.0, -13.0, 30.0);
        let (sigma, weight, pixel) = (7.0, 500.0, 3.0);
        let gaussian = Gaussian {
            position,
            weight,
            sigma: Angstrom(sigma),
        };
        let phantom = Phantom::from_gaussians([gaussian]).unwrap();
        let view = TiltGeometry {
            tilt_axis_angle: Degrees(85.0).radians(),
            ..TiltGeometry::tilted(Degrees(37.0).radians())
        };
        let projector = ImageProjector::new(48, PixelSize(pixel));
        let origin = DVec2::new(24.25, 23.6);
        let spectrum = projector.spectrum(&phantom, DMat3::IDENTITY, &view, origin);
        let image = projector.image(spectrum);
        let at = view.matrix() * position.xyz;
        let norm = weight / (2.0 * PI * sigma * sigma);
        for (i, value) in image.iter().enumerate() {
            let pixel_at = DVec2::new((i % 48) as f64, (i / 48) as f64) - origin;
            let d = pixel_at * pixel - at.truncate();
            let expected = norm * (-0.5 * d.length_squared() / (sigma * sigma)).exp();
            assert!((f64::from(*value) - expected).abs() < 2e-4 * norm, "{i}");
        }
        let total: f32 = image.iter().sum::<f32>() * 9.0;
        assert!((f64::from(total) / weight - 1.0).abs() < 1e-4);
    }

    #[test]
    fn coefficients_are_the_slice_of_the_transform() {
        let phantom = Phantom::ribosome_70s();
        let view = TiltGeometry {
            affine: DMat2::from_cols_array(&[1.01, 0.003, -0.002, 0.99]),
            ..TiltGeometry::tilted(Degrees(-50.0).radians())
        };
        let rotation = DMat3::from_rotation_x(0.4) * DMat3::from_rotation_z(1.1);
        let (size, pixel) = (96, 4.0);
        let projector = ImageProjector::new(size, PixelSize(pixel));
        let spectrum = projector.spectrum(&phantom, rotation, &view, DVec2::ZERO);
        let matrix = view.matrix() * rotation;
        let half = half_length(size);
        let total = phantom.total_weight() / (pixel * pixel);
        for (x, y) in [(0usize, 3usize), (5, 90), (20, 20), (40, 70), (10, 0)] {
            let k = DVec3::new(frequency(x, size) / pixel, frequency(y, size) / pixel, 0.0);
            let (real, imaginary) = phantom.transform_at(matrix.transpose() * k);
            let scale = view.affine.determinant() / (pixel * pixel);
            let found = spectrum[y * half + x];
            let error =
                (f64::from(found.re) - real * scale).hypot(f64::from(found.im) - imaginary * scale);
            assert!(error < 3e-5 * total, "{x},{y}: {error} of {total}");
        }
    }

    #[test]
    fn a_ball_projects_to_its_chords() {
        let projector = ImageProjector::new(64, PixelSize(2.0));
        let ball = Phantom::ball(Angstrom(40.0), 3.0).unwrap();
        let view = TiltGeometry::tilted(Degrees(20.0).radians());
        let origin = DVec2::new(32.0, 30.0);
        let spectrum = projector.spectrum(&ball, DMat3::IDENTITY, &view, origin);
        let image = projector.image(spectrum);
        let centre = f64::from(image[30 * 64 + 32]);
        assert!((centre / 240.0 - 1.0).abs() < 0.02, "{centre}"); // 80 Å of 3 V
        let off = f64::from(image[30 * 64 + 42]); // 20 Å aside: chord 2·√(40² − 20²)
        assert!((off / (6.0 * 1200f64.sqrt()) - 1.0).abs() < 0.02, "{off}");
        assert!(image[2 * 64 + 2].abs() < 3.0);
    }
}

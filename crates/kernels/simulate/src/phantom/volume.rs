//! A phantom sampled as a volume, band-limited to the voxel's Nyquist frequency.

use ndarray::Array3;
use thon_geometry::glam::DVec3;
use thon_model::Map;
use thon_signal::fft::{Complex32, Fft3, frequency, signed_index};
use thon_units::PixelSize;

use super::Phantom;
use crate::gridding::{Kernel, correction};

impl Phantom {
    /// The potential (V) in a cubic box `[box_size; 3]` whose centre voxel ⌊n/2⌋ is the phantom's origin; nothing of the
    /// transform beyond Nyquist folds back, the Nyquist planes are zero. What lies outside the box wraps around: take a box larger than twice
    /// [`Phantom::radius`]. Needs 12 times the memory of the volume for a moment.
    pub fn volume(&self, box_size: usize, voxel_size: PixelSize) -> Map {
        let size = box_size.max(2);
        let fine = 2 * size;
        let kernel = Kernel::new();
        let correction = correction(size);
        let (plan, back) = (Fft3::plan([fine; 3]), Fft3::plan([size; 3]));
        let mut spectrum = Array3::<Complex32>::zeros((size, size, size / 2 + 1));
        let centre = DVec3::splat((size / 2) as f64);
        for class in self.classes() {
            let mut grid = Array3::<f32>::zeros((fine, fine, fine));
            let cells = grid.as_slice_mut().expect("just made in standard layout");
            for (position, weight) in class.positions.iter().zip(&class.weights) {
                let at = (*position / voxel_size.0 + centre) * 2.0;
                let density = weight / voxel_size.0.powi(3);
                kernel.spread_3d(cells, fine, at.to_array(), density as f32);
            }
            let transform = plan.forward(&grid);
            for ((z, y, x), value) in spectrum.indexed_iter_mut() {
                let index = [z, y, x].map(|i| signed_index(i, size));
                if index.iter().any(|i| 2 * i.unsigned_abs() >= size) {
                    continue;
                }
                let k = [z, y, x].map(|i| frequency(i, size) / voxel_size.0);
                let k = (k[0] * k[0] + k[1] * k[1] + k[2] * k[2]).sqrt();
                let row = |i: isize| i.rem_euclid(fine as isize) as usize;
                let undo: f32 = index.iter().map(|i| correction[i.unsigned_abs()]).product();
                *value += transform[[row(index[0]), row(index[1]), x]]
                    * (undo * class.form_factor(k) as f32);
            }
        }
        Map::new(back.inverse(&spectrum), voxel_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::Gaussian;
    use thon_geometry::Point;
    use thon_units::Angstrom;

    #[test]
    fn a_gaussian_has_its_analytic_density() {
        let (sigma, weight) = (6.0, 1000.0);
        let position = Point::new(7.3, -4.1, 2.2);
        let gaussian = Gaussian {
            position,
            weight,
            sigma: Angstrom(sigma),
        };
        let voxel = 3.0;
        let map = Phantom::from_gaussians([gaussian])
            .unwrap()
            .volume(33, PixelSize(voxel));
        let norm = weight / (2.0 * std::f64::consts::PI * sigma * sigma).powf(1.5);
        let mut worst = 0.0_f64;
        for ((z, y, x), value) in map.data.indexed_iter() {
            let r = (DVec3::new(x as f64, y as f64, z as f64) - 16.0) * voxel - position.xyz;
            let expected = norm * (-0.5 * r.length_squared() / (sigma * sigma)).exp();
            worst = worst.max((f64::from(*value) - expected).abs() / norm);
        }
        assert!(worst < 1e-3, "{worst}"); // 0.8 % of the amplitude is left at Nyquist
        let total: f64 = map.data.iter().map(|v| f64::from(*v)).sum::<f64>() * voxel.powi(3);
        assert!((total / weight - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_volume_of_a_map_is_the_map() {
        let gaussian = |x, y| Gaussian {
            position: Point::new(x, y, -5.0),
            weight: 1.0,
            sigma: Angstrom(9.0),
        };
        let phantom = Phantom::from_gaussians([gaussian(4.0, 10.0), gaussian(-20.0, 0.0)]).unwrap();
        let map = phantom.volume(36, PixelSize(4.0));
        let again = Phantom::from_map(&map, f32::MIN)
            .unwrap()
            .volume(36, PixelSize(4.0));
        let peak = map.data.iter().copied().fold(0.0, f32::max);
        let worst = map
            .data
            .iter()
            .zip(&again.data)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(worst < 1e-3 * peak, "{worst} of {peak}");
    }
}

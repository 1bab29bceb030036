//! A matched pair of projectors: specimen volume → tilt image and its exact transpose.
//!
//! Every voxel sends its value to the four pixels around its projected centre with bilinear weights; the transpose
//! gathers with the same weights, so ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ up to rounding. An image value is the line integral of the
//! volume along the beam: density × Å. The geometry is the whole chain of [`TiltGeometry`] (x-tilt, stage tilt, axis
//! rotation, affine, shift, deformation). Use voxels no larger than pixels: larger ones leave gaps.
//!
//! Volumes `[z, y, x]`, images `[y, x]`; centres at ⌊n/2⌋. Same bytes for any number of threads.

use glam::{DVec2, DVec3};
use rayon::prelude::*;
use thon_geometry::{Grid, TiltGeometry};
use thon_units::PixelSize;

use crate::ReconstructError;

/// Projects volumes on one grid into images of one size.
///
/// ```
/// use thon_geometry::{Grid, TiltGeometry};
/// use thon_reconstruct::Projector;
/// use thon_units::{Degrees, PixelSize};
/// // A voxel of 10 Å and density 1 at x = +20 Å, seen at 60°: 10 Å of matter, at +10 Å = one pixel right of the centre.
/// let projector = Projector::new(Grid::new([5, 5, 5], PixelSize(10.0)), PixelSize(10.0), [5, 5])?;
/// let mut volume = vec![0.0; 125];
/// volume[(2 * 5 + 2) * 5 + 4] = 1.0;
/// let image = projector.forward(&volume, &TiltGeometry::tilted(Degrees(60.0).radians()))?;
/// assert!((image[2 * 5 + 3] - 10.0).abs() < 1e-5);
/// # Ok::<(), thon_reconstruct::ReconstructError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Projector {
    grid: Grid,
    pixel_size: PixelSize,
    image_size: [usize; 2],
}

/// Pixel position of voxel (0, y, z) and the step per voxel along x.
struct Line {
    start: DVec2,
    step: DVec2,
    /// A deformed chain shows the row as a curve: its view, and z and y of the row.
    curve: Option<(TiltGeometry, [usize; 2])>,
}

impl Projector {
    /// A projector from `grid` to images of `image_size` = `[ny, nx]`.
    ///
    /// # Errors
    /// [`ReconstructError::Parameter`] when a pixel or voxel size is not positive.
    pub fn new(
        grid: Grid,
        pixel_size: PixelSize,
        image_size: [usize; 2],
    ) -> Result<Self, ReconstructError> {
        for (field, size) in [
            ("voxel size", grid.voxel_size.0),
            ("pixel size", pixel_size.0),
        ] {
            if !(size.is_finite() && size > 0.0) {
                return Err(ReconstructError::parameter(
                    field,
                    &size,
                    "a positive number of Å",
                ));
            }
        }
        Ok(Self {
            grid,
            pixel_size,
            image_size,
        })
    }

    /// The projection of a volume in one view, `[ny, nx]`, density × Å.
    ///
    /// # Errors
    /// [`ReconstructError::Length`] when the volume is not the grid's.
    pub fn forward(
        &self,
        volume: &[f32],
        view: &TiltGeometry,
    ) -> Result<Vec<f32>, ReconstructError> {
        ReconstructError::check_length("volume", volume.len(), self.grid.len())?;
        let [nz, ny, nx] = self.grid.dims;
        let mut image = vec![0.0; self.image_size[0] * self.image_size[1]];
        for z in 0..nz {
            for y in 0..ny {
                let line = self.line(view, y, z);
                let row = &volume[(z * ny + y) * nx..][..nx];
                self.splat(&line, row, &mut image);
            }
        }
        Ok(image)
    }

    /// The projections in many views, one after the other in parallel.
    ///
    /// # Errors
    /// As [`Projector::forward`].
    pub fn forward_all(
        &self,
        volume: &[f32],
        views: &[TiltGeometry],
    ) -> Result<Vec<Vec<f32>>, ReconstructError> {
        views
            .par_iter()
            .map(|view| self.forward(volume, view))
            .collect()
    }

    /// Adds the transpose of [`Projector::forward`] of one image to a volume.
    ///
    /// # Errors
    /// [`ReconstructError::Length`] when volume or image have the wrong size.
    pub fn add_adjoint(
        &self,
        image: &[f32],
        view: &TiltGeometry,
        volume: &mut [f32],
    ) -> Result<(), ReconstructError> {
        let [ny, nx] = [self.grid.dims[1], self.grid.dims[2]];
        ReconstructError::check_length("volume", volume.len(), self.grid.len())?;
        ReconstructError::check_length(
            "image",
            image.len(),
            self.image_size[0] * self.image_size[1],
        )?;
        if volume.is_empty() {
            return Ok(());
        }
        volume
            .par_chunks_mut(ny * nx)
            .enumerate()
            .for_each(|(z, plane)| {
                for (y, row) in plane.chunks_mut(nx).enumerate() {
                    self.gather(&self.line(view, y, z), image, row);
                }
            });
        Ok(())
    }

    /// Spreads a row of voxels over the image.
    fn splat(&self, line: &Line, row: &[f32], image: &mut [f32]) {
        for (x, value) in row.iter().enumerate() {
            let Some((pixel, weights)) = self.footprint(line, x) else {
                continue;
            };
            let value = value * self.scale();
            for (offset, weight) in self.corners().into_iter().zip(weights) {
                if weight != 0.0 {
                    image[pixel + offset] += weight * value;
                }
            }
        }
    }

    /// Adds to a row of voxels what the image holds at their footprints.
    fn gather(&self, line: &Line, image: &[f32], row: &mut [f32]) {
        for (x, voxel) in row.iter_mut().enumerate() {
            let Some((pixel, weights)) = self.footprint(line, x) else {
                continue;
            };
            let corners = self.corners().into_iter().zip(weights);
            let sum: f32 = corners
                .filter(|(_, weight)| *weight != 0.0)
                .map(|(offset, weight)| weight * image[pixel + offset])
                .sum();
            *voxel += sum * self.scale();
        }
    }

    /// Voxel volume over pixel area: turns a voxel's density into density × Å of a pixel.
    fn scale(&self) -> f32 {
        (self.grid.voxel_size.0.powi(3) / self.pixel_size.0.powi(2)) as f32
    }

    /// The four pixels of a footprint, relative to the first.
    fn corners(&self) -> [usize; 4] {
        let width = self.image_size[1];
        [0, 1, width, width + 1]
    }

    fn line(&self, view: &TiltGeometry, y: usize, z: usize) -> Line {
        let start = view.project_to_pixel(
            self.grid.point_at([z, y, 0]),
            self.pixel_size,
            self.image_size,
        );
        let along_x = view.matrix() * DVec3::X * self.grid.voxel_size.0 / self.pixel_size.0;
        Line {
            start,
            step: along_x.truncate(),
            curve: view.deformation.is_some().then_some((*view, [z, y])),
        }
    }

    /// First pixel and bilinear weights of voxel `x` of a line; `None` when it falls off the image. Weights of pixels
    /// beyond the last row or column are zero by construction and are skipped by the callers.
    fn footprint(&self, line: &Line, x: usize) -> Option<(usize, [f32; 4])> {
        let [ny, nx] = self.image_size;
        let position = match &line.curve {
            None => line.start + line.step * x as f64,
            Some((view, [z, y])) => {
                let point = self.grid.point_at([*z, *y, x]);
                view.project_to_pixel(point, self.pixel_size, self.image_size)
            }
        };
        let (last_x, last_y) = (nx as f64 - 1.0, ny as f64 - 1.0);
        let inside =
            position.x >= 0.0 && position.y >= 0.0 && position.x <= last_x && position.y <= last_y;
        if !inside {
            return None;
        }
        let (ix, iy) = (position.x as usize, position.y as usize);
        let fx = (position.x - ix as f64) as f32;
        let fy = (position.y - iy as f64) as f32;
        let weights = [
            (1.0 - fx) * (1.0 - fy),
            fx * (1.0 - fy),
            (1.0 - fx) * fy,
            fx * fy,
        ];
        Some((iy * nx + ix, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DMat2;
    use rand::RngExt;
    use thon_units::Degrees;

    fn general_view() -> TiltGeometry {
        TiltGeometry {
            x_tilt: Degrees(3.0).radians(),
            tilt_angle: Degrees(-37.0).radians(),
            tilt_axis_angle: Degrees(84.1).radians(),
            affine: DMat2::from_cols(DVec2::new(1.02, 0.01), DVec2::new(-0.02, 0.98)),
            shift: DVec2::new(7.3, -11.9),
            deformation: None,
        }
    }

    #[test]
    fn the_pair_is_adjoint() {
        let mut random = thon_compute::seed_stream(5, "projector", 0);
        let grid = Grid::new([9, 20, 23], PixelSize(4.0));
        let projector = Projector::new(grid, PixelSize(5.0), [17, 22]).unwrap();
        let volume: Vec<f32> = (0..grid.len())
            .map(|_| random.random_range(-1.0..1.0))
            .collect();
        let image: Vec<f32> = (0..17 * 22)
            .map(|_| random.random_range(-1.0..1.0))
            .collect();
        for view in [general_view(), TiltGeometry::tilted(Degrees(0.0).radians())] {
            let projected = projector.forward(&volume, &view).unwrap();
            let mut back = vec![0.0; grid.len()];
            projector.add_adjoint(&image, &view, &mut back).unwrap();
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter()
                    .zip(b)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum()
            };
            let (left, right) = (dot(&projected, &image), dot(&volume, &back));
            assert!(left.abs() > 1.0);
            assert!(
                (left - right).abs() < 1e-5 * left.abs(),
                "{left} against {right}"
            );
        }
    }

    #[test]
    fn a_voxel_lands_where_the_chain_says() {
        let grid = Grid::new([21, 40, 40], PixelSize(4.0));
        let projector = Projector::new(grid, PixelSize(5.0), [64, 70]).unwrap();
        let mut volume = vec![0.0; grid.len()];
        let voxel = [4, 30, 12];
        volume[(voxel[0] * 40 + voxel[1]) * 40 + voxel[2]] = 2.0;
        let image = projector.forward(&volume, &general_view()).unwrap();
        let expected =
            general_view().project_to_pixel(grid.point_at(voxel), PixelSize(5.0), [64, 70]);
        let mut sum = 0.0;
        let mut centre = DVec2::ZERO;
        for (index, &value) in image.iter().enumerate() {
            sum += f64::from(value);
            centre += DVec2::new((index % 70) as f64, (index / 70) as f64) * f64::from(value);
        }
        assert!((centre / sum - expected).length() < 1e-5);
        // Mass is conserved: density × voxel volume = Σ image × pixel area.
        assert!((sum * 25.0 - 2.0 * 64.0).abs() < 1e-4);
    }
}

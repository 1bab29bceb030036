//! A named sampling of the specimen frame: size, voxel edge and where its centre voxel lies.
//!
//! Every tomogram of a tilt series, whatever its binning, is a grid over the same frame;
//! coordinates are never rescaled.

use glam::DVec3;
use serde::{Deserialize, Serialize};
use thon_units::PixelSize;

use crate::{Point, Specimen};

/// A regular grid of voxels over the specimen frame.
///
/// ```
/// use thon_geometry::{Grid, Point, Specimen};
/// use thon_units::PixelSize;
/// let grid = Grid::new([5, 6, 7], PixelSize(10.0));      // [z, y, x]
/// // The centre voxel ⌊n/2⌋ sits on the origin: x = 3, y = 3, z = 2.
/// assert_eq!(grid.index_of(Point::new(0.0, 0.0, 0.0)).to_array(), [3.0, 3.0, 2.0]);
/// assert_eq!(grid.point_at([0, 0, 0]), Point::<Specimen>::new(-30.0, -30.0, -20.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Number of voxels, `[z, y, x]`.
    pub dims: [usize; 3],
    /// Edge length of a voxel.
    pub voxel_size: PixelSize,
    /// Where the centre voxel ⌊n/2⌋ lies in the specimen, in Å.
    pub centre: Point<Specimen>,
}

impl Grid {
    /// A grid whose centre voxel lies on the origin of the specimen frame.
    pub fn new(dims: [usize; 3], voxel_size: PixelSize) -> Self {
        Self {
            dims,
            voxel_size,
            centre: Point::new(0.0, 0.0, 0.0),
        }
    }

    /// The centre voxel ⌊n/2⌋ as (x, y, z).
    pub fn centre_index(&self) -> DVec3 {
        let [nz, ny, nx] = self.dims;
        DVec3::new((nx / 2) as f64, (ny / 2) as f64, (nz / 2) as f64)
    }

    /// Position of voxel `[z, y, x]`.
    pub fn point_at(&self, [z, y, x]: [usize; 3]) -> Point<Specimen> {
        self.point_at_index(DVec3::new(x as f64, y as f64, z as f64))
    }

    /// Position of a fractional voxel index (x, y, z).
    pub fn point_at_index(&self, index: DVec3) -> Point<Specimen> {
        Point::from_vector(self.centre.xyz + (index - self.centre_index()) * self.voxel_size.0)
    }

    /// Fractional voxel index (x, y, z) of a position; voxel centres are integers.
    pub fn index_of(&self, point: Point<Specimen>) -> DVec3 {
        (point.xyz - self.centre.xyz) / self.voxel_size.0 + self.centre_index()
    }

    /// Number of voxels in all.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// True when the grid has no voxel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

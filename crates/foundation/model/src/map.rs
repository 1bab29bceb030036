//! Volumes with a voxel size: reference maps, half maps, masks.

use ndarray::Array3;
use thon_units::PixelSize;

/// A density map `[z, y, x]`; its origin is the centre voxel ⌊n/2⌋.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Density values.
    pub data: Array3<f32>,
    /// Edge length of a voxel.
    pub voxel_size: PixelSize,
}

impl Map {
    /// A map from its parts.
    pub fn new(data: Array3<f32>, voxel_size: PixelSize) -> Self {
        Self { data, voxel_size }
    }

    /// Number of voxels `[z, y, x]`.
    pub fn dims(&self) -> [usize; 3] {
        let (z, y, x) = self.data.dim();
        [z, y, x]
    }
}

/// A soft mask: a map with values in [0, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Mask(pub Map);

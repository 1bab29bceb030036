//! Voxel indices of a grid to Å in the specimen frame, one axis at a time.

use thon_geometry::Grid;

/// x of column `x`, Å.
pub(super) fn x_of(grid: &Grid, x: usize) -> f64 {
    (x as f64 - (grid.dims[2] / 2) as f64) * grid.voxel_size.0 + grid.centre.xyz.x
}

/// y of row `y`, Å.
pub(super) fn y_of(grid: &Grid, y: usize) -> f64 {
    (y as f64 - (grid.dims[1] / 2) as f64) * grid.voxel_size.0 + grid.centre.xyz.y
}

/// z of section `z`, Å.
pub(super) fn z_of(grid: &Grid, z: usize) -> f64 {
    (z as f64 - (grid.dims[0] / 2) as f64) * grid.voxel_size.0 + grid.centre.xyz.z
}

/// Fractional row of a coordinate along the axis, Å.
pub(super) fn row_of(grid: &Grid, along: f64) -> f64 {
    (along - grid.centre.xyz.y) / grid.voxel_size.0 + (grid.dims[1] / 2) as f64
}

/// Smallest and largest of some numbers.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> [f64; 2] {
    values
        .into_iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
            [low.min(value), high.max(value)]
        })
}

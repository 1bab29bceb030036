//! Real-space crop and pad about the centre voxel.

use ndarray::{Array2, Array3, Axis};

/// (first source index, first target index, common length) of an axis whose voxel floor(n/2) stays in place.
fn overlap(from: usize, to: usize) -> (usize, usize, usize) {
    let source = (from / 2).saturating_sub(to / 2);
    let target = (to / 2).saturating_sub(from / 2);
    (
        source,
        target,
        (from - source.min(from)).min(to - target.min(to)),
    )
}

/// Cuts or extends a volume to the extents `to`, voxel floor(n/2) staying the centre; new voxels are `fill`.
pub fn crop_or_pad3(volume: &Array3<f32>, to: [usize; 3], fill: f32) -> Array3<f32> {
    let (nz, ny, nx) = volume.dim();
    let [(sz, tz, lz), (sy, ty, ly), (sx, tx, lx)] =
        [overlap(nz, to[0]), overlap(ny, to[1]), overlap(nx, to[2])];
    let mut result = Array3::from_elem(to, fill);
    result
        .slice_mut(ndarray::s![tz..tz + lz, ty..ty + ly, tx..tx + lx])
        .assign(&volume.slice(ndarray::s![sz..sz + lz, sy..sy + ly, sx..sx + lx]));
    result
}

/// As [`crop_or_pad3`] for an image `[y, x]`.
pub fn crop_or_pad2(image: &Array2<f32>, to: [usize; 2], fill: f32) -> Array2<f32> {
    crop_or_pad3(&image.clone().insert_axis(Axis(0)), [1, to[0], to[1]], fill)
        .index_axis_move(Axis(0), 0)
}

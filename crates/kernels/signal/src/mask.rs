//! Masks: 1 inside, 0 outside, half a cosine between.
//!
//! Lengths are in voxels, points `(x, y, z)`. Edges lie outside the shape: the mask is 1 up to the shape's surface and
//! falls as (1 + cos(π·d/edge))/2 with the distance d from it. Edge 0 is a step at the surface.

mod component;
mod distance;
mod from_map;
mod shape;

pub use component::{components, largest_component};
pub use distance::distance_squared_to;
pub use from_map::{
    MaskShape, apply, apply_with_mean, mask_from_map, soften, threshold, volume_fraction,
};
pub use shape::{box_centre, cuboid, cylinder, soft_edge, sphere};

#[cfg(test)]
mod tests;

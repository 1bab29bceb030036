//! Centre conventions of images and volumes, in exact halves of a pixel.
//!
//! The model counts from pixel ⌊n/2⌋. IMOD turns about the middle of the image edges, which is index (n−1)/2;
//! RELION 5 measures centred coordinates from n/2 (a half index when n is odd). All functions give index
//! distances along axes (x, y, z) for sizes `[z, y, x]` or `[y, x]`.

use glam::{DVec2, DVec3};

/// Longest edge of an image or volume that a file may state; beyond it the file is wrong.
pub(crate) const LONGEST: usize = 1_000_000;

/// Half a pixel when `n` is even, else 0: how far index ⌊n/2⌋ lies behind the middle of the edges (n−1)/2.
fn behind_edge_middle(n: usize) -> f64 {
    if n.is_multiple_of(2) { 0.5 } else { 0.0 }
}

/// Half a pixel when `n` is odd, else 0: how far n/2 lies behind index ⌊n/2⌋.
fn half_of_odd(n: usize) -> f64 {
    if n.is_multiple_of(2) { 0.0 } else { 0.5 }
}

/// What to add to a position from ⌊n/2⌋ to have it from (n−1)/2; size `[z, y, x]`.
pub fn from_edge_middle([z, y, x]: [usize; 3]) -> DVec3 {
    DVec3::new(
        behind_edge_middle(x),
        behind_edge_middle(y),
        behind_edge_middle(z),
    )
}

/// The same for an image of size `[y, x]`.
pub fn image_from_edge_middle([y, x]: [usize; 2]) -> DVec2 {
    DVec2::new(behind_edge_middle(x), behind_edge_middle(y))
}

/// What to add to a position from n/2 to have it from ⌊n/2⌋; size `[z, y, x]`.
pub fn from_floor_of_half([z, y, x]: [usize; 3]) -> DVec3 {
    DVec3::new(half_of_odd(x), half_of_odd(y), half_of_odd(z))
}

/// Index (x, y, z) of the centre voxel ⌊n/2⌋ of a volume `[z, y, x]`.
pub fn centre_index([z, y, x]: [usize; 3]) -> DVec3 {
    DVec3::new((x / 2) as f64, (y / 2) as f64, (z / 2) as f64)
}

/// Index (x, y) of the centre pixel ⌊n/2⌋ of an image `[y, x]`.
pub fn image_centre_index([y, x]: [usize; 2]) -> DVec2 {
    DVec2::new((x / 2) as f64, (y / 2) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_centres_differ_by_exact_halves() {
        for n in 1..9usize {
            let floor = (n / 2) as f64;
            assert_eq!(floor - behind_edge_middle(n), (n as f64 - 1.0) / 2.0);
            assert_eq!(floor + half_of_odd(n), n as f64 / 2.0);
        }
    }
}

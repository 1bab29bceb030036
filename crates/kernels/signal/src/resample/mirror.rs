//! The mirror image of a volume.

use ndarray::Array3;

/// x → −x about voxel floor(n/2) of a volume `[z, y, x]`; the first column of an even grid has no partner and stays.
pub fn mirror3(volume: &Array3<f32>) -> Array3<f32> {
    let nx = volume.dim().2;
    let about = 2 * (nx / 2) + nx;
    Array3::from_shape_fn(volume.dim(), |(z, y, x)| volume[[z, y, (about - x) % nx]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_twice_is_nothing_and_the_centre_stays() {
        for nx in [4, 5] {
            let data = Array3::from_shape_fn((2, 3, nx), |(z, y, x)| (z * 100 + y * 10 + x) as f32);
            assert_eq!(mirror3(&mirror3(&data)), data);
            assert_eq!(mirror3(&data)[[1, 2, nx / 2]], data[[1, 2, nx / 2]]);
            assert_ne!(mirror3(&data), data);
        }
    }
}

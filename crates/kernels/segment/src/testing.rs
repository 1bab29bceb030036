//! Points with known sheets, for tests.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_geometry::glam::Vec3;

use crate::ridge::SheetPoint;

/// Points spread evenly over a sphere, moved along their normals by up to `jitter` voxels.
pub(crate) fn sphere_points(
    centre: Vec3,
    radius: f32,
    count: usize,
    jitter: f32,
) -> Vec<SheetPoint> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let golden = std::f32::consts::PI * (3.0 - 5.0_f32.sqrt());
    (0..count)
        .map(|i| {
            let z = 1.0 - 2.0 * (i as f32 + 0.5) / count as f32;
            let r = (1.0 - z * z).sqrt();
            let angle = golden * i as f32;
            let normal = Vec3::new(r * angle.cos(), r * angle.sin(), z);
            let shift = jitter * random.random_range(-1.0_f32..=1.0);
            SheetPoint {
                position: centre + normal * (radius + shift),
                normal,
                strength: 1.0,
            }
        })
        .collect()
}

/// Points anywhere, turned anyhow.
pub(crate) fn noise_points([nz, ny, nx]: [usize; 3], count: usize, seed: u64) -> Vec<SheetPoint> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let size = Vec3::new(nx as f32, ny as f32, nz as f32);
    let mut place = || Vec3::from_array(std::array::from_fn(|_| random.random_range(0.0_f32..1.0)));
    (0..count)
        .map(|_| SheetPoint {
            position: place() * size,
            normal: (place() - Vec3::splat(0.5))
                .try_normalize()
                .unwrap_or(Vec3::Z),
            strength: 1.0,
        })
        .collect()
}

//! The centre that the axes of a map pass through.

use glam::DVec3;
use ndarray::Array3;

/// The centre of mass of what lies more than a standard deviation above the mean within `radius` voxels, relative to voxel ⌊n/2⌋, (x, y, z) in voxels;
/// the sphere follows the centre three times. None when nothing does.
pub fn centre_of_mass(map: &Array3<f32>, radius: f64) -> Option<DVec3> {
    let mut centre = DVec3::ZERO;
    for _ in 0..3 {
        let level = level_within(map, centre, radius)?;
        let mut mass = 0.0;
        let mut moment = DVec3::ZERO;
        for (place, value) in within(map, centre, radius) {
            let above = (f64::from(value) - level).max(0.0);
            mass += above;
            moment += place * above;
        }
        if mass <= 0.0 {
            return None;
        }
        centre = moment / mass;
    }
    Some(centre)
}

/// Mean plus standard deviation.
fn level_within(map: &Array3<f32>, centre: DVec3, radius: f64) -> Option<f64> {
    let sums = within(map, centre, radius).fold([0.0; 3], |[n, sum, squares], (_, v)| {
        let v = f64::from(v);
        [n + 1.0, sum + v, squares + v * v]
    });
    let mean = sums[1] / sums[0];
    (sums[0] > 0.0).then(|| mean + (sums[2] / sums[0] - mean * mean).max(0.0).sqrt())
}

/// Voxels within a radius of a centre: place relative to voxel ⌊n/2⌋, and value.
fn within(
    map: &Array3<f32>,
    centre: DVec3,
    radius: f64,
) -> impl Iterator<Item = (DVec3, f32)> + '_ {
    let half = map.dim().0 / 2;
    let at = move |i: usize| i as f64 - half as f64;
    map.indexed_iter()
        .map(move |((z, y, x), value)| (DVec3::new(at(x), at(y), at(z)), *value))
        .filter(move |(place, _)| place.distance_squared(centre) <= radius * radius)
}

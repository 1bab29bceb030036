//! Projected-point tests: 60 points of a helix, projected by formulas written straight from each format's own
//! definition (module `independent`, which knows nothing of the crate), before and after chains of conversions.

mod chains;
mod independent;
mod real_alignments;
mod synthetic;
mod warp_cross_check;

use glam::DVec3;
use thon_model::TiltSeries;

/// Largest deviation the criterion allows, px.
pub const PIXELS: f64 = 0.01;
/// Largest change of defocus allowed, Å.
pub const DEFOCUS: f64 = 1.0;

/// A right-handed helix of 60 points about z, filling a volume of `size` (x, y, z) about the origin.
pub fn helix(size: DVec3) -> Vec<DVec3> {
    (0..60)
        .map(|step| {
            let turn = f64::from(step) * 0.45;
            let height = f64::from(step) / 59.0 - 0.5;
            let radius = 0.15 + 0.3 * f64::from(step) / 59.0;
            DVec3::new(
                radius * turn.cos() * size.x,
                radius * turn.sin() * size.y,
                height * size.z,
            )
        })
        .collect()
}

/// Size of the volume of a series in Å, or of something like it.
pub fn extent(series: &TiltSeries) -> DVec3 {
    let [z, y, x] = series.volume_size.unwrap_or([1200, 3600, 3600]);
    DVec3::new(x as f64, y as f64, z as f64) * series.pixel_size.0
}

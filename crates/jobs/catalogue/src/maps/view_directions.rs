//! Along which directions of its own frame every particle of a set was seen.

use std::collections::BTreeMap;

use thon_contract::JobError;
use thon_geometry::glam::DVec3;
use thon_model::{ParticleSet, TiltSeries};
use thon_units::Degrees;

/// Tilts of a range that no series states are this far apart.
const STEP: f64 = 3.0;

/// The beam in each particle's frame for every image that is used, each weighing 1.
///
/// With tilt series their aligned geometry counts; otherwise tilts every 3° from −`range` to +`range` about y.
pub(super) fn view_directions(
    particles: &ParticleSet,
    series: &[TiltSeries],
    range: Degrees,
) -> Result<Vec<(DVec3, f64)>, JobError> {
    let beams: BTreeMap<&str, Vec<DVec3>> = series
        .iter()
        .map(|series| (series.name.as_str(), beams(series)))
        .collect();
    let steps = (range.0 / STEP).floor() as i32;
    let stage: Vec<DVec3> = (-steps..=steps)
        .map(|step| {
            let tilt = (f64::from(step) * STEP).to_radians();
            DVec3::new(-tilt.sin(), 0.0, tilt.cos())
        })
        .collect();
    let mut views = Vec::new();
    for particle in particles.iter() {
        let beams = if series.is_empty() {
            &stage
        } else {
            beams.get(particle.tilt_series).ok_or_else(|| {
                JobError::data(format!(
                    "particle {}: its tilt series {} is not among those given",
                    particle.name, particle.tilt_series
                ))
            })?
        };
        let back = particle.pose.rotation.inverse();
        views.extend(beams.iter().map(|beam| (back.apply(*beam), 1.0)));
    }
    Ok(views)
}

/// The beam in the specimen for every used image with a geometry.
fn beams(series: &TiltSeries) -> Vec<DVec3> {
    series
        .used()
        .filter_map(|image| series.images[image].geometry)
        .map(|geometry| geometry.rotation().inverse().apply(DVec3::Z))
        .collect()
}

//! What keeps a tomogram from being made slice by slice, each from one row of every image.

use thon_contract::Finding;
use thon_model::TiltSeries;

/// The first used image that slices perpendicular to the tilt axis do not see one row of.
pub(crate) fn slice_findings(series: &TiltSeries) -> Option<Finding> {
    series.used().find_map(|index| {
        let geometry = series.images[index].geometry?;
        let place = format!("{}, image {}", series.name, index + 1);
        if geometry.x_tilt.0.abs() > 1e-9 {
            let message = "it has an x-tilt; slices across the axis do not see one row of it";
            return Some(
                Finding::error(place, message)
                    .with_hint("use tomogram.reconstruct-wbp, with its ramp or SIRT-like filter"),
            );
        }
        (geometry.tilt_angle.0.cos().abs() < 0.17)
            .then(|| Finding::error(place, "it is tilted by more than 80°").with_hint("exclude it"))
    })
}

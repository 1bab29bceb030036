//! How good an alignment is, by the images alone, whoever made it: no truth, no markers.
//!
//! Every view is predicted from all others with the geometries as they stand. Told of each view: its correlation with that prediction;
//! the displacement the images ask for beyond what a motion of the specimen explains; and how far two halves of the field disagree.
//! A better alignment of the same images has a higher correlation and smaller displacements. Shifts are seen directly, a wrong
//! axis or tilt through the correlation. Lengths in Å in the images.

use glam::DVec2;
use thon_geometry::TiltGeometry;

use crate::halves::{halves, without_height};
use crate::matching::by_tilt;
use crate::round::{Periods, Series};
use crate::views::AlignView;
use crate::{MarkerlessError, Specimen};

/// Newton steps of the displacement that the images ask for.
const STEPS: usize = 6;
/// Longest period, as a share of the field.
const LONGEST: f64 = 0.2;

/// What the images say about the geometry of one view.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewQuality {
    /// Correlation with its prediction from all other views where it stands, −1 to 1.
    pub score: f64,
    /// Length of the displacement that the images ask for, Å.
    pub displacement: f64,
    /// Standard deviation of that displacement, Å.
    pub deviation: f64,
    /// Half of the difference between the displacements of two halves of the field, Å.
    pub halves: f64,
}

/// What the images say about an alignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// One entry per view, in the order given.
    pub views: Vec<ViewQuality>,
    /// Mean correlation of all views.
    pub score: f64,
    /// Root mean square displacement of all views, Å.
    pub displacement: f64,
    /// Root mean square difference of the halves, Å.
    pub halves: f64,
}

/// Measures an alignment on views `[y, x]` down to periods of `shortest_period` Å.
///
/// # Errors
/// As [`crate::match_projections`].
pub fn assess(
    views: &[AlignView],
    geometries: &[TiltGeometry],
    specimen: Specimen,
    shortest_period: f64,
) -> Result<Quality, MarkerlessError> {
    let order = by_tilt(views, geometries)?;
    let (ny, nx) = views[0].pixels.dim();
    let field = ny.min(nx) as f64 * views[0].pixel_size;
    if !(shortest_period >= 2.0 * views[0].pixel_size && shortest_period < field / 8.0) {
        return Err(MarkerlessError::parameter(
            "shortest_period",
            &shortest_period,
            "2 pixels to an eighth of the field",
        ));
    }
    let series = Series {
        views: order.iter().map(|&i| &views[i]).collect(),
        geometry: order.iter().map(|&i| geometries[i]).collect(),
        specimen,
    };
    let periods = Periods {
        longest: LONGEST * field,
        shortest: shortest_period,
    };
    let band = series.band(periods);
    let still = series.round(&band, None, 0)?;
    let moved = series.round(&band, Some(&still.amplitudes), STEPS)?;
    let apart = halves(&series, periods, &still.amplitudes)?;
    let planes = series.planes()?;
    let depths: Vec<f64> = planes.iter().map(|plane| plane.depth).collect();
    let wanted: Vec<DVec2> = moved
        .joint
        .displacements
        .iter()
        .map(|d| DVec2::from_array(*d))
        .collect();
    let (rest, _) = without_height(&wanted, &depths);
    let mut found = vec![ViewQuality::default(); views.len()];
    for (at, &view) in order.iter().enumerate() {
        let to_image = planes[at].to_image;
        let [x, y] = moved.joint.deviations[at];
        found[view] = ViewQuality {
            score: still.joint.scores[at],
            displacement: (to_image * rest[at]).length(),
            deviation: (x * to_image.x_axis.length()).hypot(y * to_image.y_axis.length()),
            halves: apart.residuals[at],
        };
    }
    let count = found.len() as f64;
    let rms = |value: fn(&ViewQuality) -> f64| {
        (found.iter().map(|v| value(v).powi(2)).sum::<f64>() / count).sqrt()
    };
    Ok(Quality {
        score: found.iter().map(|v| v.score).sum::<f64>() / count,
        displacement: rms(|v| v.displacement),
        halves: rms(|v| v.halves),
        views: found,
    })
}

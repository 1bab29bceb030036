//! Coarse alignment as a method of its own: see [`crate::grow`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_geometry::TiltGeometry;

use crate::grow::{Grown, grow};
use crate::matching::by_tilt;
use crate::round::{Periods, Series};
use crate::views::AlignView;
use crate::{MarkerlessError, Specimen};

/// How coarse correlation proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CoarseOptions {
    /// What bounds the specimen: how far it looks the same from one tilt to the next.
    pub specimen: Specimen,
    /// Longest period compared, Å; half of the field when 0.
    #[schemars(range(min = 0.0))]
    pub longest_period: f64,
    /// Shortest period compared, Å; 1/24 of the field when 0.
    #[schemars(range(min = 0.0))]
    pub shortest_period: f64,
    /// Largest shift between neighbouring views, as part of the field.
    #[schemars(range(min = 0.01, max = 0.5))]
    pub largest_shift: f64,
}

impl Default for CoarseOptions {
    fn default() -> Self {
        Self {
            specimen: Specimen::Slab {
                thickness: thon_units::Angstrom(1500.0),
            },
            longest_period: 0.0,
            shortest_period: 0.0,
            largest_shift: 0.4,
        }
    }
}

/// One view of a coarse alignment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoarseView {
    /// Its geometry: what came in, with the shift found.
    pub geometry: TiltGeometry,
    /// Highest peak over the second highest; infinite for the view that everything started from.
    pub peak_ratio: f64,
    /// Height of the peak in standard deviations of the correlation.
    pub peak_height: f64,
}

/// Shifts of all views from nothing but their tilts and the tilt axis; shifts that the geometries have are forgotten.
///
/// # Errors
/// Fewer than 3 views, different extents, a view edge-on, periods that hold no frequency.
pub fn align_coarse(
    views: &[AlignView],
    geometries: &[TiltGeometry],
    options: &CoarseOptions,
) -> Result<Vec<CoarseView>, MarkerlessError> {
    let order = by_tilt(views, geometries)?;
    let mut series = Series {
        views: order.iter().map(|&i| &views[i]).collect(),
        geometry: order
            .iter()
            .map(|&i| TiltGeometry {
                shift: glam::DVec2::ZERO,
                ..geometries[i]
            })
            .collect(),
        specimen: options.specimen,
    };
    let (ny, nx) = views[0].pixels.dim();
    let field = ny.min(nx) as f64 * views[0].pixel_size;
    let or = |value: f64, automatic: f64| if value > 0.0 { value } else { automatic };
    let periods = Periods {
        longest: or(options.longest_period, field / 2.0),
        shortest: or(options.shortest_period, field / 24.0).max(2.5 * views[0].pixel_size),
    };
    if !(periods.longest > periods.shortest && periods.longest <= field) {
        return Err(MarkerlessError::parameter(
            "longest_period",
            &periods.longest,
            "longer than shortest_period, at most the field",
        ));
    }
    let band = series.band(periods);
    let grown: Vec<Grown> = grow(&mut series, &band, options.largest_shift)?;
    let mut result = vec![None; views.len()];
    for ((&view, geometry), grown) in order.iter().zip(&series.geometry).zip(&grown) {
        result[view] = Some(CoarseView {
            geometry: *geometry,
            peak_ratio: grown.ratio,
            peak_height: grown.height,
        });
    }
    Ok(result.into_iter().flatten().collect())
}

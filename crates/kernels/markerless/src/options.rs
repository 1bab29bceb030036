//! What projection matching is asked for, and what it answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_geometry::TiltGeometry;

use crate::Specimen;
use crate::profile::Profile;

/// How the tilt axis is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AxisSearch {
    /// Taken as it is.
    Fixed,
    /// Within so many degrees of what the series says.
    #[serde(rename = "range")]
    Range(f64),
    /// Over the half circle; which end of the axis is up, images cannot tell.
    Everywhere,
}

/// Whether tilts are changed so that the specimen lies level in the tomogram. Which plane "the specimen" lies in is that of the
/// matter in view: some degrees of a flat layer are chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Not even measured.
    Never,
    /// Measured; applied where the specimen rises by more than an eighth of its thickness from the middle of the field to its
    /// edge, as lamellae do.
    #[default]
    Automatic,
    /// Measured and applied.
    Always,
}

/// How projection matching proceeds.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchOptions {
    /// What bounds the specimen.
    pub specimen: Specimen,
    /// Whether its extent is found from the images.
    pub fit_extent: bool,
    /// How the tilt axis is found.
    pub axis: AxisSearch,
    /// Whether tilt offset and pitch, which make the specimen lie level, are found and applied.
    pub level: Level,
    /// Shortest period compared, Å.
    pub shortest_period: f64,
    /// Whether the shifts of the series are forgotten and found anew, and the largest step between views as part of the field.
    pub coarse: Option<f64>,
}

/// What is known of one view.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewReport {
    /// Correlation with its reprojection from all other views, −1 to 1.
    pub score: f64,
    /// Standard deviation of its shift in the image, Å, as the noise has it.
    pub deviation: f64,
    /// Half of the difference between the shifts of two halves of the field, Å.
    pub residual: f64,
    /// Height of the peak of the coarse search over the second highest; infinite for the first view, 0 without a search.
    pub peak_ratio: f64,
    /// Amplitude of the specimen relative to the other views; near 0 when the view shows something else.
    pub amplitude: f64,
}

/// An aligned series.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// Geometry of each view, in the order given.
    pub geometries: Vec<TiltGeometry>,
    /// What is known of each.
    pub reports: Vec<ViewReport>,
    /// The specimen with its extent as found.
    pub specimen: Specimen,
    /// Log-likelihood against the angle of the tilt axis, degrees.
    pub axis: Option<Profile>,
    /// Against the extent, Å.
    pub extent: Option<Profile>,
    /// Against the tilt offset, degrees.
    pub tilt_offset: Option<Profile>,
    /// Against the pitch, degrees.
    pub pitch: Option<Profile>,
    /// Per shell of the last round: period, Å, and part of the power that is specimen.
    pub signal: Vec<(f64, f64)>,
    /// Whether tilt offset and pitch are part of the geometries.
    pub levelled: [bool; 2],
    /// Slope of the specimen along the axis as two halves of the field have it, rad.
    pub slope: f64,
}

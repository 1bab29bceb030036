//! A reconstructed volume of a tilt series.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thon_geometry::Grid;

/// How a tomogram was weighted; decides what it may be used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// Weighted back-projection with a linear response: fit for subtomogram averaging.
    BackProjection,
    /// Anything filtered for viewing or picking only, in words.
    DisplayOnly(String),
    /// Not known: the volume was imported.
    Unknown,
}

/// A tomogram: a volume file sampled on a grid over the specimen frame of its tilt series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tomogram {
    /// Name, unique in its set.
    pub name: String,
    /// Name of the tilt series it was reconstructed from.
    pub tilt_series: String,
    /// Size, voxel size and place in the specimen frame.
    pub grid: Grid,
    /// The volume (MRC).
    pub path: PathBuf,
    /// Volumes of the two halves (even/odd frames or tilts), if there are any.
    pub halves: Option<[PathBuf; 2]>,
    /// How it was weighted.
    pub weighting: Weighting,
}

//! What an iteration changed, and how well things are known after it.

use serde::{Deserialize, Serialize};

/// Where poses were looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// Over all orientations, and from the modes known before.
    Global,
    /// From the modes known before.
    Local,
    /// Nowhere: poses stay.
    Fixed,
}

/// One iteration in figures. Angles in degrees, lengths in Å.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IterationReport {
    /// Number of the iteration, from 1.
    pub iteration: usize,
    /// Where poses were looked for.
    pub search: Search,
    /// Finest resolution of the data used, Å.
    pub band: f64,
    /// Resolution after the iteration: last shell before the FSC falls below 0.143, Å; for classes, where the data stop
    /// to outweigh the prior.
    pub resolution: f64,
    /// Fourier shell correlation of the halves by shell; empty for classification.
    pub fsc: Vec<f64>,
    /// Root mean square turn of the best pose since the last iteration, of particles that stayed in their mode.
    pub angle_change: f64,
    /// Root mean square move of the best pose, of particles that stayed in their mode.
    pub shift_change: f64,
    /// Share of particles whose best pose is more than half a step of the search grid from the last.
    pub jumps: f64,
    /// Share of particles whose best class changed.
    pub class_changes: f64,
    /// Mean of 1/Σ weight² over modes.
    pub effective_modes: f64,
    /// Median over particles of the stated standard deviation of the rotation (root of the sum over three axes).
    pub angle_uncertainty: f64,
    /// Median over particles of the stated standard deviation of the shift (root of the sum over three axes).
    pub shift_uncertainty: f64,
    /// Estimated deviation of shifts from the picked positions, per axis.
    pub offset_sigma: f64,
    /// Σ over particles of the log-likelihood of the best pose relative to no particle.
    pub log_likelihood: f64,
    /// Share of each class.
    pub class_shares: Vec<f64>,
    /// Smallest and largest scale of a group.
    pub scales: [f64; 2],
    /// Rise and twist that the half maps were found to have; none where none were looked for.
    #[serde(default)]
    pub helix: Option<crate::helix::HelixFit>,
}

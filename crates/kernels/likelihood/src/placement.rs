//! Where a particle is: rotations, shifts, and what is known of them.

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};

/// A rotation and a shift of the reference in the data frame of a particle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Reference → data frame, active, unit.
    pub rotation: DQuat,
    /// Displacement of the particle from the centre of its box, voxels (x, y, z).
    pub shift: DVec3,
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            rotation: DQuat::IDENTITY,
            shift: DVec3::ZERO,
        }
    }
}

impl Placement {
    /// Moved by (ω, t): exp(ω) · rotation, shift + t.
    #[must_use]
    pub fn moved(&self, step: &[f64; 6]) -> Self {
        let turn = DVec3::new(step[0], step[1], step[2]);
        Self {
            rotation: (DQuat::from_scaled_axis(turn) * self.rotation).normalize(),
            shift: self.shift + DVec3::new(step[3], step[4], step[5]),
        }
    }
}

/// A placement of a class that is worth polishing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Class of the reference, from 0.
    pub class: u32,
    /// Where the particle may be.
    pub placement: Placement,
}

/// A placement that stands for a share of a posterior.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Representative {
    /// Class of the reference, from 0.
    pub class: u32,
    /// Where the particle may be.
    pub placement: Placement,
    /// Share; those of a particle sum to 1.
    pub weight: f64,
}

/// One maximum of a posterior, with a Gaussian around it (Laplace's approximation).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    /// The maximum.
    pub placement: Placement,
    /// Class of the reference, from 0.
    pub class: u32,
    /// Log-likelihood at the maximum relative to no particle, with the log of the prior.
    pub log_posterior: f64,
    /// Covariance of (ω, t): rotation vector in the data frame in radians (rotation ← exp(ω) · rotation), shift in voxels.
    pub covariance: [[f64; 6]; 6],
    /// Share of the posterior, so that all modes of a particle sum to 1.
    pub weight: f64,
}

/// What is known of the placement of one particle: at least one mode, heaviest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// The modes.
    pub modes: Vec<Mode>,
}

impl Posterior {
    /// The heaviest mode.
    pub fn best(&self) -> &Mode {
        &self.modes[0]
    }
}

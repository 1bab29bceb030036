//! Tilt-series alignment from tracked points: fiducials, bundle adjustment, local models.
//!
//! ```text
//!   images ──beads──▶ positions ──tracking──▶ tracks ──adjust──▶ geometry of every view, specimen points, residuals
//! ```
//!
//! A [`Track`] is one point of the specimen seen on many views (a gold bead, the centre of a patch); [`adjust`] finds
//! the geometry of the views and the places of the points together. Positions are Å in the raw image from its centre
//! pixel ⌊n/2⌋, as in [`thon_geometry::TiltGeometry`]; images are never resampled. Everything is deterministic.

pub mod adjust;
pub mod beads;
pub mod compare;
mod error;
pub mod level;
pub mod local;
pub mod slab;

pub use adjust::{
    Adjustment, Grouping, Observation, Prior, Robust, Solution, Track, Variable, ViewNoise,
    ViewReport, adjust,
};
pub use beads::{BeadAlignment, BeadOptions, Diagnosis, Images, align_beads};
pub use compare::{Comparison, ViewDifference, compare};
pub use error::AlignError;
pub use level::{Levelling, level};
pub use local::{
    Course, Field, LocalAlignment, LocalInput, LocalModel, LocalOptions, Motion, Trial,
    align_locally,
};
pub use slab::{Slab, SlabOptions, find_slab};

//! Refinement and classification of particles in three dimensions, by iterations of expectation and maximisation.
//!
//! * [`refine`]: gold-standard refinement of one map in two halves.
//! * [`classify`]: K maps, with and without alignment.
//! * [`iterate`], [`expect_block`], [`reduce`]: one iteration, whole or in blocks; [`State`] is what one leaves to the
//!   next, as bytes if need be.
//! * [`compare_poses`]: how far two sets of poses are apart, their frames brought together.
//!
//! Particles come from a [`thon_likelihood::ParticleSource`], one unit at a time; nothing here knows files. Maps are
//! `[z, y, x]` with the origin at voxel ⌊n/2⌋; placements have shifts in voxels; figures in reports are Å and degrees.
//! Same input and seed, same bytes: for any number of threads, any division into blocks, stopped and resumed or not.

mod agreement;
mod bytes;
pub mod classify;
mod columns;
mod directions;
mod error;
mod halves;
mod helix;
mod input;
mod iterate;
mod noise;
mod options;
pub mod refine;
mod report;
mod state;

pub use agreement::{PlacedAt, PoseAgreement, compare_poses};
pub use directions::AngularDistribution;
pub use error::AverageError;
pub use halves::draw_halves;
pub use helix::{Axis, Helix, HelixFit};
pub use input::Input;
pub use iterate::{BlockResult, ParticleRow, UNIT, block_ranges, expect_block, iterate, reduce};
pub use noise::Weighting;
pub use options::{
    Alignment, ClassifyOptions, FscMeasure, PoseOptions, RefineOptions, StartingPoses,
    TargetOptions,
};
pub use report::{IterationReport, Search};
pub use state::{Head, State, Status, Task};

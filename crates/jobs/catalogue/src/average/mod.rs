//! Refinement and classification of particles in three dimensions, and subsets of their sets.

mod asked;
mod classify;
mod columns;
mod compare;
mod cones;
mod findings;
mod given_maps;
mod given_poses;
mod initial_model;
mod iterations;
mod placements;
mod refine;
mod report;
mod select;
mod source;
mod stack_files;
mod subtract;
mod tilt_boxes;
mod volume_files;

pub(crate) use classify::ClassifyParticles;
pub(crate) use compare::CompareParticles;
pub(crate) use cones::cones_by_class;
pub(crate) use given_poses::{average_findings, block_bytes, sums_at_given_poses};
pub(crate) use initial_model::InitialModelJob;
pub(crate) use refine::RefineParticles;
pub(crate) use select::SelectParticles;
pub(crate) use subtract::SubtractSignal;
pub(crate) use tilt_boxes::{cut_particles, series_of};
pub(crate) use volume_files::read_volume;

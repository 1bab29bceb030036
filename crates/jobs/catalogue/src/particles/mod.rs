//! Jobs on particle sets.

mod particle_views;
mod reconstruct;
mod set_findings;

pub(crate) use particle_views::{ViewSettings, each_view, load_particles};
pub(crate) use reconstruct::ReconstructParticles;
pub(crate) use set_findings::view_findings;

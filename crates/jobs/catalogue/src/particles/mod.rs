//! Jobs on particle sets.

mod particle_views;
mod reconstruct;
mod set_findings;
mod stored_views;

pub(crate) use particle_views::{ViewSettings, each_view, load_particles};
pub(crate) use reconstruct::ReconstructParticles;
pub(crate) use set_findings::view_findings;

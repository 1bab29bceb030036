//! Jobs on particle sets.

mod carry_over;
mod particle_views;
mod reconstruct;
mod set_findings;
mod stored_views;

pub(crate) use carry_over::CarryOver;
pub(crate) use particle_views::{
    SeriesByName, ViewSettings, each_view, load_particles, normalise, tilts, transfer,
};
pub(crate) use reconstruct::ReconstructParticles;
pub(crate) use set_findings::{image_set_findings, view_findings, voxel_size};
pub(crate) use stored_views::{dark_protein, sections};

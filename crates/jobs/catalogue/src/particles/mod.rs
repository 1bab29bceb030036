//! Jobs on particle sets.

mod particle_views;
mod reconstruct;

pub(crate) use reconstruct::ReconstructParticles;

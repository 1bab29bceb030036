//! Files of particles on request: subtomograms, their 3D CTF models, their projections.

mod ctf_models;
mod extract_subtomograms;
mod from_images;
mod from_tomograms;
mod model_ctf;
mod project;
mod volume_paths;

pub(crate) use ctf_models::CtfModels;
pub(crate) use extract_subtomograms::ExtractSubtomograms;
pub(crate) use project::ProjectSubtomograms;

//! Jobs that write files for other programs; each says what they cannot hold.

mod aretomo;
mod class_files;
pub(crate) mod companions;
pub(crate) mod fiducial_model;
mod imod;
mod particles;
mod post_process;
mod projections;
mod refinement_files;
mod relion;
pub(crate) mod relion_project;
mod relion_refinement;
mod scene;
mod source_paths;
mod stack;
mod written;

pub(crate) use aretomo::ExportAretomo;
pub(crate) use imod::ExportImod;
pub(crate) use particles::ExportParticles;
pub(crate) use post_process::ExportPostProcess;
pub(crate) use projections::ExportProjections;
pub(crate) use relion::ExportRelion;
pub(crate) use relion_refinement::ExportRefinement;
pub(crate) use scene::ExportScene;
pub(crate) use stack::ExportStack;

//! Jobs that bring foreign files into the project: their metadata; images stay where they are.

pub(crate) mod acquisition;
mod aretomo;
mod ctf;
mod digital_micrograph;
mod etomo;
pub(crate) mod fiducial_model;
pub(crate) mod foreign_alignment;
pub(crate) mod foreign_readers;
pub(crate) mod given_files;
mod map;
mod mdoc;
mod microscope;
mod optimisation_set;
mod particles;
mod relion_2016;
pub(crate) mod relion_job;
mod relion_particles;
mod relion_tilt_series;
mod tilt_series_set;

pub(crate) use aretomo::ImportAretomo;
pub(crate) use ctf::ImportCtf;
pub(crate) use digital_micrograph::ImportDigitalMicrograph;
pub(crate) use etomo::ImportEtomo;
pub(crate) use map::ImportMap;
pub(crate) use mdoc::ImportMdoc;
pub(crate) use particles::{ImportParticles, frames as particle_frames};
pub(crate) use relion_2016::ImportRelion2016;
pub(crate) use relion_job::ImportRelionJob;
pub(crate) use relion_particles::ImportRelionParticles;
pub(crate) use relion_tilt_series::ImportRelionTiltSeries;
pub(crate) use tilt_series_set::{item_name, metadata_of};

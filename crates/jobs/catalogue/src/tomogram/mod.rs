//! Jobs that make tomograms.

mod correct_ctf;
mod deconvolve;
mod denoise;
mod local_resolution;
mod reconstruct_ctf;
mod reconstruct_iterative;
mod reconstruct_wbp;
mod rows;
mod slices;
mod transfer;
mod volume;

pub(crate) use correct_ctf::CorrectCtf;
pub(crate) use deconvolve::Deconvolve;
pub(crate) use denoise::Denoise;
pub(crate) use local_resolution::TomogramLocalResolution;
pub(crate) use reconstruct_ctf::ReconstructCtf;
pub(crate) use reconstruct_iterative::ReconstructIterative;
pub(crate) use reconstruct_wbp::ReconstructWbp;

pub(crate) use rows::{VolumeRows, memory_of, volume_findings};
pub(crate) use volume::{FileSink, Storage, pictures_of, recorded};

//! All jobs: one job, one file; declarations and I/O only, the numbers are made in the kernels.
//!
//! A job written but not listed in its room's `ALL` is reported by the compiler, since its module is
//! private and nothing constructs it.

mod acquire;
mod average;
mod classification;
mod ctf;
mod export;
mod extraction;
mod import;
mod kernel_errors;
mod maps;
mod movies;
mod particles;
mod picking;
mod pictures;
mod segmentation;
mod symmetry;
mod tilt_images;
mod tilt_series;
mod tomogram;

use thon_contract::{AnyJob, Border};

/// Every job, room by room, in the order of the work.
pub static ALL: &[&dyn AnyJob] = &[
    &acquire::SimulateTiltSeries,
    &import::ImportMdoc,
    &import::ImportDigitalMicrograph,
    &import::ImportRelionTiltSeries,
    &import::ImportRelionParticles,
    &import::ImportParticles,
    &import::ImportRelion2016,
    &import::ImportEtomo,
    &import::ImportAretomo,
    &import::ImportMap,
    &import::ImportCtf,
    &import::ImportRelionJob,
    &movies::FindGainOrientation,
    &movies::CorrectMotion,
    &tilt_series::Adopt,
    &tilt_series::Mirror,
    &tilt_series::CheckViews,
    &tilt_series::Exclude,
    &tilt_series::Clean,
    &tilt_series::FilterDose,
    &tilt_series::Bin,
    &tilt_series::AlignCoarse,
    &tilt_series::AlignPatches,
    &tilt_series::AlignProjections,
    &tilt_series::AlignFiducials,
    &tilt_series::AlignTracks,
    &tilt_series::AssessAlignment,
    &tilt_series::CompareAlignments,
    &tilt_series::Level,
    &tilt_series::LevelDensity,
    &ctf::Estimate,
    &ctf::Consensus,
    &tomogram::CorrectCtf,
    &tomogram::ReconstructWbp,
    &tomogram::ReconstructCtf,
    &tomogram::ReconstructIterative,
    &tomogram::Deconvolve,
    &tomogram::Denoise,
    &tomogram::TomogramLocalResolution,
    &picking::MatchTemplate,
    &picking::ExtractPeaks,
    &picking::PickBlobs,
    &segmentation::SegmentMembranes,
    &segmentation::TriangulateMembranes,
    &picking::MapBack,
    &segmentation::SampleMembranes,
    &picking::SampleGeometry,
    &picking::FitVesicles,
    &picking::Neighbours,
    &particles::ReconstructParticles,
    &particles::CarryOver,
    &picking::CurateParticles,
    &picking::RemoveDuplicates,
    &picking::FilterParticles,
    &picking::Consensus,
    &extraction::CtfModels,
    &extraction::ExtractSubtomograms,
    &extraction::ProjectSubtomograms,
    &average::InitialModelJob,
    &average::RefineParticles,
    &average::SubtractSignal,
    &average::ClassifyParticles,
    &average::SelectParticles,
    &average::CompareParticles,
    &classification::Class2d,
    &classification::PrincipalComponents,
    &maps::CreateMask,
    &maps::TransformMap,
    &maps::AlignMaps,
    &maps::CompareMaps,
    &maps::DifferenceMap,
    &maps::PostProcess,
    &maps::LocalResolutionJob,
    &maps::DirectionalFsc,
    &symmetry::FindSymmetry,
    &symmetry::ExpandSymmetry,
    &symmetry::ParticleParts,
    &export::ExportRelion,
    &export::ExportParticles,
    &export::ExportScene,
    &export::ExportProjections,
    &export::ExportImod,
    &export::ExportStack,
    &export::ExportAretomo,
    &export::ExportPostProcess,
    &export::ExportRefinement,
];

/// Where foreign files cross into runs: read as inputs, written beside results.
pub static BORDER: Border = Border {
    readers: &[
        import::foreign_readers::PARTICLES,
        import::foreign_readers::TILT_SERIES,
    ],
    companions: &[
        export::companions::REFINEMENT,
        export::companions::CLASSES,
        export::companions::POST_PROCESSING,
    ],
    acquisitions: &[import::acquisition::MDOC],
    projects: &[export::relion_project::RELION],
};

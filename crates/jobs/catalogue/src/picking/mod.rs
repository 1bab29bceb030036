//! Jobs that find particles in tomograms, and that thin out and compare sets of them.

mod blobs;
mod consensus;
mod curate;
mod duplicates;
mod extract_peaks;
mod filter;
mod fit_vesicles;
mod map_back;
mod match_template;
mod neighbours;
mod pick_set;
mod places;
mod sample_geometry;
mod search_record;
mod stamps;

pub(crate) use blobs::PickBlobs;
pub(crate) use consensus::Consensus;
pub(crate) use curate::CurateParticles;
pub(crate) use duplicates::RemoveDuplicates;
pub(crate) use extract_peaks::ExtractPeaks;
pub(crate) use filter::FilterParticles;
pub(crate) use fit_vesicles::FitVesicles;
pub(crate) use map_back::MapBack;
pub(crate) use match_template::MatchTemplate;
pub(crate) use neighbours::Neighbours;
pub(crate) use pick_set::PickSet;
pub(crate) use sample_geometry::SampleGeometry;
pub(crate) use stamps::Averages;

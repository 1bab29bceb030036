//! Jobs that find particles in tomograms, and that thin out and compare sets of them.

mod blobs;
mod consensus;
mod curate;
mod duplicates;
mod extract_peaks;
mod filter;
mod match_template;
mod pick_set;
mod places;
mod search_record;

pub(crate) use blobs::PickBlobs;
pub(crate) use consensus::Consensus;
pub(crate) use curate::CurateParticles;
pub(crate) use duplicates::RemoveDuplicates;
pub(crate) use extract_peaks::ExtractPeaks;
pub(crate) use filter::FilterParticles;
pub(crate) use match_template::MatchTemplate;
pub(crate) use pick_set::PickSet;

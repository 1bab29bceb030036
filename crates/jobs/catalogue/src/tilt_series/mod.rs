//! Jobs on tilt series.

mod adopt;
mod adopted;
mod align_coarse;
mod align_fiducials;
mod align_patches;
mod align_projections;
mod align_tracks;
mod assess_alignment;
mod bin;
mod check_views;
mod clean;
mod compare_alignments;
mod exclude;
mod fiducials;
mod filter_dose;
mod level;
mod local_motion;
mod markerless;
mod mirror;
pub(crate) mod treated;

pub(crate) use adopt::Adopt;
pub(crate) use align_coarse::AlignCoarse;
pub(crate) use align_fiducials::AlignFiducials;
pub(crate) use align_patches::AlignPatches;
pub(crate) use align_projections::AlignProjections;
pub(crate) use align_tracks::AlignTracks;
pub(crate) use assess_alignment::AssessAlignment;
pub(crate) use bin::Bin;
pub(crate) use check_views::CheckViews;
pub(crate) use clean::Clean;
pub(crate) use compare_alignments::CompareAlignments;
pub(crate) use exclude::Exclude;
pub(crate) use filter_dose::FilterDose;
pub(crate) use level::Level;
pub(crate) use mirror::Mirror;

//! Jobs on tilt series.

mod adopt;
mod adopted;
mod bin;
mod check_views;
mod clean;
mod exclude;
mod filter_dose;
mod mirror;
pub(crate) mod treated;

pub(crate) use adopt::Adopt;
pub(crate) use bin::Bin;
pub(crate) use check_views::CheckViews;
pub(crate) use clean::Clean;
pub(crate) use exclude::Exclude;
pub(crate) use filter_dose::FilterDose;
pub(crate) use mirror::Mirror;

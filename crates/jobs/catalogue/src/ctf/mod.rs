//! Contrast transfer of tilt series: estimated, and compared between estimates.

mod consensus;
mod estimate;
mod estimate_report;

pub(crate) use consensus::Consensus;
pub(crate) use estimate::Estimate;

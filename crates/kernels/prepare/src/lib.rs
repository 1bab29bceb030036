//! Preparing tilt images: outliers, gold, views that cannot be used, exposure filter, binning, order of exposure.
//!
//! * [`remove_peaks`]: X-rays and hot pixels are found and filled in.
//! * [`find_beads`], [`erase_beads`]: gold is found and filled in.
//! * [`filter_exposure`], [`bin_image`], [`normalise_image`]: what is done to whole images.
//! * [`ViewSurvey`]: dark, blocked, shifted and duplicate views, each with the reason.
//! * [`fixed_pattern`]: what a wrong gain reference leaves in all views.
//! * [`check_order`]: the order of exposure against time stamps, angles and intensities.
//!
//! Images are `[y, x]` slices of `f32`, matter dark; positions are `(x, y)` in pixels with pixel centres at integers.

mod beads;
mod bin;
mod exposure;
mod fill;
mod grain;
mod order;
mod peaks;
mod regression;
mod survey;

pub use beads::{BeadOptions, erase_beads, find_beads};
pub use bin::{bin_image, binned_size, normalise_image};
pub use exposure::filter_exposure;
pub use grain::{fixed_pattern, grain};
pub use order::{OrderFault, Scheme, TimedView, check_order, recognise_scheme};
pub use peaks::{PeakOptions, PeakReport, remove_peaks};
pub use survey::{SurveyOptions, ViewFault, ViewSurvey, ViewVerdict};

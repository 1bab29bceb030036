//! Tilt-series alignment without markers: coarse correlation, patch tracking, projection matching.
//!
//! * [`prepare_view`]: a raw image binned, gold in-painted, scaled; nothing of it is kept.
//! * [`match_projections`]: coarse correlation outwards from the lowest tilt, then projection matching of all views together, with
//!   tilt axis, specimen extent, tilt offset and pitch where the likelihood has its maximum.
//!
//! All geometry is [`thon_geometry::TiltGeometry`], of the raw images, in Å and radians.

mod coarse;
mod error;
mod gold;
mod grow;
mod halves;
mod joint;
mod matching;
mod plane;
mod precision;
mod profile;
mod round;
mod search;
mod specimen;
mod views;

pub use coarse::{CoarseOptions, CoarseView, align_coarse};
pub use error::MarkerlessError;
pub use gold::GoldOptions;
pub use matching::{Alignment, AxisSearch, MatchOptions, ViewReport, match_projections};
pub use profile::Profile;
pub use specimen::Specimen;
pub use views::{AlignView, binning_for, prepare_view};

//! Tilt-series alignment without markers: coarse correlation, patch tracking, projection matching.
//!
//! * [`prepare_view`]: a raw image binned, gold in-painted, scaled; nothing of it is kept.
//! * [`match_projections`]: coarse correlation outwards from the lowest tilt, then projection matching of all views together, with
//!   tilt axis, specimen extent, tilt offset and pitch where the likelihood has its maximum.
//! * [`align_coarse`]: the coarse correlation alone. [`track_patches`]: tracks for the bundle adjustment of `thon-align`.
//! * [`unusable_views`], [`check_order`], [`diagnose`], [`fixed_pattern`]: what is wrong with a series, by name.
//!
//! All geometry is [`thon_geometry::TiltGeometry`], of the raw images, in Å and radians.

mod assess;
mod coarse;
mod diagnose;
mod error;
mod gold;
mod grow;
mod halves;
mod joint;
mod matching;
mod needle;
mod options;
mod order;
mod patches;
mod plane;
mod precision;
mod profile;
mod round;
mod search;
mod sides;
mod specimen;
mod straight;
mod views;

pub use assess::{Quality, ViewQuality, assess};
pub use coarse::{CoarseOptions, CoarseView, align_coarse};
pub use diagnose::{Diagnosis, diagnose, fixed_pattern, unusable_views};
pub use error::MarkerlessError;
pub use gold::GoldOptions;
pub use matching::match_projections;
pub use options::{Alignment, AxisSearch, Level, MatchOptions, ViewReport};
pub use order::{OrderReport, check_order};
pub use patches::{PatchOptions, PatchTracks, track_patches};
pub use profile::Profile;
pub use specimen::Specimen;
pub use straight::straighten;
pub use views::{AlignView, binning_for, prepare_view};

//! IMOD and eTomo directories: stack, `.xf`, `.tlt`, `.xtilt`, `tilt.com`, `newst.com`, `.defocus`, both ways.
//!
//! IMOD turns about the middle of the image edges, (n−1)/2 counted in pixel indices; the model counts from
//! ⌊n/2⌋. With all lengths in pixels of the raw stack:
//!
//! ```text
//!   u       = x + δ_volume + offset           position from the rotation centre   (δ: ½ for even sizes)
//!   aligned = (Ry(tilt) Rx(x tilt) u)_xy + (axis offset, 0)
//!   raw     = A⁻¹ (aligned − d)               from the middle of the raw image; A, d: the line of the .xf
//!   tilt    = .tlt + OFFSET angle;            x tilt = .xtilt − XAXISTILT
//! ```
//!
//! The sense of XAXISTILT, OFFSET and SHIFT is that of IMOD's `tilt` (projection of model points). Volumes are meant
//! as rotated about x (`trimvol -rx`: z up, hand kept). A⁻¹ is split into axis rotation and in-plane deformation by
//! polar decomposition, so magnification and skew survive.

mod commands;
mod defocus;
mod directory;
mod export;
mod fiducials;
mod files;
mod geometry;
mod placement;
mod views;

pub use directory::{EtomoImport, read_directory};
pub use export::{EtomoExport, write_directory};
pub use fiducials::{DrawnOn, TrackedPoint, model_of, tracks_of};
pub use geometry::{geometry_of, transform_of};
pub use placement::Placement;

/// Source name of carried columns.
pub(crate) const SOURCE: &str = "imod";

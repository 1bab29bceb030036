//! Gold beads: found in every image, joined to tracks by their geometry, centred to a fraction of a pixel, adjusted.
//!
//! ```text
//!   images ─working scale─▶ candidates per view ─chains from the lowest tilt outward─▶ tracks ─adjust─▶ geometry
//!                                   ▲                                                     │
//!                      profile fit at the predicted places of all beads ◀────────────────┘   (a few rounds)
//! ```
//!
//! Candidates are peaks of the correlation with a dark projected ball; the chain predicts each bead in the next view
//! from its track so far (place and certainty of its height), so that both surfaces are followed. Centring fits the
//! mean radial profile of the series' own beads, Fresnel fringes included, to each bead with its neighbours removed:
//! the matched filter of this very series. Lengths Å, positions from the centre pixel ⌊n/2⌋ of the raw image.

mod associate;
mod centring;
mod chain;
mod detect;
mod diagnosis;
mod driver;
mod profile;
mod question;
mod radius;
mod refine;
mod tracker;
mod working;

pub use detect::Candidate;
pub use diagnosis::Diagnosis;
pub use driver::{BeadAlignment, BeadOptions, align_beads};

use ndarray::Array2;

/// The images of a series, for a kernel that knows no files.
pub trait Images: Sync {
    /// `[ny, nx]` of every image.
    fn size(&self) -> [usize; 2];
    /// One image, `[y, x]`; the error says which and why.
    fn load(&self, view: usize) -> Result<Array2<f32>, String>;
}

//! AreTomo's `.aln` (with `_CTF.txt`) to a [`TiltSeries`] and back.
//!
//! ROT, TX, TY and TILT are the model's chain: image = R(ROT)·(Ry(TILT) x) + (TX, TY), pixels of the raw stack from
//! pixel ⌊n/2⌋. TILT already holds AlphaOffset, which is a record and never added; BetaOffset is a record only.
//! Dark frames become excluded images. The sign of `dfHand` is that of the model: underfocus grows with depth for +1.

mod defocus;
mod export;
mod import;

pub use export::write_aretomo;
pub use import::{AretomoImport, read_aretomo};

/// Source name of carried columns.
const SOURCE: &str = "aretomo";
/// Reason of images AreTomo left out.
const DARK: &str = "dark frame (AreTomo)";

//! Foreign conventions end here: RELION, IMOD, AreTomo and SerialEM files to the model and back.
//!
//! Every conversion says what its target cannot hold ([`Losses`]); every import says what it decided
//! ([`Imported::remarks`]). Each is tested by round trips and by projected points against the foreign format's
//! own formulas.

pub mod aretomo;
mod centre;
mod columns;
mod ctf_results;
pub mod emdb;
mod error;
pub mod euler;
pub mod imod;
mod losses;
pub mod mdoc;
pub mod particles;
mod projection_matrix;
pub mod relion;
pub mod scene;

pub use ctf_results::adopt_ctf;
pub use error::{Contradiction, InteropError};
pub use losses::{Imported, Loss, LossKind, Losses};

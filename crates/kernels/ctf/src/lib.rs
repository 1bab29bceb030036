//! The contrast transfer function of an image and the loss of signal with exposure.
//!
//! * [`CtfModel`]: CTF(k) = −sin χ(k) of one image or of one point in a thick, tilted specimen, its phase, its
//!   zeros, and fast evaluation over a half spectrum.
//! * [`ExposureModel`]: how much amplitude is left at spatial frequency k after so much exposure.
//!
//! Scale factor and B factor envelope of a [`thon_model::Ctf`] are kept apart from the oscillating term, because
//! weights use them in different powers: an image is modelled as
//! `scale · envelope(k) · exposure(k) · CTF(k) · F(k)`.

mod exposure;
mod model;
mod sine;
mod spectrum;
mod zeros;

pub use exposure::{ExposureModel, critical_exposure, exposure_weight};
pub use model::CtfModel;
pub use spectrum::frequency_of_row;

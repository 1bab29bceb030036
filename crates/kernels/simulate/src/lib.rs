//! Ground truth: phantoms and the tilt series a microscope would record of them.
//!
//! * [`phantom`]: a specimen's potential as Gaussians; the embedded 70S ribosome; projections and volumes without
//!   interpolation error.
//! * [`options`]: everything that can be asked of a simulated series, with units.
//! * [`series`]: the series itself: true geometry, contrast transfer, doses and poses, and the images.
//! * [`bound`]: how well an ideal average of what was simulated can agree with the phantom.
//!
//! Same options, phantom and seed give the same bytes for any number of threads.

pub mod bound;
mod error;
mod gridding;
pub mod options;
pub mod phantom;
pub mod scheme;
pub mod series;

pub use bound::ResolutionBound;
pub use error::{PhantomError, SimulateError};
pub use options::{Hand, ShotNoise, SimulationOptions};
pub use phantom::Phantom;
pub use scheme::TiltScheme;
pub use series::{Defect, MovieMotion, Simulation, TiltRecording, ViewFault};

//! Ground truth: phantoms and the tilt series a microscope would record of them.

//! Files of IMOD and eTomo: transforms, angles, defocus, residuals, fiducials, local alignments, command files
//! and models. Values, units (pixels, degrees, nm) and centres are the files' own.

pub mod tilt_angles;
pub mod transforms;

//! Files of IMOD and eTomo: transforms, angles, defocus, residuals, fiducials, local alignments, command files,
//! settings and models. Values, units (pixels, degrees, nm) and centres are the files' own.
//!
//! `.zfac` (two Z factors per view) reads with [`tilt_angles`]; `model2point` text with
//! [`crate::numeric_table`].

pub mod command_file;
pub mod defocus;
pub mod fiducials;
pub mod local_alignment;
pub mod model;
pub mod number_list;
pub mod residuals;
pub mod settings;
pub mod tilt_angles;
pub mod transforms;

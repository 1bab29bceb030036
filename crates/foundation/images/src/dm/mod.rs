//! Gatan Digital Micrograph files, DM3 and DM4: tag tree, images, calibrations. Read only.
//!
//! The structure is the one published by users of the format: a header (version, length, byte order), then groups
//! of tags, each a group or a value; numbers of the structure are big-endian, values in the byte order that the
//! header names. Images are arrays of the tag tree under `ImageList`; the first index runs fastest.

mod image;
mod tags;
mod walker;

pub use image::{Calibration, DmFile, DmImage};
pub use tags::{Tag, TagArray};

pub(crate) const FORMAT: &str = "DM3/DM4";

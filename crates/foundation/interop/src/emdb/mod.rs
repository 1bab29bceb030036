//! Files that the Electron Microscopy Data Bank takes.

mod fsc_xml;

pub use fsc_xml::{FscDocument, read_fsc_xml, write_fsc_xml};

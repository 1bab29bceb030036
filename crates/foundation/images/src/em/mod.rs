//! EM files (TOM toolbox, Dynamo, AV3, novaSTA): volumes, masks and "motl" tables.
//!
//! 512-byte header: machine code (6 = little-endian PC, others big-endian), a byte of type code, nx ny nz, an
//! 80-character comment and 40 integers of free use; then nx·ny·nz samples, x fastest.

mod header;
mod reader;
mod writer;

pub use header::{EmHeader, HEADER_BYTES};
pub use reader::EmFile;
pub use writer::{EmSpec, write, write_file};

pub(crate) const FORMAT: &str = "EM";

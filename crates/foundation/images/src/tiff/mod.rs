//! TIFF and BigTIFF stacks of grey images (movies, gain references), read and written through the `tiff` crate.
//!
//! One page (directory) is one image. Rows come in file order; the orientation tag is ignored, as cryo-EM programs
//! do, and nothing is flipped. Samples are
//! those stored: "white is zero" files are not inverted. Sample types: unsigned 4, 8, 16, 32 bit, signed 8, 16, 32 bit, 16, 32, 64-bit
//! floats; compression: none, LZW, deflate, PackBits, Zstandard. The memory
//! for a page is bounded by what its stored bytes can decode to; Zstandard reserves up to 128 MiB besides.

mod page;
mod reader;
mod writer;

pub use page::TiffPage;
pub use reader::TiffStack;
pub use writer::{TiffCompression, TiffSample, TiffSpec, TiffWriter};

pub(crate) const FORMAT: &str = "TIFF";

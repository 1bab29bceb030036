//! Readers and writers of pixel containers: MRC, TIFF, EER, EM, DM, npy.
//!
//! No model types here: plain arrays in file order (x fastest, then y, then z), `f32` out, and the stored
//! sample type on request. Every reader compares what a header promises with the number of bytes that are
//! really there before it allocates anything, and never panics on hostile input.

pub mod byte_order;
pub mod compressed;
pub mod detect;
pub mod dm;
pub mod eer;
pub mod em;
mod error;
pub mod mrc;
pub mod npy;
pub mod sample;
pub mod source;
pub mod tiff;
mod tiff_directory;

pub use byte_order::ByteOrder;
pub use detect::{ImageKind, detect, detect_file};
pub use error::ImageError;
pub use sample::{SampleKind, Samples};
pub use source::ByteSource;

//! Readers and writers of pixel containers: MRC, TIFF, EER, EM, DM, npy.
//!
//! No model types here: plain arrays in file order (x fastest, then y, then z), `f32` out, and the stored
//! sample type on request. Every reader compares what a header promises with the number of bytes that are
//! really there before it allocates anything, and never panics on hostile input.
//!
//! | module | reads | writes |
//! |---|---|---|
//! | [`mrc`] | modes 0 1 2 3 4 6 12 101, both byte orders, extended headers, `.gz`, `.bz2` | modes 0 1 2 6 12 101 |
//! | [`tiff`] | grey TIFF and BigTIFF stacks | the same, stored, LZW or deflate |
//! | [`eer`] | electron events into fractions at 1, 2 or 4 times the camera's pixels | events and counts |
//! | [`em`] | all types, both byte orders | the same |
//! | [`npy`] | `.npy`, `.npz`, tables such as cryoSPARC's `.cs` | the same |
//! | [`dm`] | Digital Micrograph 3 and 4 | – |
//!
//! A file on disk is `Format::open(path)`, bytes in memory are `Format::parse(&bytes)`, anything else is
//! `Format::from_source`. [`detect`](detect()) says which format a file is.

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

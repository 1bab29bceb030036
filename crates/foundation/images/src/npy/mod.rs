//! NumPy files: `.npy` arrays of numbers, structured arrays such as cryoSPARC's `.cs`, and `.npz` archives.
//!
//! Format: NumPy enhancement proposal 1, versions 1 to 3. A header text, a Python dictionary, gives type, order and
//! shape; the data follow. Objects (pickled data) are refused. The header is parsed here, with bounded depth and
//! checked sizes, because the available crate multiplies hostile shapes without a check; archives go through the
//! zip crate.

mod archive;
mod array;
mod header;
mod literal;
mod writer;

pub use archive::{NpzFile, write_npz};
pub use array::NpyArray;
pub use header::{FieldKind, NpyField, NpyHeader};
pub use writer::{write_npy, write_npy_file, write_records};

pub(crate) const FORMAT: &str = "npy";

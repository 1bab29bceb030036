//! Readers and writers of the field's text, table and model files.
//!
//! Values stay as the file gives them: no model, no unit or convention change (that is `thon-interop`).
//! Every room has the same shape: `parse(text, name)`, `read(path)`, a writer, and a round trip.
//! All of them fail with one [`FormatError`]: file, line, what was expected, what was found, a hint.

pub mod aretomo;
pub mod ctffind;
pub mod dynamo;
pub mod error;
pub mod imod;
pub mod mdoc;
pub mod numeric_table;
pub mod portal;
pub mod pytom;
pub mod relion_text;
pub mod star;
pub mod text;
pub mod text_table;
pub mod triangles;
pub mod warp;
pub mod xml;

pub use error::FormatError;

//! Atomic models: PDB and mmCIF with their biological assemblies.
//!
//! [`read`] takes a plain or gzip-compressed file, recognised by content. Positions are in Å in the
//! frame of the file (right-handed, x, y, z); B factors in Å². Nothing is invented: a file without
//! atoms, with a coordinate that is not a number, or cut off in the middle of a row is an error.
//! The reader holds all models and alternate locations; occupancies weigh them.

mod assembly;
mod element;
mod error;
mod labels;
mod mmcif;
mod mmcif_assemblies;
mod model;
mod operators;
mod pdb;
mod remark350;
mod source;

pub use assembly::{Assembly, ChainNaming, Generator, MOST_OPERATORS};
pub use element::Element;
pub use error::AtomsError;
pub use labels::{LabelId, Labels};
pub use model::{Atom, AtomicModel, ModelFormat};

use std::path::Path;

/// Reads a PDB or mmCIF file, plain or gzip-compressed.
///
/// # Errors
/// [`AtomsError`] with file and line: not readable, not an atomic model, truncated or lying.
pub fn read(path: &Path) -> Result<AtomicModel, AtomsError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| AtomsError::Read {
        file: name.clone(),
        source,
    })?;
    parse(&bytes, &name)
}

/// Parses the bytes of a PDB or mmCIF file, plain or gzip-compressed; `name` is for messages.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str) -> Result<AtomicModel, AtomsError> {
    let text = source::plain_text(bytes, name)?;
    match source::recognise(&text) {
        Some(ModelFormat::Pdb) => pdb::parse(&text, name),
        Some(ModelFormat::Mmcif) => mmcif::parse(&text, name),
        None => Err(AtomsError::NotAModel {
            file: name.to_owned(),
        }),
    }
}

/// Which atomic-model format the text is in, judged by content only.
pub fn recognise(text: &str) -> Option<ModelFormat> {
    source::recognise(text)
}

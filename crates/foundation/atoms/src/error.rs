//! What can be wrong with an atomic model file.
use thiserror::Error;

/// Why an atomic model could not be read or expanded.
#[derive(Debug, Error)]
pub enum AtomsError {
    /// The file could not be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// File name.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The compressed file is damaged, or expands beyond reason.
    #[error("{file}: {what}\n  hint: fetch the file again, or decompress it by hand")]
    Compressed {
        /// File name.
        file: String,
        /// What is wrong with the compressed stream.
        what: String,
    },
    /// Neither PDB nor mmCIF.
    #[error("{file}: neither PDB nor mmCIF: no ATOM or HETATM record and no _atom_site table")]
    NotAModel {
        /// File name.
        file: String,
    },
    /// A field of a record is not what the format says.
    #[error("{file}:{line}: {field}: expected {expected}, found {found}")]
    Field {
        /// File name.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// Field, with its columns or label.
        field: String,
        /// What the format asks for.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The mmCIF text itself is broken.
    #[error(transparent)]
    Text(#[from] thon_formats::FormatError),
    /// An assembly that the file does not describe.
    #[error("assembly `{asked}` is not in the file; it has {}", list(.known))]
    UnknownAssembly {
        /// The name asked for.
        asked: String,
        /// Names in the file.
        known: Vec<String>,
    },
    /// An assembly with too many operators or atoms.
    #[error("{what}: {found}, at most {allowed} allowed")]
    TooLarge {
        /// What is too large.
        what: String,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        allowed: usize,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

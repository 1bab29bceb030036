//! Why a file could not be described: one clear sentence with the file and the place.
use thiserror::Error;

/// Why a file could not be described.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The system refused.
    #[error("{file}: cannot {action}: {source}")]
    System {
        /// File name.
        file: String,
        /// What was attempted.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Nothing in it.
    #[error("{file}: the file is empty\n  hint: is it still being written, or is the disk full?")]
    Empty {
        /// File name.
        file: String,
    },
    /// A pixel container that is truncated, lying or damaged.
    #[error("{file}: {source}")]
    Image {
        /// File name.
        file: String,
        /// What the reader said.
        source: thon_images::ImageError,
    },
    /// A text file that is not what it says; the message carries file and line.
    #[error(transparent)]
    Text(#[from] thon_formats::FormatError),
    /// An atomic model that cannot be read; the message carries the file.
    #[error(transparent)]
    Atoms(#[from] thon_atoms::AtomsError),
    /// Damage found here.
    #[error("{file}: {what}")]
    Damaged {
        /// File name.
        file: String,
        /// What is wrong: expected against found, with a hint where one helps.
        what: String,
    },
}

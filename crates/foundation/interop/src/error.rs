//! The one error of this crate: what cannot be brought into the model or out of it, where, and what helps.

use std::fmt;
use std::path::{Path, PathBuf};

use thon_formats::FormatError;
use thon_images::ImageError;

/// A foreign set of files that could not be understood, or a model that a foreign format cannot hold at all.
#[derive(Debug, thiserror::Error)]
pub enum InteropError {
    /// A text file does not follow its format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// An image file does not follow its format.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A file that belongs to the set is not there.
    #[error("file not found: {path} ({role})", path = path.display())]
    MissingFile {
        /// The missing file.
        path: PathBuf,
        /// What it is needed for, and what helps.
        role: String,
    },
    /// Two things that must agree do not.
    #[error(transparent)]
    Contradiction(Box<Contradiction>),
    /// The operating system refused to write.
    #[error("{path}: cannot write: {source}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

/// Where something departs from what it must be.
#[derive(Debug)]
pub struct Contradiction {
    /// File, label, row or image.
    pub place: String,
    /// What must stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// What may be done about it.
    pub hint: Option<String>,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, found {}",
            self.place, self.expected, self.found
        )?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Contradiction {}

impl InteropError {
    /// Something at `place` is not what it must be.
    pub fn contradiction(
        place: impl fmt::Display,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        Self::Contradiction(Box::new(Contradiction {
            place: place.to_string(),
            expected: expected.into(),
            found: found.to_string(),
            hint: None,
        }))
    }

    /// The same error with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Contradiction(content) = &mut self {
            content.hint = Some(hint.into());
        }
        self
    }

    /// A file of the set is missing.
    pub fn missing(path: &Path, role: impl Into<String>) -> Self {
        Self::MissingFile {
            path: path.to_owned(),
            role: role.into(),
        }
    }
}

/// Creates the folder that `path` lies in.
pub(crate) fn create_parent(path: &Path) -> Result<(), InteropError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(parent).map_err(|source| InteropError::Write {
        path: parent.to_owned(),
        source,
    })
}

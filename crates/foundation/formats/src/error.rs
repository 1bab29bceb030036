//! The one error of this crate: which file, which line, what was expected, what was found, and a hint.

use std::fmt;
use std::path::Path;

/// Longest piece of offending text quoted in a message, in characters.
const QUOTE_LIMIT: usize = 60;

/// A file that could not be read, written or understood.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The operating system refused to read or write the file.
    #[error("{file}: cannot {action}: {source}")]
    Io {
        /// Path as given by the caller.
        file: String,
        /// What was attempted: `read` or `write`.
        action: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The content is not what the format asks for.
    #[error(transparent)]
    Content(#[from] Box<ContentError>),
}

/// Where and how the content of a file departs from its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentError {
    /// Name of the file (or of the text) being read or written.
    pub file: String,
    /// 1-based line (text) where the trouble is; `None` when it concerns the whole file or a byte offset.
    pub line: Option<usize>,
    /// What the format asks for.
    pub expected: String,
    /// What stands there instead.
    pub found: String,
    /// What the user may do about it.
    pub hint: Option<String>,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)?;
        if let Some(hint) = &self.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ContentError {}

impl FormatError {
    /// Content error at a 1-based line of a file.
    pub fn at(
        file: &str,
        line: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::content(file, Some(line), expected, found)
    }

    /// Content error about a file as a whole.
    pub fn whole(file: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::content(file, None, expected, found)
    }

    fn content(
        file: &str,
        line: Option<usize>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Content(Box::new(ContentError {
            file: file.to_owned(),
            line,
            expected: expected.into(),
            found: found.into(),
            hint: None,
        }))
    }

    /// The same error with advice for the user.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Content(content) = &mut self {
            content.hint = Some(hint.into());
        }
        self
    }

    /// Failure to read `path`.
    pub fn reading(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            file: path.display().to_string(),
            action: "read",
            source,
        }
    }

    /// Failure to write to the file called `name`.
    pub fn writing(name: &str, source: std::io::Error) -> Self {
        Self::Io {
            file: name.to_owned(),
            action: "write",
            source,
        }
    }

    /// 1-based line of a content error.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Content(content) => content.line,
            Self::Io { .. } => None,
        }
    }
}

/// `text` in quotation marks, control characters escaped, cut to a readable length.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    let mut rest = text.chars();
    for character in rest.by_ref().take(QUOTE_LIMIT) {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    if rest.next().is_some() {
        out.push('…');
    }
    out.push('\'');
    out
}

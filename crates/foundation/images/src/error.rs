//! The one error type of this crate: what was wrong, in which file format, expected against found.

use std::path::{Path, PathBuf};

/// Why a pixel container could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The operating system refused an operation on a file.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was attempted ("open", "read", "create", …).
        action: &'static str,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Reading or writing failed in the middle of a stream.
    #[error("{format}: cannot {action}: {source}")]
    Stream {
        /// The file format at work.
        format: &'static str,
        /// What was attempted.
        action: &'static str,
        /// The underlying error.
        source: std::io::Error,
    },
    /// The bytes are not of this format at all.
    #[error("not {article_format}: {reason}")]
    NotThisFormat {
        /// The format with its article ("an MRC file").
        article_format: &'static str,
        /// What was looked at and found.
        reason: String,
    },
    /// A header field has a value that cannot be right.
    #[error("{format} header: {field} is {found}, expected {expected}")]
    Header {
        /// The file format.
        format: &'static str,
        /// The field.
        field: &'static str,
        /// What the file says.
        found: String,
        /// What would have been acceptable.
        expected: String,
    },
    /// The file ends before the data its header promises.
    #[error(
        "{format} file is too short: its header promises {promised_bytes} bytes, found {found_bytes}; \
         {complete} of {promised} sections are complete (hint: the file was cut short: copy it again, or keep its complete sections with a tolerant reader)"
    )]
    TooShort {
        /// The file format.
        format: &'static str,
        /// File length in bytes that the header asks for.
        promised_bytes: u64,
        /// File length in bytes that was found.
        found_bytes: u64,
        /// Sections (images) promised.
        promised: usize,
        /// Sections (images) that are there in full.
        complete: usize,
    },
    /// The file is well formed but uses something that is not supported.
    #[error("{format}: {what} is not supported{hint}")]
    Unsupported {
        /// The file format.
        format: &'static str,
        /// The feature.
        what: String,
        /// Empty, or " (hint: …)".
        hint: &'static str,
    },
    /// A caller asked for something outside the image.
    #[error("{format}: {what} {asked} is out of range, the file has {available}")]
    OutOfRange {
        /// The file format.
        format: &'static str,
        /// What was asked for ("section", "window row", …).
        what: &'static str,
        /// The index or range asked for.
        asked: String,
        /// What the file holds.
        available: String,
    },
    /// The structure of the file contradicts itself.
    #[error("{format}: damaged: {what}")]
    Damaged {
        /// The file format.
        format: &'static str,
        /// Where and how.
        what: String,
    },
    /// More memory would be needed than the limit set for this file.
    #[error("{format}: {what} needs {needed} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The file format.
        format: &'static str,
        /// What would be that large.
        what: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A caller handed data that does not fit what was declared.
    #[error("{format} writer: {what}: expected {expected}, found {found}")]
    BadData {
        /// The file format.
        format: &'static str,
        /// Which argument.
        what: &'static str,
        /// What was declared.
        expected: String,
        /// What came.
        found: String,
    },
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "constructors turn numbers and texts alike into text"
)]
impl ImageError {
    /// An operating-system error about `path`.
    pub fn file(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            action,
            source,
        }
    }

    /// Adaptor for `map_err` on stream operations.
    pub(crate) fn stream(
        format: &'static str,
        action: &'static str,
    ) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Stream {
            format,
            action,
            source,
        }
    }

    /// A header field with an impossible value.
    pub(crate) fn header(
        format: &'static str,
        field: &'static str,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        Self::Header {
            format,
            field,
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    /// An index beyond what the file holds.
    pub(crate) fn out_of_range(
        format: &'static str,
        what: &'static str,
        asked: impl ToString,
        available: impl ToString,
    ) -> Self {
        Self::OutOfRange {
            format,
            what,
            asked: asked.to_string(),
            available: available.to_string(),
        }
    }

    /// A contradiction inside the file.
    pub(crate) fn damaged(format: &'static str, what: impl ToString) -> Self {
        Self::Damaged {
            format,
            what: what.to_string(),
        }
    }

    /// Data that does not fit its declaration.
    pub(crate) fn bad_data(
        format: &'static str,
        what: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self::BadData {
            format,
            what,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

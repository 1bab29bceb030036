//! Metadata files of acquisition programs: SerialEM `.mdoc` (tilt series, frame sets, montages), Tomography 5,
//! PACEtomo.
//!
//! A file is a header and sections `[ZValue = n]`, `[FrameSet = n]`, `[MontSection = n]`; each holds
//! `Key = value` lines in their order, all kept. Titles are `[T = …]` (or `T = …`) and may run over lines.
//! Values and units are the file's: degrees, µm, Å, e/Å². Reading and writing without changes keeps every byte
//! except white space at line ends.

mod date_time;
mod parser;
mod section;
mod titles;
mod writer;

#[cfg(test)]
mod tests;

pub use date_time::DateTime;
pub use parser::parse;
pub use section::{FrameDose, Section, SectionKind};
pub use writer::write;

use crate::error::FormatError;
use crate::text;
use std::path::Path;

/// One line (or title) of an mdoc, in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `Key = value`; the text around `=` is kept.
    Entry {
        /// Key as spelled in the file.
        key: String,
        /// What stands between key and value, usually ` = `.
        separator: String,
        /// Value without surrounding white space; may be empty.
        value: String,
    },
    /// Title; `text` is what follows `T =`, bytes kept, line breaks included.
    Title {
        /// Text after `T =`, up to the closing bracket.
        text: String,
        /// Whether it stood in brackets.
        bracketed: bool,
    },
    /// A line that is neither; kept.
    Text(String),
    /// An empty line.
    Blank,
}

impl Item {
    /// `key = value` in the usual layout.
    pub fn entry(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Entry {
            key: key.into(),
            separator: " = ".to_owned(),
            value: value.into(),
        }
    }

    /// `[T = text]`.
    pub fn title(text: impl Into<String>) -> Self {
        Self::Title {
            text: format!(" {}", text.into()),
            bracketed: true,
        }
    }
}

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// `\n`.
    #[default]
    Unix,
    /// `\r\n`, as SerialEM writes on Windows.
    Windows,
}

/// An mdoc file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mdoc {
    /// Name of the file, for messages.
    pub name: String,
    /// Lines before the first section.
    pub header: Vec<Item>,
    /// Sections in file order (not tilt order, not always acquisition order).
    pub sections: Vec<Section>,
    /// How lines end.
    pub line_end: LineEnd,
    /// Whether the last line lacks its line end.
    pub open_end: bool,
}

/// Reads an mdoc file.
pub fn read(path: &Path) -> Result<Mdoc, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

impl Mdoc {
    /// First header value of this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.header.iter().find_map(|item| match item {
            Item::Entry {
                key: own, value, ..
            } if own == key => Some(value.as_str()),
            _ => None,
        })
    }

    /// Header value of this key as a number; `None` when absent, an error when it is no number.
    pub fn number(&self, key: &str) -> Result<Option<f64>, FormatError> {
        self.get(key)
            .map(|value| section::number(&self.name, key, value))
            .transpose()
    }

    /// Header value of this key as numbers.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, FormatError> {
        self.get(key)
            .map(|value| section::numbers(&self.name, key, value))
            .transpose()
    }

    /// `PixelSpacing` (Å) of the header, else of the first section that has one.
    pub fn pixel_spacing(&self) -> Result<Option<f64>, FormatError> {
        match self.number("PixelSpacing")? {
            Some(value) => Ok(Some(value)),
            None => self
                .sections
                .iter()
                .find_map(|section| section.pixel_spacing().transpose())
                .transpose(),
        }
    }

    /// `Voltage` (kV).
    pub fn voltage(&self) -> Result<Option<f64>, FormatError> {
        self.number("Voltage")
    }

    /// `ImageFile`: the stack this mdoc belongs to.
    pub fn image_file(&self) -> Option<&str> {
        self.get("ImageFile")
    }

    /// `ImageSize`: columns and rows in pixels.
    pub fn image_size(&self) -> Result<Option<[f64; 2]>, FormatError> {
        Ok(self
            .numbers("ImageSize")?
            .and_then(|values| values.try_into().ok()))
    }

    /// Sections of one kind, in file order.
    pub fn sections_of(&self, kind: SectionKind) -> impl Iterator<Item = &Section> {
        self.sections
            .iter()
            .filter(move |section| section.kind == kind)
    }

    /// Header value by key, added at the end of the header entries when absent.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        section::set(&mut self.header, key, value.into());
    }
}

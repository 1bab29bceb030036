//! STAR files of RELION, Warp, STOPGAP, cryolo and (tolerated) mmCIF.
//!
//! A file is a list of blocks `data_<name>`; a block holds tables: loops or lists of pairs. Unknown blocks and
//! labels are kept. A file that is read and written without changes keeps every byte; a changed table is
//! written anew in RELION's layout and its untouched values keep their text. Values are kept as places in the
//! text (4 bytes each), so a table needs about the memory of its file.
//! Grammar: S. R. Hall, J. Chem. Inf. Comput. Sci. 31, 326 (1991), as RELION uses it.
//!
//! ```
//! use thon_formats::star;
//! let text = "data_particles\n\nloop_\n_rlnTomoName #1\n_rlnCoordinateX #2\nTS_1 10.5\nTS_2 -3\n";
//! let mut file = star::parse(text, "particles.star")?;
//! let x = file.table("particles")?.column("rlnCoordinateX")?.to_f64()?;
//! assert_eq!(x, [10.5, -3.0]);
//! assert_eq!(star::write(&file)?, text);
//! let block = file.find_mut("particles").expect("it was there above");
//! block.tables[0].set_f64("rlnCoordinateX", x.iter().map(|x| 2.0 * x))?;
//! assert!(star::write(&file)?.contains("21.000000"));
//! # Ok::<(), thon_formats::FormatError>(())
//! ```

mod cells;
mod column;
mod edit;
mod loop_parser;
mod parser;
mod scanner;
mod table;
mod token;
mod writer;

#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;

pub use column::Column;
pub use edit::{number, vector};
pub use table::{Table, TableKind};

use crate::error::FormatError;
use crate::text;
use cells::{SourceText, Span};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

/// A STAR file.
#[derive(Debug, Clone, Default)]
pub struct StarFile {
    /// Blocks in file order; names may repeat.
    pub blocks: Vec<Block>,
    /// White space and comments after the last table.
    tail: Option<Span>,
    source: Arc<SourceText>,
}

/// One `data_<name>` block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Name without `data_`; empty for the unnamed block.
    name: String,
    /// Comment lines written before the block when it is new.
    comments: Vec<String>,
    /// Tables in file order; RELION uses one per block.
    pub tables: Vec<Table>,
    /// Text of the file from the end of the previous table through the `data_` line.
    header: Option<Span>,
}

/// Parses STAR text; `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<StarFile, FormatError> {
    parser::parse(SourceText {
        name: name.to_owned(),
        text: text.to_owned(),
    })
}

/// Reads a STAR file.
pub fn read(path: &Path) -> Result<StarFile, FormatError> {
    parser::parse(SourceText {
        name: text::display_name(path),
        text: text::read_text(path)?,
    })
}

/// STAR text of a file.
pub fn write(file: &StarFile) -> Result<String, FormatError> {
    let mut bytes = Vec::new();
    writer::write(file, file.name(), &mut bytes)?;
    Ok(text::decode(bytes))
}

/// Writes a STAR file to `path`, streaming.
pub fn write_to(file: &StarFile, path: &Path) -> Result<(), FormatError> {
    let name = text::display_name(path);
    let failed = |error| FormatError::writing(&name, error);
    let mut out = BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    writer::write(file, &name, &mut out)?;
    out.flush().map_err(failed)
}

impl StarFile {
    /// New file of these blocks.
    pub fn new(blocks: Vec<Block>) -> Self {
        Self {
            blocks,
            tail: None,
            source: Arc::default(),
        }
    }

    /// Name of the file it was read from; empty for a new one.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// First block of this name (without `data_`).
    pub fn find(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.name == name)
    }

    /// First block of this name, to change it.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Block> {
        self.blocks.iter_mut().find(|block| block.name == name)
    }

    /// First table of the first block of this name; an error that lists the blocks when there is none.
    pub fn table(&self, name: &str) -> Result<&Table, FormatError> {
        self.find(name)
            .and_then(|block| block.tables.first())
            .ok_or_else(|| {
                let names: Vec<String> = self
                    .blocks
                    .iter()
                    .map(|block| format!("data_{}", block.name))
                    .collect();
                let found = if names.is_empty() {
                    "no blocks".to_owned()
                } else {
                    format!("blocks {}", names.join(", "))
                };
                FormatError::whole(
                    self.name(),
                    format!("a block data_{name} with a table"),
                    found,
                )
            })
    }

    /// The number of a `# version` comment (RELION: 30001, 50001), if there is one.
    pub fn version(&self) -> Option<i64> {
        self.blocks.iter().find_map(|block| {
            block
                .comments()
                .iter()
                .find_map(|comment| comment.strip_prefix("version")?.trim().parse().ok())
        })
    }
}

impl Block {
    /// New block of this name (without `data_`).
    pub fn new(name: impl Into<String>, tables: Vec<Table>) -> Self {
        Self {
            name: name.into(),
            comments: Vec::new(),
            tables,
            header: None,
        }
    }

    /// The same block with a comment line before it, such as `version 50001`.
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comments = self.comments();
        self.comments.push(comment.into());
        self.header = None;
        self
    }

    fn parsed(name: String, header: Span) -> Self {
        Self {
            name,
            comments: Vec::new(),
            tables: Vec::new(),
            header: Some(header),
        }
    }

    /// Name without `data_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the block another name; comments before it stay.
    pub fn rename(&mut self, name: impl Into<String>) {
        self.comments = self.comments();
        self.header = None;
        self.name = name.into();
    }

    /// Comment lines before the block, without `#`.
    pub fn comments(&self) -> Vec<String> {
        match &self.header {
            Some(header) => {
                let comment = |line: &str| Some(line.trim().strip_prefix('#')?.trim().to_owned());
                header.text().lines().filter_map(comment).collect()
            }
            None => self.comments.clone(),
        }
    }
}

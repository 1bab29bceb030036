//! Tomogram index maps of Dynamo (`.doc`, and `.vll` without numbers): number and path of each tomogram.

use crate::error::FormatError;
use crate::text;
use std::path::Path;

/// One tomogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedTomogram {
    /// Number in column `tomo` of the table; its line number (from 1) where the file gives none.
    pub index: i64,
    /// Path as in the file.
    pub path: String,
}

/// Parses an index map; lines with only a path (`.vll`) are numbered in order. `name` appears in messages.
pub fn parse(text: &str, name: &str) -> Result<Vec<IndexedTomogram>, FormatError> {
    let lines =
        text::content_lines(text, name).filter(|line| !line.text.starts_with(['#', '%', '*']));
    let mut tomograms = Vec::new();
    for line in lines {
        let (first, rest) = line
            .text
            .split_once(char::is_whitespace)
            .unwrap_or((line.text, ""));
        let tomogram = match (first.parse(), rest.trim()) {
            (Ok(_), "") => return Err(line.error("a path after the number", line.text)),
            (Ok(index), path) => IndexedTomogram {
                index,
                path: path.to_owned(),
            },
            (Err(_), _) => IndexedTomogram {
                index: tomograms.len() as i64 + 1,
                path: line.text.to_owned(),
            },
        };
        tomograms.push(tomogram);
    }
    Ok(tomograms)
}

/// Reads an index map.
pub fn read(path: &Path) -> Result<Vec<IndexedTomogram>, FormatError> {
    parse(&text::read_text(path)?, &text::display_name(path))
}

/// Text of an index map.
pub fn write(tomograms: &[IndexedTomogram]) -> String {
    let mut out = String::new();
    for tomogram in tomograms {
        for piece in [
            "   ",
            &tomogram.index.to_string(),
            "   ",
            &tomogram.path,
            "\n",
        ] {
            out.push_str(piece);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bare_paths() {
        let tomograms = parse("  1   /data/my tomo.mrc\n7\tb.rec\n", "a.doc").unwrap();
        assert_eq!(tomograms[0].path, "/data/my tomo.mrc");
        assert_eq!(tomograms[1].index, 7);
        assert_eq!(parse(&write(&tomograms), "b").unwrap(), tomograms);
        assert_eq!(
            parse("a.mrc\n\nb.mrc\n", "c.vll").unwrap()[1],
            IndexedTomogram {
                index: 2,
                path: "b.mrc".to_owned()
            }
        );
        assert!(parse("3\n", "d").is_err());
    }
}

//! The folder of real files beside the checkout, and the facts its manifest states.

use std::path::{Path, PathBuf};

/// Path of a real file, or `None` (with a printed line) when the folder is not there.
pub fn shared(file: &str) -> Option<PathBuf> {
    let root = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/data"
    ));
    if !root.is_dir() {
        println!("skipped: shared data absent");
        return None;
    }
    Some(root.join(file))
}

/// One line of the manifest.
#[derive(Debug)]
pub struct Fact {
    pub file: String,
    pub path: PathBuf,
    pub facts: String,
}

impl Fact {
    /// The number after `word` and a blank.
    pub fn number(&self, word: &str) -> Option<f64> {
        let (_, rest) = self.facts.split_once(&format!(" {word} "))?;
        let token = rest.split([' ', ',']).next()?;
        token.trim_end_matches('.').parse().ok()
    }

    /// The first `AxBxC` (or `AxB`) in the facts.
    pub fn dims(&self) -> Option<Vec<usize>> {
        self.facts.split([' ', ',']).find_map(|token| {
            let dims: Option<Vec<usize>> = token.split('x').map(|n| n.parse().ok()).collect();
            dims.filter(|d| d.len() > 1)
        })
    }
}

/// All files of the manifest whose facts start with `prefix`.
pub fn facts(prefix: &str) -> Vec<Fact> {
    let Some(manifest) = shared("MANIFEST.tsv") else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(manifest).unwrap();
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            columns[6].starts_with(prefix).then(|| Fact {
                file: columns[0].to_owned(),
                path: shared(columns[0]).unwrap(),
                facts: columns[6].to_owned(),
            })
        })
        .collect()
}

/// Equality to the four significant digits that the manifest prints.
pub fn agrees(found: f64, stated: f64) -> bool {
    let tolerance = 6e-4 * stated.abs() + 1e-15;
    (found - stated).abs() <= tolerance
}

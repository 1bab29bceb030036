//! Real files of the field beside the repository (`../shared/data`), where they are present.

use std::path::{Path, PathBuf};

/// Folder of the shared data, or `None` (with a line saying so) when it is absent.
pub fn folder() -> Option<PathBuf> {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/data"
    ));
    if path.is_dir() {
        Some(path.to_path_buf())
    } else {
        println!("skipped: shared data absent");
        None
    }
}

/// One line of the manifest: path below the folder and what a reference reader reported.
pub struct Entry {
    pub file: String,
    pub path: PathBuf,
    pub facts: String,
}

/// All entries of the manifest whose path passes `select`.
pub fn entries(select: impl Fn(&str) -> bool) -> Vec<Entry> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv"))
        .expect("the manifest is beside the data");
    let rows = manifest
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row.len() >= 7 && select(row[0]))
        .map(|row| Entry {
            file: row[0].to_owned(),
            path: folder.join(row[0]),
            facts: row[6].to_owned(),
        })
        .collect()
}

/// Whether a manifest path ends with one of these extensions (with their dot).
pub fn ends_with(file: &str, extensions: &[&str]) -> bool {
    extensions.iter().any(|extension| file.ends_with(extension))
}

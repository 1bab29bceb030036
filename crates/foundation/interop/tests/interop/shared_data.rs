//! Where the shared real files lie; absent on other machines, where the tests that need them say so and pass.

use std::path::PathBuf;

/// A path below the shared data, when it is there; prints a line when it is not.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("THON_SHARED_DATA").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../../shared/data"
            ))
        },
        PathBuf::from,
    );
    let full = folder.join(path);
    if full.exists() {
        return Some(full);
    }
    println!("skipped: shared data absent");
    None
}

/// All files below a folder whose name ends so, sorted.
pub fn files_below(folder: &std::path::Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

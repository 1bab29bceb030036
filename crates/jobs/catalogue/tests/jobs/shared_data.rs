//! The shared data, read where they lie; absent on most machines.

use std::path::PathBuf;

/// A file or folder of the shared data; tells when there is none.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("THON_SHARED_DATA").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../../shared/data"
            ))
        },
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: shared data absent");
        None
    }
}

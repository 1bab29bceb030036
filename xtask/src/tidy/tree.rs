//! The tracked tree: path, size and text of every file git knows.
use std::path::Path;
use std::process::Command;

use super::Failure;

/// Files above this size are not read as text.
const LARGEST_TEXT: u64 = 8 << 20;

/// One tracked file.
#[derive(Debug, Clone)]
pub(super) struct TrackedFile {
    /// Path relative to the workspace root, with forward slashes.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Text, or `None` for a binary or oversized file.
    pub text: Option<String>,
}

/// Every tracked file that exists in the working tree, sorted by path.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    /// The files.
    pub files: Vec<TrackedFile>,
}

impl TrackedFile {
    /// Whether this is Rust source.
    pub(super) fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    /// The components of the path.
    pub(super) fn components(&self) -> impl Iterator<Item = &str> {
        self.path.split('/')
    }
}

impl Tree {
    /// Reads the list from `git ls-files` and the texts from the working tree.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let output = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(root)
            .output()?;
        if !output.status.success() {
            return Err(
                format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)).into(),
            );
        }
        let mut files = Vec::new();
        for path in String::from_utf8(output.stdout)?.split_terminator('\0') {
            let full = root.join(path);
            let Ok(metadata) = full.symlink_metadata() else {
                continue;
            };
            if !metadata.is_file() {
                continue;
            }
            let size = metadata.len();
            let text = if size <= LARGEST_TEXT {
                read_text(&full)
            } else {
                None
            };
            files.push(TrackedFile {
                path: path.to_owned(),
                size,
                text,
            });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A tree of made-up files, for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let tracked = |(path, text): &(&str, &str)| TrackedFile {
            path: (*path).to_owned(),
            size: text.len() as u64,
            text: Some((*text).to_owned()),
        };
        Self {
            files: files.iter().map(tracked).collect(),
        }
    }

    /// The Rust files with their text.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&TrackedFile, &str)> {
        self.files
            .iter()
            .filter(|file| file.is_rust())
            .filter_map(|file| Some((file, file.text.as_deref()?)))
    }
}

fn read_text(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    if bytes.contains(&0) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

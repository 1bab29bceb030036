//! Traces of the machine a file was written on: absolute paths, package index hosts, stored data.
//!
//! The lock file may only name the one public index; test data in the repository stays small.
use super::Finding;
use super::tree::{TrackedFile, Tree};

/// Folders of build machines, split so that this file passes its own rule.
const MACHINE_FOLDERS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/bui", "lds/"),
];
/// Index and download hosts that belong in a machine's own configuration.
const INDEX_HOSTS: [&str; 2] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
];
/// The only source a locked package may have.
const PUBLIC_INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Largest stored file that is not source, in bytes.
const LARGEST_DATA: u64 = 200 << 10;
/// Files that are text by nature and may grow.
const GROWING: [&str; 7] = ["rs", "md", "toml", "lock", "ts", "tsx", "css"];

/// Checks every tracked file.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        findings.extend(oversized(file));
        let Some(text) = &file.text else { continue };
        for (index, line) in text.lines().enumerate() {
            findings.extend(traces(&file.path, index + 1, line));
        }
    }
    findings
}

fn oversized(file: &TrackedFile) -> Option<Finding> {
    let extension = file.path.rsplit('.').next().unwrap_or_default();
    if file.size <= LARGEST_DATA || GROWING.contains(&extension) {
        return None;
    }
    let what = format!(
        "{} KiB stored, at most {} KiB allowed",
        file.size >> 10,
        LARGEST_DATA >> 10
    );
    Some(Finding::error(
        &file.path,
        1,
        what,
        "generate it in the test, or read it from the shared data folder",
    ))
}

fn traces(path: &str, line: usize, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in MACHINE_FOLDERS
        .iter()
        .filter(|folder| names_folder(text, folder))
    {
        let hint = "use a path relative to the workspace or an environment variable";
        findings.push(Finding::error(
            path,
            line,
            format!("names the machine folder `{folder}`"),
            hint,
        ));
    }
    if let Some(host) = INDEX_HOSTS.iter().find(|host| text.contains(*host)) {
        let hint = "leave the index to the machine's cargo configuration";
        findings.push(Finding::error(
            path,
            line,
            format!("names the package host `{host}`"),
            hint,
        ));
    }
    for url in urls(text).filter(|url| url.contains("registry")) {
        let hint = "leave registries to the machine's own configuration";
        findings.push(Finding::error(
            path,
            line,
            format!("names the registry `{url}`"),
            hint,
        ));
    }
    if path.ends_with("Cargo.lock") {
        let source = text
            .strip_prefix("source = \"")
            .and_then(|rest| rest.strip_suffix('"'));
        if let Some(source) = source.filter(|source| *source != PUBLIC_INDEX) {
            let hint = "lock packages from the public index only";
            findings.push(Finding::error(
                path,
                line,
                format!("the package comes from `{source}`"),
                hint,
            ));
        }
    }
    findings
}

/// Whether the folder appears as an absolute path, not as the middle of a longer one.
fn names_folder(text: &str, folder: &str) -> bool {
    text.match_indices(folder).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| {
            !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '/' | '}' | '>' | '*')
        })
    })
}

fn urls(text: &str) -> impl Iterator<Item = &str> {
    let starts = ["http://", "https://"];
    starts.into_iter().flat_map(move |start| {
        text.match_indices(start).map(move |(at, _)| {
            let rest = &text[at..];
            let end = rest
                .find(|c: char| c.is_whitespace() || "\"'`)>]".contains(c))
                .unwrap_or(rest.len());
            &rest[..end]
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn machine_folders_are_found() {
        let folder = MACHINE_FOLDERS[0];
        assert_eq!(whats("a.md", &format!("see {folder}main for it")).len(), 1);
        assert_eq!(whats("a.md", &format!("`{folder}`")).len(), 1);
        assert!(whats("a.md", &format!("jobs{folder}part and ../x{folder}y")).is_empty());
    }

    #[test]
    fn hosts_and_registries_are_found() {
        assert_eq!(
            whats("a.toml", &format!("index = \"{}\"", INDEX_HOSTS[0])).len(),
            1
        );
        let registry = format!("https://npm.example.org/{}/x", "registry");
        assert_eq!(
            whats("a.json", &format!("\"resolved\": \"{registry}\"")).len(),
            1
        );
        assert!(whats("a.md", "https://doc.rust-lang.org and a registry of jobs").is_empty());
    }

    #[test]
    fn the_lock_file_knows_one_index() {
        assert!(whats("Cargo.lock", &format!("source = \"{PUBLIC_INDEX}\"")).is_empty());
        assert_eq!(
            whats("Cargo.lock", "source = \"git+https://example.org/a\"").len(),
            1
        );
    }

    #[test]
    fn stored_data_stays_small() {
        let large = "x".repeat(201 << 10);
        assert_eq!(whats("tests/map.mrc", &large).len(), 1);
        assert!(whats("docs/long.md", &large).is_empty());
        assert!(whats("tests/map.mrc", &large[..200 << 10]).is_empty());
    }
}

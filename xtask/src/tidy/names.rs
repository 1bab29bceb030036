//! Headers and names: every Rust file says in its first line what it is for, and no file or module
//! is called after its vagueness.
use super::Finding;
use super::source::code_only;
use super::tree::{TrackedFile, Tree};

const VAGUE: [&str; 8] = [
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "stuff",
    "shared_code",
];

/// Checks headers, file names and module names.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        findings.extend(vague_path(file));
        findings.extend(headless_page_file(file));
    }
    for (file, text) in tree.rust() {
        let header = text.lines().next().unwrap_or_default();
        if header
            .strip_prefix("//!")
            .is_none_or(|said| said.trim().is_empty())
        {
            let hint =
                "open the file with `//! what it computes, from where, in which frame and units`";
            findings.push(Finding::error(
                &file.path,
                1,
                "the file has no header",
                hint,
            ));
        }
        findings.extend(vague_modules(file, text));
    }
    findings
}

/// A file of the page, too, says in its first line what it is for.
fn headless_page_file(file: &TrackedFile) -> Option<Finding> {
    let ending = file.path.rsplit('.').next().unwrap_or_default();
    let is_code = file.path.starts_with("web/") && ["ts", "tsx", "mjs"].contains(&ending);
    let first = file.text.as_deref().filter(|_| is_code)?.lines().next();
    let said = first.and_then(|line| line.strip_prefix("//"));
    if said.is_some_and(|said| !said.trim().is_empty()) {
        return None;
    }
    let hint = "open the file with `// what it shows or does`";
    Some(Finding::error(
        &file.path,
        1,
        "the file has no header",
        hint,
    ))
}

fn vague_path(file: &TrackedFile) -> Option<Finding> {
    let vague = file
        .components()
        .map(|component| component.split('.').next().unwrap_or(component));
    let name = vague.into_iter().find(|stem| VAGUE.contains(stem))?;
    let hint = "name it after what it does";
    Some(Finding::error(
        &file.path,
        1,
        format!("the name `{name}` says nothing"),
        hint,
    ))
}

fn vague_modules(file: &TrackedFile, text: &str) -> Vec<Finding> {
    let code = code_only(text);
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let Some(declared) = line
            .split_whitespace()
            .skip_while(|word| *word != "mod")
            .nth(1)
        else {
            continue;
        };
        let name = declared.trim_end_matches(['{', ';']);
        if VAGUE.contains(&name) {
            let hint = "name it after what it does";
            findings.push(Finding::error(
                &file.path,
                index + 1,
                format!("the module `{name}` says nothing"),
                hint,
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<(usize, String)> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|finding| (finding.line, finding.what))
            .collect()
    }

    #[test]
    fn a_header_is_asked_of_every_rust_file() {
        assert!(lines("a/src/lib.rs", "//! Reads.\nfn a() {}").is_empty());
        assert_eq!(lines("a/src/lib.rs", "fn a() {}").len(), 1);
        assert_eq!(lines("a/tests/b.rs", "//!\nfn a() {}").len(), 1);
        assert_eq!(lines("a/src/b.rs", "").len(), 1);
        assert!(lines("a/readme.md", "words").is_empty());
    }

    #[test]
    fn a_header_is_asked_of_the_page_too() {
        assert!(lines("web/src/a.tsx", "// Shows a.\nlet a;").is_empty());
        assert_eq!(lines("web/src/a.ts", "let a;").len(), 1);
        assert_eq!(lines("web/tests/a.mjs", "//\nlet a;").len(), 1);
        assert!(lines("web/src/a.css", "a {}").is_empty());
    }

    #[test]
    fn vague_names_are_found() {
        assert_eq!(lines("a/src/utils.rs", "//! x").len(), 1);
        assert_eq!(lines("a/tests/common/mod.rs", "//! x").len(), 1);
        assert_eq!(lines("a/src/helpers/b.rs", "//! x").len(), 1);
        assert!(lines("a/src/uncommon.rs", "//! x").is_empty());
        let found = lines(
            "a/src/b.rs",
            "//! x\n// mod misc;\npub(crate) mod helpers {\n}\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 3);
    }
}

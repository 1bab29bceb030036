//! Lengths: a file has one job, a function fits a screen.
//!
//! Files warn above 300 lines and fail above 500 (700 under `tests/` and `benches/`). Functions fail
//! above 80 lines of code (blank and comment lines free) unless they say why with
//! `#[expect(clippy::too_many_lines, reason = "...")]`.
use super::Finding;
use super::source::code_only;
use super::tree::{TrackedFile, Tree};

const FILE_WARNING: usize = 300;
const FILE_ERROR: usize = 500;
const TEST_FILE_ERROR: usize = 700;
const FUNCTION_ERROR: usize = 80;

/// Checks the lengths of all Rust files and of those of the page.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in tree.rust() {
        findings.extend(file_length(file, text));
        findings.extend(function_lengths(&file.path, text));
    }
    for file in &tree.files {
        let ending = file.path.rsplit('.').next().unwrap_or_default();
        if let Some(text) = &file.text
            && file.path.starts_with("web/")
            && ["ts", "tsx", "mjs", "css"].contains(&ending)
        {
            findings.extend(file_length(file, text));
        }
    }
    findings
}

fn file_length(file: &TrackedFile, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let of_tests = file
        .components()
        .any(|component| matches!(component, "tests" | "benches"));
    let limit = if of_tests {
        TEST_FILE_ERROR
    } else {
        FILE_ERROR
    };
    let hint = "split it: one job, one file";
    if lines > limit {
        return Some(Finding::error(
            &file.path,
            limit + 1,
            format!("{lines} lines, at most {limit} allowed"),
            hint,
        ));
    }
    if lines > FILE_WARNING && !of_tests {
        let what = format!("{lines} lines, more than {FILE_WARNING}");
        return Some(Finding::warning(&file.path, FILE_WARNING + 1, what, hint));
    }
    None
}

fn function_lengths(path: &str, text: &str) -> Vec<Finding> {
    let code = code_only(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut findings = Vec::new();
    for (at, name) in functions(&code) {
        let Some(body) = body_of(&code[at..]) else {
            continue;
        };
        let length = body.lines().filter(|line| !line.trim().is_empty()).count();
        let line = code[..at].matches('\n').count();
        if length > FUNCTION_ERROR && !excused(&lines, line) {
            let what =
                format!("function `{name}` has {length} lines, at most {FUNCTION_ERROR} allowed");
            let hint =
                "split it, or say why with #[expect(clippy::too_many_lines, reason = \"...\")]";
            findings.push(Finding::error(path, line + 1, what, hint));
        }
    }
    findings
}

/// Byte offset and name of every `fn name` in blanked code.
fn functions(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = code[at + 3..].trim_start();
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if end > 0 {
            found.push((at, &rest[..end]));
        }
    }
    found
}

/// The text between the braces of the function that starts here; `None` without a body.
fn body_of(code: &str) -> Option<&str> {
    let mut brackets = 0_i32;
    let mut open = None;
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' if open.is_none() => brackets += 1,
            b')' | b']' if open.is_none() => brackets -= 1,
            b';' if open.is_none() && brackets == 0 => return None,
            b'{' if brackets == 0 || open.is_some() => {
                open.get_or_insert(at + 1);
                depth += 1;
            }
            b'}' if open.is_some() => {
                depth -= 1;
                if depth == 0 {
                    return open.map(|start| &code[start..at]);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether the attributes above the function's line excuse its length.
fn excused(lines: &[&str], line: usize) -> bool {
    for above in lines[..line].iter().rev() {
        let above = above.trim();
        if above.contains("clippy::too_many_lines") {
            return true;
        }
        if above.is_empty() || above.ends_with('}') || above.ends_with(';') || above.ends_with('{')
        {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!(
            "fn {name}(a: [u8; 3]) -> u8 {{\n{}}}\n",
            "    work();\n".repeat(lines)
        )
    }

    #[test]
    fn long_files_warn_then_fail() {
        let text = |lines| "//! x\n".repeat(lines);
        let severities = |path: &str, lines| {
            let findings = check(&Tree::of(&[(path, &text(lines))]));
            findings
                .into_iter()
                .map(|finding| finding.severity)
                .collect::<Vec<_>>()
        };
        assert!(severities("a/src/b.rs", 300).is_empty());
        assert_eq!(
            severities("a/src/b.rs", 301),
            [crate::tidy::Severity::Warning]
        );
        assert_eq!(
            severities("a/src/b.rs", 501),
            [crate::tidy::Severity::Error]
        );
        assert!(severities("a/tests/b.rs", 700).is_empty());
        assert_eq!(
            severities("a/tests/b.rs", 701),
            [crate::tidy::Severity::Error]
        );
        assert!(severities("a/src/b.txt", 5000).is_empty());
    }

    #[test]
    fn long_functions_fail_on_their_line() {
        let text = format!("//! x\n\n{}{}", function("fits", 80), function("long", 81));
        let findings = check(&Tree::of(&[("a/src/b.rs", &text)]));
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].line, 85);
        assert!(findings[0].what.contains("`long` has 81 lines"));
    }

    #[test]
    fn comments_are_free_and_a_reason_excuses() {
        let comments = function("commented", 79).replace("}\n", "// more\n\n// more\n}\n");
        let excuse = "#[expect(\n    clippy::too_many_lines,\n    reason = \"a table\"\n)]\n";
        let text = format!("{comments}{excuse}/// Doc.\n{}", function("table", 200));
        assert_eq!(check(&Tree::of(&[("a/src/b.rs", &text)])), []);
    }

    #[test]
    fn the_excuse_of_one_function_does_not_cover_the_next() {
        let text = format!(
            "#[expect(clippy::too_many_lines)]\n{}{}",
            function("a", 1),
            function("b", 90)
        );
        assert_eq!(check(&Tree::of(&[("a/src/b.rs", &text)])).len(), 1);
    }

    #[test]
    fn signatures_without_body_are_passed_over() {
        let text = format!(
            "trait T {{ fn a(&self, b: [u8; 2]); }}\n{}",
            "// \n".repeat(90)
        );
        assert_eq!(check(&Tree::of(&[("a/src/b.rs", &text)])), []);
    }
}

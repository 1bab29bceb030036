//! The documents say what is: links lead somewhere, quotes are true, commands run, every crate and decision is listed.
#![expect(clippy::print_stdout, reason = "what is skipped is said")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use thon_tests::documents::{root, text};

/// All Markdown files of the project's root and of `docs/`, as paths from the root.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("docs"), PathBuf::from("testdata")];
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if has_extension(&name, "md") {
            found.push(name);
        }
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if has_extension(path.to_str().unwrap(), "md") {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(found.len() > 10, "{found:?}");
    found
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

/// The text without fenced blocks.
fn prose(text: &str) -> String {
    let outside = text.split("\n```").step_by(2);
    outside.collect::<Vec<_>>().join("\n")
}

/// Targets of `[words](target)`.
fn links(text: &str) -> Vec<String> {
    let after = text.split("](").skip(1);
    after
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// What a heading is called in a link: lower case, `-` for blanks, other signs left out.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>()
        .trim()
        .to_lowercase()
        .replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn links_between_documents_resolve() {
    let mut broken = Vec::new();
    let mut count = 0;
    for document in documents() {
        let home = Path::new(&document).parent().unwrap().to_path_buf();
        for link in links(&prose(&text(&document))) {
            if link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, place) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                PathBuf::from(&document)
            } else {
                home.join(file)
            };
            let full = root().join(&target);
            let there = full.exists()
                && (place.is_empty()
                    || anchors(&std::fs::read_to_string(full).unwrap()).contains(place));
            if !there {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(count > 20, "{count}");
}

/// Words in code spans that look like paths of this repository.
fn named_paths(text: &str) -> Vec<String> {
    let spans = text.split('`').skip(1).step_by(2);
    let starts = [
        "crates/",
        "tests/",
        "benches/",
        "docs/",
        "xtask/",
        "app/",
        "fuzz/",
        "testdata/",
        ".ci/",
        "./.ci/",
    ];
    let path = |span: &&str| {
        starts.iter().any(|start| span.starts_with(start)) && !span.contains([' ', '<', '*', '…'])
    };
    spans.filter(path).map(str::to_owned).collect()
}

#[test]
fn files_that_documents_name_exist() {
    let mut absent = Vec::new();
    for document in documents() {
        for path in named_paths(&prose(&text(&document))) {
            if !root().join(&path).exists() {
                absent.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(absent.is_empty(), "{absent:#?}");
}

/// Folders of all members of the workspace, from the root manifest.
fn crates() -> Vec<String> {
    let manifest = text("Cargo.toml");
    let members = manifest
        .split_once("members = [")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    let mut folders = Vec::new();
    for member in members.split('"').skip(1).step_by(2) {
        match member.strip_suffix("/*") {
            None => folders.push(member.to_owned()),
            Some(floor) => {
                let entries = std::fs::read_dir(root().join(floor)).unwrap();
                let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
                folders.extend(names.map(|name| format!("{floor}/{name}")));
            }
        }
    }
    folders.retain(|folder| root().join(folder).join("Cargo.toml").is_file());
    assert!(folders.len() > 20, "{folders:?}");
    folders
}

#[test]
fn every_crate_has_its_paragraph() {
    let architecture = text("ARCHITECTURE.md");
    let told: BTreeSet<String> = architecture
        .lines()
        .filter_map(|line| Some(line.strip_prefix("### `")?.strip_suffix('`')?.to_owned()))
        .collect();
    let there: BTreeSet<String> = crates().into_iter().collect();
    assert_eq!(told, there);
    for section in architecture.split("\n### `").skip(1) {
        let name = section.split('`').next().unwrap();
        let house = !["tests", "benches", "xtask"].contains(&name);
        assert!(
            !house || section.contains("**Invariant:**"),
            "{name} states no invariant"
        );
    }
}

#[test]
fn every_decision_is_listed_and_complete() {
    let index = text("docs/decisions/README.md");
    let listed: BTreeSet<String> = links(&index).into_iter().collect();
    let entries = std::fs::read_dir(root().join("docs/decisions")).unwrap();
    let mut there: BTreeSet<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.remove("README.md");
    assert_eq!(listed, there);
    for file in &there {
        let decision = text(&format!("docs/decisions/{file}"));
        for part in [
            "**Context.**",
            "**Decision.**",
            "**Alternatives.**",
            "**Consequences.**",
        ] {
            assert!(decision.contains(part), "{file} has no {part}");
        }
        let title = decision.lines().next().unwrap().trim_start_matches("# ");
        let (number, words) = title.split_once(' ').unwrap();
        assert!(file.starts_with(number), "{file} is called {number}");
        assert!(
            index.contains(&format!("| {words} |")),
            "the index does not say: {words}"
        );
    }
}

#[test]
fn conventions_and_their_tests_name_each_other() {
    let (conventions, code) = (text("CONVENTIONS.md"), text("tests/tests/conventions.rs"));
    let named: BTreeSet<&str> = conventions
        .split("(`test: ")
        .skip(1)
        .map(|rest| rest.split('`').next().unwrap())
        .collect();
    let written: BTreeSet<&str> = code
        .split("#[test]\nfn ")
        .skip(1)
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    assert_eq!(named, written);
    for section in conventions.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        assert!(
            section.contains("**Numbers** (`test: "),
            "{title}: no number"
        );
    }
}

#[test]
fn quotes_are_word_for_word() {
    let mut count = 0;
    for document in documents() {
        let text_of_document = text(&document);
        for quote in text_of_document.split("<!-- quote: ").skip(1) {
            let (file, rest) = quote.split_once(" -->\n```rust\n").unwrap();
            let quoted = rest.split_once("```\n").unwrap().0;
            assert!(
                quoted == text(file),
                "{document} does not quote {file} word for word"
            );
            count += 1;
        }
    }
    assert!(count > 0);
}

/// The program as the ordinary build leaves it, beside this test's own folder.
fn program() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let program = test.parent()?.parent()?.join("thon");
    if program.is_file() {
        return Some(program);
    }
    println!("skipped: {} is not built", program.display());
    None
}

/// Shell blocks under `<!-- run -->`.
fn runnable(text: &str) -> Vec<&str> {
    let blocks = text.split("<!-- run -->\n```sh\n").skip(1);
    blocks
        .map(|rest| rest.split_once("```\n").unwrap().0)
        .collect()
}

#[test]
fn commands_of_documents_run() {
    let Some(program) = program() else { return };
    let mut path = vec![program.parent().unwrap().to_path_buf()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let mut count = 0;
    for document in documents() {
        for block in runnable(&text(&document)) {
            let directory = tempfile::tempdir().unwrap();
            let ran = Command::new("bash")
                .args(["-euo", "pipefail", "-c", block])
                .current_dir(directory.path())
                .env("PATH", std::env::join_paths(&path).unwrap())
                .output()
                .unwrap();
            let (out, err) = (
                String::from_utf8_lossy(&ran.stdout),
                String::from_utf8_lossy(&ran.stderr),
            );
            assert!(ran.status.success(), "{document}:\n{block}\n{out}\n{err}");
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn ci_runs_the_readme_test_command() {
    let (readme, ci) = (text("README.md"), text(".ci/run"));
    let command = "./.ci/test";
    assert!(readme.contains(&format!("```sh\n{command}\n```")));
    assert!(ci.lines().any(|line| line.starts_with(command)));
}

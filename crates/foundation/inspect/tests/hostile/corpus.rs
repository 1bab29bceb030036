//! The stored corpus `testdata/corpus`: made here, replayed through every parser of its family.
//!
//! `cargo test -p thon-inspect --test hostile -- --ignored rewrite_the_corpus` writes the files and the table
//! `expected.txt` anew: per file, whether its own parser reads or refuses it, and which others of its family
//! (files of bytes, or of text) and the recognition of `thon inspect` (`any`) read it too.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thon_inspect::{Kind, inspect_bytes};

use crate::parsers::Parser;
use crate::{corpus_bytes, corpus_text, seeds};

/// Largest corpus file, bytes.
const LARGEST: usize = 8 << 10;
/// Largest corpus, bytes.
const WHOLE: usize = 200 << 10;
/// Longest time of one parser on one file.
const LONGEST: Duration = Duration::from_secs(1);

/// One file of the corpus.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The parser it is meant for; its folder.
    pub parser: &'static str,
    /// What is wrong with it; its file name. `minimal` is good.
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

/// Every file, sorted by folder and name.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = corpus_bytes::cases();
    cases.extend(corpus_text::cases());
    cases.sort_by_key(|case| (case.parser, case.name));
    cases
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../testdata/corpus"
    ))
}

/// The parsers that have a folder.
fn parsers() -> Vec<Parser> {
    let kinds: BTreeSet<Kind> = seeds::made().into_iter().map(|(kind, _)| kind).collect();
    kinds
        .into_iter()
        .map(Parser::of)
        .chain(Parser::direct())
        .collect()
}

/// The stored files by `parser/name`.
fn stored() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for parser in entries(&folder()).into_iter().filter(|path| path.is_dir()) {
        for file in entries(&parser) {
            let name = format!("{}/{}", file_name(&parser), file_name(&file));
            files.insert(
                name,
                std::fs::read(&file).expect("a stored file is readable"),
            );
        }
    }
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let list = std::fs::read_dir(folder).expect("testdata/corpus is part of the repository");
    list.map(|entry| entry.expect("a folder is readable").path())
        .collect()
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .expect("names in the corpus are ASCII")
}

/// Runs every parser of the family on every file; the table of outcomes, and what took too long.
fn replay(files: &BTreeMap<String, Vec<u8>>) -> (String, Vec<String>) {
    let parsers = parsers();
    let mut table = String::new();
    let mut slow = Vec::new();
    for (file, bytes) in files {
        let (own, _) = file.split_once('/').expect("a folder and a name");
        let own = parsers
            .iter()
            .find(|parser| parser.name == own)
            .unwrap_or_else(|| panic!("no parser is named as the folder of {file}"));
        let mut line = |what: &str, start: Instant| {
            if start.elapsed() > LONGEST {
                slow.push(format!("{file} in {what}: {:?}", start.elapsed()));
            }
        };
        let start = Instant::now();
        let answer = own.read(bytes);
        line(&own.name, start);
        let class = if answer.is_ok() { "ok" } else { "refused" };
        let mut others = Vec::new();
        for other in &parsers {
            if other.family == own.family && other.name != own.name {
                let start = Instant::now();
                if other.read(bytes).is_ok() {
                    others.push(other.name.as_str());
                }
                line(&other.name, start);
            }
        }
        let start = Instant::now();
        if inspect_bytes(bytes, file).is_ok() {
            others.push("any");
        }
        line("any", start);
        let _ = writeln!(table, "{file} {class} | {}", others.join(" "));
    }
    (table, slow)
}

#[test]
fn the_corpus_is_answered_as_recorded() {
    let (table, slow) = replay(&stored());
    assert!(slow.is_empty(), "longer than {LONGEST:?}: {slow:#?}");
    let expected = std::fs::read_to_string(folder().join("expected.txt"))
        .expect("expected.txt is part of the corpus");
    let found: BTreeSet<&str> = table.lines().collect();
    let recorded: BTreeSet<&str> = expected
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let new: Vec<_> = found.difference(&recorded).collect();
    let gone: Vec<_> = recorded.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "found, not recorded: {new:#?}\nrecorded, not found: {gone:#?}\n\
         if the change is meant, run the ignored test rewrite_the_corpus and look at the difference"
    );
}

#[test]
fn the_corpus_is_small_and_made_here() {
    let stored = stored();
    let total: usize = stored.values().map(Vec::len).sum();
    assert!(total <= WHOLE, "{total} bytes, at most {WHOLE}");
    for (file, bytes) in &stored {
        assert!(bytes.len() <= LARGEST, "{file}: {} bytes", bytes.len());
    }
    let cases = cases();
    let made: BTreeSet<String> = cases
        .iter()
        .map(|case| format!("{}/{}", case.parser, case.name))
        .collect();
    assert_eq!(made.len(), cases.len(), "two files of one name");
    assert_eq!(made, stored.keys().cloned().collect(), "made, stored");
    // The bytes of a deflate stream belong to the library that packs it.
    let packed = ["compressed", "zip_archive", "npz_arrays", "tiff"];
    for case in cases.iter().filter(|case| !packed.contains(&case.parser)) {
        let file = format!("{}/{}", case.parser, case.name);
        assert!(
            stored[&file] == case.bytes,
            "{file} differs from what is made"
        );
    }
}

#[test]
fn every_parser_has_a_good_file_and_hostile_ones() {
    let cases = cases();
    for parser in parsers() {
        let own: Vec<&Case> = cases
            .iter()
            .filter(|case| case.parser == parser.name)
            .collect();
        assert!(
            (3..=8).contains(&own.len()),
            "{}: {} files",
            parser.name,
            own.len()
        );
        let good = own.iter().find(|case| case.name == "minimal");
        let good = good.unwrap_or_else(|| panic!("{}: no file named minimal", parser.name));
        assert_eq!(parser.read(&good.bytes), Ok(()), "{}", parser.name);
        let target = format!("fuzz/fuzz_targets/{}.rs", parser.name);
        assert!(
            folder().join("../..").join(&target).is_file(),
            "{target} is missing"
        );
    }
}

#[test]
#[ignore = "writes testdata/corpus"]
fn rewrite_the_corpus() {
    let folder = folder();
    for old in entries(&folder).into_iter().filter(|path| path.is_dir()) {
        std::fs::remove_dir_all(old).expect("a folder of the corpus can be removed");
    }
    for case in cases() {
        let parent = folder.join(case.parser);
        std::fs::create_dir_all(&parent).expect("a folder can be made");
        std::fs::write(parent.join(case.name), &case.bytes).expect("a file can be written");
    }
    let (table, _) = replay(&stored());
    let head = "# file, outcome of its own parser | the other readers of its family that read it\n";
    std::fs::write(folder.join("expected.txt"), format!("{head}{table}"))
        .expect("the table can be written");
}

//! Lines with checksums: torn and garbled ones are known, and the rest is kept.
#![expect(
    clippy::unwrap_used,
    reason = "the script of the test is no test function itself"
)]
use std::fs;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use thon_project::durable::Fault;
use thon_project::lines::{LineWriter, decode_all, encode, read};
use thon_project::{Durable, FaultyDisk};

#[expect(dead_code, reason = "each test file uses a part of the script")]
mod script;
use script::scratch;

#[test]
fn a_file_cut_at_any_byte_keeps_exactly_its_whole_lines() {
    let records = [
        json!({ "key": "a", "size": 1 }),
        json!("text with } and \" and \n in it"),
        json!([1.5, null]),
    ];
    let lines: Vec<String> = records.iter().map(encode).collect();
    let all = lines.concat();
    for cut in 0..=all.len() {
        let found = decode_all::<Value>(&all.as_bytes()[..cut]);
        // A line is whole once its last brace is there, with or without its newline.
        let mut end = 0;
        let whole = lines
            .iter()
            .take_while(|line| {
                end += line.len();
                end - 1 <= cut
            })
            .count();
        assert_eq!(found.records, records[..whole], "cut at {cut}");
        let on_boundary =
            all[..cut].is_empty() || all[..cut].ends_with('\n') || all[cut..].starts_with('\n');
        assert_eq!(found.damaged, usize::from(!on_boundary), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn a_changed_byte_never_changes_a_record(position in 0usize..200, byte in any::<u8>()) {
        let records = [json!({ "key": "abcdef", "size": 123_456 }), json!({ "key": "ghijkl", "size": 7 })];
        let mut bytes = records.iter().map(encode).collect::<String>().into_bytes();
        let position = position % bytes.len();
        bytes[position] = byte;
        let found = decode_all::<Value>(&bytes);
        prop_assert!(found.records.iter().all(|record| records.contains(record)));
        prop_assert!(found.records.len() + found.damaged >= 1);
    }

    #[test]
    fn any_bytes_are_read_without_a_record(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode_all::<Value>(&bytes).records.is_empty());
    }
}

#[test]
fn an_append_after_a_failed_append_starts_on_a_line_of_its_own() {
    let (place, graves) = (scratch(), scratch());
    let path = place.path().join("units.jsonl");
    let mut torn = 0;
    for at in 0..20 {
        let _ = fs::remove_file(&path);
        let disk = FaultyDisk::new(place.path(), graves.path())
            .unwrap()
            .with_fault(at, Fault::NoSpace);
        let durable = Durable::new(Arc::new(disk));
        let Ok(writer) = LineWriter::create(&durable, &path) else {
            continue;
        };
        let mut kept = Vec::new();
        for number in 0..3 {
            if writer.append(&number).is_ok() {
                kept.push(number);
            }
        }
        let found = read::<i32>(&Durable::default(), &path).unwrap();
        // A failed append may have left its line whole; an acknowledged one is always there.
        assert!(
            kept.iter().all(|number| found.records.contains(number)),
            "fault at {at}: {found:?}"
        );
        torn += found.damaged;
    }
    assert!(torn > 0, "no append was torn");
}

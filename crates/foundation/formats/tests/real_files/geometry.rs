//! Every real transform, angle list and AreTomo alignment parses, has the stated views, and round-trips.

use crate::shared_data;
use thon_formats::{aretomo, imod};

#[test]
fn every_transform_file() {
    let entries = shared_data::entries(|file| {
        shared_data::ends_with(file, &[".xf", ".tltxf"]) && !file.contains("local")
    });
    for entry in &entries {
        if entry.file.contains("_midas") {
            let error = imod::transforms::read(&entry.path).unwrap_err();
            assert!(error.to_string().contains("warping transforms"), "{error}");
            continue;
        }
        let transforms =
            imod::transforms::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        if let Some(count) = entry.facts.strip_suffix(" lines of 6 numbers") {
            assert_eq!(
                transforms.len(),
                count.parse::<usize>().unwrap(),
                "{}",
                entry.file
            );
        }
        assert!(!transforms.is_empty(), "{}", entry.file);
        assert_eq!(
            imod::transforms::parse(&imod::transforms::write(&transforms), "back").unwrap(),
            transforms,
            "{}",
            entry.file
        );
    }
    println!("{} transform files", entries.len());
}

#[test]
fn every_angle_list() {
    let entries =
        shared_data::entries(|file| shared_data::ends_with(file, &[".tlt", ".rawtlt", ".xtilt"]));
    let mut stated = 0;
    for entry in &entries {
        let table = imod::tilt_angles::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            imod::tilt_angles::parse(&imod::tilt_angles::write(&table), "back").unwrap(),
            table,
            "{}",
            entry.file
        );
        // "61 rows x 1, 65.06 .. -55.12"
        let Some((rows, rest)) = entry.facts.split_once(" rows x ") else {
            continue;
        };
        let (width, range) = rest.split_once(", ").unwrap();
        assert_eq!(
            (table.rows(), table.width()),
            (rows.parse().unwrap(), width.parse().unwrap()),
            "{}",
            entry.file
        );
        let (first, last) = range.split_once(" .. ").unwrap();
        let last = last.split(['.', ' ']).take(2).collect::<Vec<_>>().join(".");
        // emClarity keeps the angle in the fourth column; the stated range is of the first that the reader took.
        let column = table
            .column(if table.width() == 22 { 3 } else { 0 })
            .unwrap();
        let round = |value: f64| format!("{value:.2}").parse::<f64>().unwrap();
        if table.width() < 22 {
            assert_eq!(
                round(column[0]),
                first.parse::<f64>().unwrap(),
                "{}",
                entry.file
            );
            assert_eq!(
                round(column[column.len() - 1]),
                last.parse::<f64>().unwrap(),
                "{}",
                entry.file
            );
        }
        stated += 1;
    }
    println!("{} angle lists, {stated} as stated", entries.len());
}

/// The value after `key` in the facts.
fn after<'a>(facts: &'a str, key: &str) -> &'a str {
    facts
        .split(", ")
        .find_map(|part| part.trim_start_matches("AreTomo ").strip_prefix(key))
        .unwrap_or("?")
        .trim()
}

#[test]
fn every_aretomo_alignment() {
    let entries = shared_data::entries(|file| shared_data::ends_with(file, &[".aln"]));
    for entry in &entries {
        let alignment =
            aretomo::alignment::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        let facts = entry.facts.split('.').next().unwrap();
        match after(facts, "RawSize ") {
            "?" => assert_eq!(alignment.raw_size, None, "{}", entry.file),
            size => {
                let size: Vec<usize> = size.split(' ').map(|word| word.parse().unwrap()).collect();
                assert_eq!(alignment.raw_size.unwrap().to_vec(), size, "{}", entry.file);
                let dark: usize = after(facts, "dark frames ").parse().unwrap();
                assert_eq!(alignment.dark_frames.len(), dark, "{}", entry.file);
                assert_eq!(
                    alignment.patches.to_string(),
                    after(facts, "patches "),
                    "{}",
                    entry.file
                );
                if !entry.file.contains("small") {
                    assert_eq!(alignment.images.len() + dark, size[2], "{}", entry.file);
                    assert!(alignment.section_base().is_some(), "{}", entry.file);
                }
            }
        }
        let back =
            aretomo::alignment::parse(&aretomo::alignment::write(&alignment), "back").unwrap();
        assert_eq!(back, alignment, "{}", entry.file);
    }
    println!("{} AreTomo alignments", entries.len());
}

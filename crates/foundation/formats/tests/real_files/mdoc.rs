//! Every real mdoc parses, has the stated sections, tilt range and pixel size, and is written back.

use crate::shared_data;
use thon_formats::mdoc::{self, Mdoc, SectionKind};

/// The word before `name` in the facts, as a number.
fn count_before(facts: &str, name: &str) -> usize {
    let words: Vec<&str> = facts.split([' ', ',', ';']).collect();
    let at = words.iter().position(|word| *word == name).unwrap();
    words[at - 1].parse().unwrap()
}

fn fact<'a>(facts: &'a str, prefix: &str) -> Option<&'a str> {
    facts
        .split(';')
        .find_map(|part| part.trim().strip_prefix(prefix))
}

fn check_facts(file: &str, mdoc: &Mdoc, facts: &str) {
    for (kind, name) in [
        (SectionKind::ZValue, "ZValue"),
        (SectionKind::FrameSet, "FrameSet"),
        (SectionKind::MontSection, "MontSection"),
    ] {
        assert_eq!(
            mdoc.sections_of(kind).count(),
            count_before(facts, name),
            "{file} {name}"
        );
    }
    let tilts: Vec<f64> = mdoc
        .sections
        .iter()
        .filter_map(|section| section.tilt_angle().unwrap())
        .collect();
    let (low, high) = fact(facts, "tilt ").unwrap().split_once("..").unwrap();
    // Stated to one decimal, halves rounded either way.
    let near = |value: f64, stated: &str| (value - stated.parse::<f64>().unwrap()).abs() < 0.0501;
    assert!(
        near(tilts.iter().copied().fold(f64::INFINITY, f64::min), low),
        "{file}"
    );
    assert!(
        near(
            tilts.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            high
        ),
        "{file}"
    );
    if let Some(spacing) = fact(facts, "PixelSpacing ") {
        assert_eq!(
            mdoc.pixel_spacing().unwrap(),
            spacing.parse().ok(),
            "{file}"
        );
    }
    let has_path = mdoc
        .sections
        .iter()
        .any(|section| section.sub_frame_path().is_some());
    assert_eq!(has_path, fact(facts, "SubFramePath").is_some(), "{file}");
}

#[test]
fn every_mdoc_holds_what_is_stated_and_round_trips() {
    let entries = shared_data::entries(|file| shared_data::ends_with(file, &[".mdoc"]));
    let mut identical = 0;
    for entry in &entries {
        let mdoc = mdoc::read(&entry.path).unwrap_or_else(|error| panic!("{error}"));
        check_facts(&entry.file, &mdoc, &entry.facts);
        for section in &mdoc.sections {
            section.date_time().unwrap();
            section.frame_doses().unwrap();
            section.exposure_dose().unwrap();
            section.prior_record_dose().unwrap();
            section.defocus().unwrap();
            assert_eq!(
                section.sub_frame_name().is_some(),
                section.sub_frame_path().is_some(),
                "{}",
                entry.file
            );
            assert!(
                !section
                    .sub_frame_name()
                    .unwrap_or_default()
                    .contains(['/', '\\']),
                "{}",
                entry.file
            );
        }
        let text = mdoc::write(&mdoc);
        assert_eq!(
            mdoc::parse(&text, &mdoc.name).unwrap(),
            mdoc,
            "{}",
            entry.file
        );
        let original = std::fs::read_to_string(&entry.path).unwrap();
        if text == original {
            identical += 1;
        } else {
            let trimmed = |text: &str| {
                text.lines()
                    .map(|line| line.trim_end().to_owned())
                    .collect::<Vec<_>>()
            };
            assert_eq!(trimmed(&text), trimmed(&original), "{}", entry.file);
        }
    }
    println!(
        "{} mdoc files, {identical} written back byte for byte",
        entries.len()
    );
}

#[test]
fn tilt_axis_and_doses_of_known_files() {
    let Some(folder) = shared_data::folder() else {
        return;
    };
    let axis = [
        ("cryocat_017/017.mdoc", Some(82.9)),
        ("tomo5_Position_10.mdoc", Some(-171.35)),
        ("synthetic_edge_cases/TS_t_section_space.mdoc", Some(85.7)),
        ("synthetic_edge_cases/TS_t_section_text.mdoc", None),
        ("stem_multitilt_test_000.mdoc", Some(-90.0)),
    ];
    for (file, angle) in axis {
        let mdoc = mdoc::read(&folder.join("01_mdoc").join(file)).unwrap();
        assert_eq!(mdoc.tilt_axis_angle(), angle, "{file}");
    }
    let series = mdoc::read(&folder.join("01_mdoc/cryocat_017/017.mdoc")).unwrap();
    assert_eq!(series.dose_symmetric_start(), Some(8.0));
    let first = &series.sections[0];
    let doses = first.frame_doses().unwrap();
    assert_eq!(
        doses.iter().map(|run| run.frames).sum::<usize>(),
        first.sub_frames().unwrap().unwrap()
    );
    assert_eq!(
        first.date_time().unwrap().unwrap().to_string(),
        "06-Jun-2023  23:19:46"
    );
}
